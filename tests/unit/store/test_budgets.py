"""A rate that functions share: what is sold to whom, and when."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from botocore.awsrequest import AWSPreparedRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.budgets import HORIZON_SECONDS, Budget, push_budget
from store.database import Database, to_item
from store.schema import BUDGETS
from tests.simulation import aws, clock
from tests.unit.realtime.fakes import RecordedDatabase, recorded_database

START = 1_763_812_800_000_000


class Clock:
    """Microseconds since the epoch, moved by hand."""

    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
async def tables() -> AsyncIterator[RecordedDatabase]:
    """Yield empty tables, with the requests that they were asked."""
    async with recorded_database() as made:
        yield made


@pytest.fixture
def db(tables: RecordedDatabase) -> Database:
    return tables.db


async def sold_until(db: Database, value: object) -> None:
    await db.client.put_item(TableName=db.name(BUDGETS), Item=to_item({"id": "pushes", "soldUntil": value}))


async def test_slots_of_all_buyers_follow_each_other(db: Database) -> None:
    now = Clock()
    ada, bo = (Budget(db, "pushes", 100, now) for _ in range(2))
    assert [await ada.claim(10), await bo.claim(20), await ada.claim(5)] == [0, 0.1, 0.3]
    now.now += 250_000
    assert await bo.claim(1) == pytest.approx(0.1)
    # What was not sold in time is not sold later.
    now.now += 5_000_000
    assert await bo.claim(10) == 0
    assert await ada.claim(10) == pytest.approx(0.1)


async def test_claim_is_one_write_when_busy_and_when_idle(db: Database, tables: RecordedDatabase) -> None:
    now = Clock()
    budget = Budget(db, "pushes", 100, now)
    for step in (0, 0, 50_000, 9_000_000, 0, 3_000_000):
        now.now += step
        tables.log.clear()
        await budget.claim(10)
        assert len(tables.log) == 1


async def test_claim_of_one_who_missed_the_last_is_two_writes(db: Database, tables: RecordedDatabase) -> None:
    now = Clock()
    await Budget(db, "pushes", 100, now).claim(10)
    tables.log.clear()
    assert await Budget(db, "pushes", 100, now).claim(10) == pytest.approx(0.1)
    assert len(tables.log) == 2


async def test_budgets_are_independent(db: Database) -> None:
    now = Clock()
    await Budget(db, "others", 1, now).claim(5)
    assert await Budget(db, "pushes", 1, now).claim(5) == 0


@pytest.mark.parametrize("value", [START + (HORIZON_SECONDS + 1) * 1_000_000, None])
async def test_impossible_row_is_not_waited_for(db: Database, value: object) -> None:
    await sold_until(db, value)
    now = Clock()
    budget = Budget(db, "pushes", 100, now)
    assert await budget.claim(10) == 0
    assert await budget.claim(10) == pytest.approx(0.1)


async def test_last_slot_before_the_horizon_is_waited_for(db: Database) -> None:
    await sold_until(db, START + HORIZON_SECONDS * 1_000_000)
    assert await Budget(db, "pushes", 100, Clock()).claim(10) == pytest.approx(HORIZON_SECONDS)


def test_rate_that_is_not_bounded_has_no_budget() -> None:
    assert push_budget(None, None) is None  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    claims=st.lists(
        st.tuples(st.integers(0, 4), st.integers(1, 50), st.sampled_from([0.0, 0.0, 0.01, 0.3])), max_size=40
    )
)
def test_budget_never_sells_more_than_the_rate_allows(claims: list[tuple[int, int, float]]) -> None:
    """Five claimants at once, each of whom pauses before its claims."""
    rate = 200

    async def respond(request: AWSPreparedRequest) -> tuple[int, bytes]:
        await asyncio.sleep(0.005)
        return await aws.ask_moto(request)

    async def run() -> list[tuple[float, float]]:
        now = asyncio.get_running_loop().time
        slots = []
        async with aws.database(aws.shared_session(), respond) as (db, _):

            async def claimant(number: int) -> None:
                budget = Budget(db, "pushes", rate, lambda: START + round(now() * 1_000_000))
                for _, requests, pause in (one for one in claims if one[0] == number):
                    await asyncio.sleep(pause)
                    wait = await budget.claim(requests)
                    # The answer takes no time.
                    slots.append((now() + wait, now() + wait + requests / rate))

            await asyncio.gather(*map(claimant, range(5)))
        return sorted(slots)

    slots = clock.run(run())
    assert len(slots) == len(claims)
    for (_, end), (begin, _) in itertools.pairwise(slots):
        # A claim's clock is read before its request is on its way.
        assert begin >= end - 0.05
