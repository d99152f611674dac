"""A row of `Scores` that an operator deleted by hand: a best without a row is no best."""

import pytest

from game.catalogue import GLOBAL_BOARD
from store.database import to_item
from store.schema import SCORES
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
    assert (await submit_points(tables, "forest", points)).model_copy(update={"boards": ()}) == Submission(
        best=points, improved=True
    )
    assert (await submit_points(tables, "forest", points)).model_copy(update={"boards": ()}) == Submission(
        best=points, improved=False
    )
    await assert_consistent(tables)
    assert (await shown(tables))[GLOBAL_BOARD][0] == points


async def test_same_score_at_the_same_time_makes_the_row_again(tables: InterruptedDatabase) -> None:
    await score(tables.direct, "sprint", 7, at=NOW)
    await take_away(tables, "sprint")
    assert (await submit_points(tables, "sprint", 7)).model_copy(update={"boards": ()}) == Submission(
        best=7, improved=True
    )
    assert (await shown(tables))["sprint"][0] == 7


async def test_sum_whose_row_is_gone_is_computed_without_the_rows_that_are_gone(
    tables: InterruptedDatabase,
) -> None:
    """Take an area's row away together with the sums over it, as `drop` does."""
    await score(tables.direct, "forest", 40, at=NOW - 2)
    await score(tables.direct, "desert", 10, at=NOW - 1)
    await take_away(tables, "forest")
    await take_away(tables, GLOBAL_BOARD)
    assert (await submit_points(tables, "desert", 11)).model_copy(update={"boards": ()}) == Submission(
        best=11, improved=True
    )
    assert {board: points for board, (points, _, _) in (await shown(tables)).items()} == {
        "desert": 11,
        GLOBAL_BOARD: 11,
    }
    await submit_points(tables, "forest", 3)
    assert (await shown(tables))[GLOBAL_BOARD][0] == 14


async def test_sum_is_right_again_with_the_next_score_in_the_area_whose_row_is_gone(
    tables: InterruptedDatabase,
) -> None:
    await score(tables.direct, "forest", 40, at=NOW - 2)
    await score(tables.direct, "desert", 10, at=NOW - 1)
    await take_away(tables, "forest")
    await submit_points(tables, "forest", 1)
    assert (await shown(tables))[GLOBAL_BOARD][0] == 11
    await assert_consistent(tables)


@pytest.mark.parametrize("number", range(3))
async def test_row_that_seems_gone_and_then_is_there_keeps_the_better_score(
    tables: InterruptedDatabase, number: int
) -> None:
    """A read may see the standing of a score that was just accepted, and not yet its row."""
    await score(tables.direct, "sprint", 7)
    row = next(row for row in (await tables.rows())[SCORES.name] if row["gameArea"] == "sprint")
    await take_away(tables, "sprint")

    async def appear() -> None:
        await tables.direct.client.put_item(TableName=SCORES.name, Item=to_item(row))

    tables.before[number] = appear
    assert (await submit_points(tables, "sprint", 9)).model_copy(update={"boards": ()}) == Submission(
        best=7, improved=False
    )
    assert (await shown(tables))["sprint"][0] == 7


async def test_missing_sum_is_made_by_the_next_best(tables: InterruptedDatabase) -> None:
    await score(tables.direct, "forest", 40, at=NOW - 2)
    await score(tables.direct, "desert", 10, at=NOW - 1)
    await take_away(tables, GLOBAL_BOARD)
    await submit_points(tables, "desert", 11)
    assert (await shown(tables))[GLOBAL_BOARD][0] == 51
    await assert_consistent(tables)
