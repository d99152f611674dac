"""`python -m ops.index`: it may be interrupted anywhere, while players score, and goes on."""

import pytest

from bench.memory_dynamo import Keys, MemoryDynamo
from ops.index import chosen, index
from store.board_rules import UnknownBoardError
from store.rank_index import RankIndex
from tests.simulation.faults import CrashError
from tests.simulation.rank_world import BOARD, check, check_ranks, small_trees
from tests.simulation.schedule import database
from tests.support.seasons import SEASON_MS, with_seasons
from tests.unit.realtime.fakes import NOW

ROWS = [f"{number:03}" for number in range(60)]


async def test_interrupted_build_goes_on() -> None:
    """It dies at every fifth request, while rows come."""
    dynamo, told, deaths = MemoryDynamo(rows={BOARD: Keys(ROWS)}), list[str](), 0
    requests = 0

    async def dies(_: str, answer: object) -> object:
        nonlocal requests
        requests += 1
        if requests % 15 == 0:
            raise CrashError
        return answer()  # type: ignore[operator]

    with small_trees(leaf_rows=4, children=6, chunk_rows=10):
        for attempt in range(100):
            dynamo.around = dies
            try:
                await index(database(dynamo), [BOARD], told.append)
                break
            except CrashError:
                deaths += 1
            dynamo.put_rows(BOARD, [f"{attempt:03}+"])
            dynamo.around = MemoryDynamo().around
            await RankIndex(database(dynamo), BOARD).maintain([f"{attempt:03}+"])
        assert deaths > 3
        dynamo.around = MemoryDynamo().around
        await check(dynamo)
        await check_ranks(dynamo)
    assert told[-1] == f"{BOARD}: all rows are counted, {60 + deaths} of them."


async def test_build_reads_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    dynamo, told = MemoryDynamo(rows={BOARD: Keys([f"{number:06}" for number in range(60_000)])}), list[str]()
    await index(database(dynamo), [BOARD], told.append)
    assert told == [
        f"{BOARD}: about 50,000 rows are counted.",
        f"{BOARD}: all rows are counted, 60,000 of them.",
    ]
    # Each row is read twice: by its key, and in a count.
    assert dynamo.used.read < 3 * 60_000 * dynamo.row_bytes / 4096
    await check_ranks_of(dynamo, 30_000)


async def check_ranks_of(dynamo: MemoryDynamo, number: int) -> None:
    from game.catalogue import Board
    from store import ranks

    board = Board(id=BOARD, order="asc", top=1)
    assert await ranks.place(database(dynamo), board, f"{number:06}") == (number, 60_000)


def test_board_with_seasons_is_indexed_in_each_that_can_be_read() -> None:
    catalogue = with_seasons(NOW)
    assert chosen(catalogue, "week", NOW + SEASON_MS) == ["week#1", "week#2"]
    assert chosen(catalogue, "forest", NOW) == ["forest"]
    assert {"forest", "week#1", "cup#1"} <= {*chosen(catalogue, None, NOW)}
    with pytest.raises(UnknownBoardError):
        chosen(catalogue, "nowhere", NOW)
