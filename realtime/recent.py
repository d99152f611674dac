"""Boards as they were a moment ago, for pings: a board's row is one item, which no partition can split.

A ping may be answered from here, because it only has to find what a client has missed, and the next ping
finds what this one does not. A subscription may not: a diff that is published after the snapshot finds the
subscriber, and one published before must be in the snapshot, so that read is consistent.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from store import boards
from store.boards import PublishedBoard
from store.database import Database

KEPT_MS = 1000
"""How long a board is kept, in milliseconds."""


@dataclass
class RecentBoards:
    """The boards that one container has read within the last second."""

    _boards: dict[str, tuple[int, PublishedBoard]] = field(default_factory=dict)

    async def get(self, db: Database, names: Collection[str], now: int) -> dict[str, PublishedBoard]:
        """Return published boards by their ids, about a second old at most; `now` in milliseconds.

        Boards that were not published yet are left out. Raises ThrottledError.
        """
        old = [name for name in names if not self._is_fresh(name, now)]
        if old:
            # Whatever the number of boards: only those of this second are kept.
            self._boards = {name: kept for name, kept in self._boards.items() if self._is_fresh(name, now)}
            for name, board in (await boards.load_many(db, old, consistent=False)).items():
                self._boards[name] = (now, board)
        return {name: self._boards[name][1] for name in names if self._is_fresh(name, now)}

    def _is_fresh(self, name: str, now: int) -> bool:
        # A clock that was set back makes nothing fresh for longer.
        return name in self._boards and 0 <= now - self._boards[name][0] < KEPT_MS
