"""A player's progress as clients see it: the answer to every action that changes it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import JsonValue

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


def fields(progress: Progress, bests: Mapping[str, int]) -> dict[str, Any]:
    """Return the fields of a ProgressView, or of an answer that says more; `bests` are points by area."""
    shared = ("level", "xp", "checkpoint", "version", "unlocked", "tasks", "money", "inventory")
    return {name: getattr(progress, name) for name in shared} | {"bests": dict(bests)}


def view(progress: Progress, bests: Mapping[str, int]) -> ProgressView:
    """Return a player's progress as clients see it."""
    return ProgressView(**fields(progress, bests))
