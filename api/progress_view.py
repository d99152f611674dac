"""A player's progress as clients see it: the answer to every action that changes it."""

from datetime import date
from typing import Any

from pydantic import JsonValue

from game.catalogue import GLOBAL_BOARD
from game.model import Model
from store.progress import Progress


class ProgressView(Model):
    """`tasks` holds the day (UTC) of each task's last completion, `bests` the best score an area."""

    level: int
    xp: int
    checkpoint: JsonValue
    version: int
    unlocked: tuple[str, ...]
    tasks: dict[str, date]
    money: int
    inventory: dict[str, int]
    bests: dict[str, int]


def fields(progress: Progress) -> dict[str, Any]:
    """Return the fields of a ProgressView, or of an answer that says more."""
    shared = ("level", "xp", "checkpoint", "version", "unlocked", "tasks", "money", "inventory")
    bests = {board: best.points for board, best in progress.bests.items() if board != GLOBAL_BOARD}
    return {name: getattr(progress, name) for name in shared} | {"bests": bests}


def view(progress: Progress) -> ProgressView:
    """Return a player's progress as clients see it."""
    return ProgressView(**fields(progress))
