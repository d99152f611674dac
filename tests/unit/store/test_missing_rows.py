"""A row of `Scores` that an operator deleted by hand: a best without a row is no best."""

import pytest

from game.catalogue import GLOBAL_BOARD
from store import progress
from store.submission import Submission, submit
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import (
    CATALOGUE,
    TOKEN,
    assert_consistent,
    score,
    score_everywhere,
    shown,
    take_away,
)
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase


async def submit_points(tables: InterruptedDatabase, area: str, points: int, at: int = NOW) -> Submission:
    return await submit(tables.db, CATALOGUE, TOKEN, area, points, at)


@pytest.mark.parametrize("points", [39, 40, 41])
async def test_next_score_is_an_improvement_and_makes_the_row(
    tables: InterruptedDatabase, points: int
) -> None:
    await score_everywhere(tables.direct)
    await take_away(tables, "forest")
    await take_away(tables, GLOBAL_BOARD)
    assert await submit_points(tables, "forest", points) == Submission(best=points, improved=True)
    assert await submit_points(tables, "forest", points) == Submission(best=points, improved=False)
    await assert_consistent(tables)
    assert (await shown(tables))[GLOBAL_BOARD][0] == points


async def test_same_score_at_the_same_time_makes_the_row_again(tables: InterruptedDatabase) -> None:
    await score(tables.direct, "sprint", 7, at=NOW)
    await take_away(tables, "sprint")
    assert await submit_points(tables, "sprint", 7) == Submission(best=7, improved=True)
    assert (await shown(tables))["sprint"][0] == 7


async def test_score_elsewhere_takes_the_missing_best_out_of_the_sum(tables: InterruptedDatabase) -> None:
    await score(tables.direct, "forest", 40, at=NOW - 2)
    await score(tables.direct, "desert", 10, at=NOW - 1)
    await take_away(tables, "forest")
    assert await submit_points(tables, "desert", 11) == Submission(best=11, improved=True)
    assert {board: points for board, (points, _, _) in (await shown(tables)).items()} == {
        "desert": 11,
        GLOBAL_BOARD: 11,
    }
    assert "forest" not in (await progress.load(tables.direct, ADA)).bests
    await assert_consistent(tables)


async def test_missing_sum_is_made_by_the_next_best(tables: InterruptedDatabase) -> None:
    await score(tables.direct, "forest", 40, at=NOW - 2)
    await score(tables.direct, "desert", 10, at=NOW - 1)
    await take_away(tables, GLOBAL_BOARD)
    await submit_points(tables, "desert", 11)
    assert (await shown(tables))[GLOBAL_BOARD][0] == 51
    await assert_consistent(tables)


async def test_score_in_an_area_that_does_not_count_reads_no_rows_of_other_areas(
    tables: InterruptedDatabase,
) -> None:
    await score_everywhere(tables.direct)
    await submit_points(tables, "sprint", 6)
    assert tables.log == ["TransactGetItems", "TransactWriteItems"]
