"""A player's progress as clients see it: the answer to every action that changes it.

The bests, of which a player may have thousands, are in the answer to `GET /progress` alone: so an action
costs the same however many areas the player has been in.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import JsonValue

from game.model import Model
from store.progress import Progress


class ProgressView(Model):
    """`tasks` holds the day (UTC) of each task's last completion."""

    level: int
    xp: int
    checkpoint: JsonValue
    version: int
    unlocked: tuple[str, ...]
    tasks: dict[str, date]
    money: int
    inventory: dict[str, int]


class ProgressWithBests(ProgressView):
    """The progress, and in `bests` the points that the player has, by area."""

    bests: dict[str, int]


def fields(progress: Progress) -> dict[str, Any]:
    """Return the fields of a ProgressView."""
    return {name: getattr(progress, name) for name in ProgressView.model_fields}


def with_bests(progress: Progress, bests: Mapping[str, int]) -> ProgressWithBests:
    """Return a player's progress as clients see it; `bests` are points by area."""
    return ProgressWithBests(**fields(progress), bests=dict(bests))
