"""Boards as they were a moment ago."""

from realtime.protocol import encode_snapshot
from realtime.recent import KEPT_MS, RecentBoards
from store import boards
from tests.unit.realtime.fakes import NOW, recorded_database
from tests.unit.realtime.live_scene import catalogue_of


async def test_boards_of_earlier_seconds_are_not_kept() -> None:
    """A container lives for hours, and pings may name 2,000 boards in them."""
    catalogue = catalogue_of(3)
    async with recorded_database() as tables:
        for board in catalogue.boards.values():
            await boards.load_or_create(tables.direct, board, NOW, encode_snapshot)
        recent = RecentBoards()
        for second, name in enumerate(catalogue.boards):
            assert [*await recent.get(tables.db, [name], NOW + second * KEPT_MS)] == [name]
            assert [*recent._boards] == [name]
