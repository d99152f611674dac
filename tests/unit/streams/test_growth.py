"""A score and its diff ask as much of DynamoDB on a board of any size: each row by its key, and the top K."""

import pytest

from store.profiles import Profile
from store.submission import submit
from tests.unit.cost.meter import Meter, Rows, meter_in_front
from tests.unit.realtime.fakes import NOW, recorded_database
from tests.unit.store.appearance_scene import CATALOGUE as COUNTING
from tests.unit.streams.broadcast_scene import broadcast_scene, full_board

SIZES = (0, 20)
"""Players below the others. The boards show three."""


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Counts the rows that each kind of request reads and writes."""
    return meter_in_front(monkeypatch)


async def test_rows_of_a_leading_score_do_not_grow_with_the_board(meter: Meter) -> None:
    async def rows_among(others: int) -> Rows:
        async with recorded_database() as tables:
            for number in range(others):
                other = Profile(user_id=f"other-{number}", name="Other")
                await submit(tables.direct, COUNTING, other, "forest", 1 + number, NOW)
            ada = Profile(user_id="ada", name="Ada")
            await submit(tables.direct, COUNTING, ada, "forest", 50, NOW)
            with meter.counting() as rows:
                await submit(tables.db, COUNTING, ada, "forest", 60, NOW + 1)
        return rows.copy()

    alone, among_many = [await rows_among(others) for others in SIZES]
    assert alone.total() > 0
    assert among_many == alone


async def test_rows_of_a_published_diff_do_not_grow_with_the_board(meter: Meter) -> None:
    async def rows_among(others: int) -> Rows:
        async with broadcast_scene() as scene:
            await full_board(scene)
            for number in range(others):
                await scene.score(f"other-{number}", number % 10)
            await scene.score("dee", 40)
            records = scene.records()[-1:]
            with meter.counting() as rows:
                assert await scene.process(records) == []
            assert [kind for kind in scene.log if kind == "push"] == ["push"]
        return rows.copy()

    alone, among_many = [await rows_among(others) for others in SIZES]
    assert alone["Query", "Scores"] == 3
    assert among_many == alone
