"""Which boards are active, and for how long."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from game.activity import HOUR_MS, active_hours, hour_of
from store import activity
from store.activity import active_boards
from store.database import to_item
from store.schema import LEADERBOARDS
from tests.unit.realtime.fakes import NOW, recorded_database

BOARDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
TIMES = st.integers(0, 10**14)


@given(BOARDS, TIMES, st.integers(0, 2 * HOUR_MS))
def test_board_is_active_for_two_hours_at_least(board: str, marked: int, later: int) -> None:
    assert hour_of(board, marked) in active_hours(marked + later)


@given(BOARDS, TIMES, st.integers(4 * HOUR_MS, 1000 * HOUR_MS))
def test_board_is_active_for_less_than_four_hours(board: str, marked: int, later: int) -> None:
    assert hour_of(board, marked) not in active_hours(marked + later)


def test_hours_of_boards_do_not_turn_together() -> None:
    turns = Counter(
        minute
        for minute in range(60)
        for board in range(2000)
        if hour_of(f"level-{board}", NOW + minute * 60_000)
        != hour_of(f"level-{board}", NOW + (minute + 1) * 60_000)
    )
    assert turns.total() == 2000
    assert max(turns.values()) < 100


async def test_marked_boards_are_listed_once_in_their_order() -> None:
    async with recorded_database() as tables:
        for board in ("forest", "desert", "old"):
            item = to_item({"gameArea": board, "epoch": NOW})
            await tables.direct.client.put_item(TableName=LEADERBOARDS.name, Item=item)
        await activity.mark(tables.db, "forest", NOW)
        await activity.mark(tables.db, "desert", NOW - HOUR_MS)
        await activity.mark(tables.db, "desert", NOW)
        await activity.mark(tables.db, "old", NOW - 4 * HOUR_MS)
        assert await active_boards(tables.db, NOW) == ["desert", "forest"]


async def test_board_without_a_row_is_not_given_one() -> None:
    async with recorded_database() as tables:
        await activity.mark(tables.db, "forest", NOW)
        assert (await tables.direct.client.scan(TableName=LEADERBOARDS.name))["Items"] == []
