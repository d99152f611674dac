"""The growth benchmark over moto's tables: what it finds flat, and that it would see what is not."""

import pytest

from bench import growth
from game.board import Entry
from game.catalogue import Board
from store import scores
from store.database import Database
from tests.simulation import aws

TOP = 50


async def measured(*players: int) -> list[growth.Costs]:
    """What a score and a diff cost at each of these numbers of players."""
    async with aws.database(aws.shared_session()) as (db, direct):
        scene = growth.Scene(db, direct)
        await scene.prepare()
        costs = []
        for count in players:
            await scene.grow(count)
            costs.append(await scene.measure())
        return costs


async def test_nothing_grows() -> None:
    small, large = await measured(TOP + 10, TOP + 200)
    assert (small.score.requests, small.diff.requests) == (3, 5)
    # Three rows in a transaction, and a row of the sum. The row of the board, its top 50, and the
    # subscribers: 7, 9 and 7 KB.
    assert (small.score.reads, small.diff.reads) == (6 + 1, 2 + 3 + 2)
    assert large == small


async def test_reading_a_whole_board_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    top = scores.page

    async def everybody(db: Database, board: Board) -> tuple[Entry, ...]:
        return (await top(db, board, limit=10_000))[: board.top]

    monkeypatch.setattr(scores, "top", everybody)
    small, large = await measured(TOP + 10, TOP + 200)
    assert large.diff.requests == small.diff.requests
    assert large.diff.reads > small.diff.reads + 5


async def test_score_that_is_no_new_best_is_not_taken_for_one() -> None:
    async with aws.database(aws.shared_session()) as (db, direct):
        scene = growth.Scene(db, direct)
        await scene.prepare()
        scene._points -= 5
        with pytest.raises(growth.GrowthBenchError, match="no new best"):
            await scene.measure()
