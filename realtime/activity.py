"""Marks of the boards that clients look at, which the sweep visits for that: see `game.activity`."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from game.activity import hour_of
from store import activity
from store.boards import PublishedBoard
from store.database import Database


@dataclass
class ActivityMarks:
    """Marks boards active, each once in an hour of its own. Remembers what one container has marked.

    For a row may be a second old, and a crowd that pings in that second would otherwise write it once each.
    """

    _hours: dict[str, str] = field(default_factory=dict)

    async def mark(self, db: Database, published: Iterable[PublishedBoard], now: int) -> None:
        """Make boards active whose rows carry another hour than `now`'s, in milliseconds since the epoch."""
        await asyncio.gather(*(self._mark(db, board, now) for board in published))

    async def _mark(self, db: Database, board: PublishedBoard, now: int) -> None:
        name = board.game_area
        hour = hour_of(name, now)
        if hour in (board.active_hour, self._hours.get(name)):
            return
        await activity.mark(db, name, now)
        self._hours[name] = hour
