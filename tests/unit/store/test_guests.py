"""New guests per minute, counted for all containers together."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from store.database import from_item
from store.errors import RequestError
from store.guests import GuestBudget
from store.schema import BUDGETS
from tests.unit.realtime.fakes import NOW, RecordedDatabase, recorded_database


class Clock:
    """Milliseconds since the epoch, moved by hand."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
async def tables() -> AsyncIterator[RecordedDatabase]:
    """Yield empty tables, with the requests that they were asked."""
    async with recorded_database() as made:
        yield made


async def rows(tables: RecordedDatabase) -> list[dict[str, object]]:
    return [from_item(one) for one in (await tables.direct.client.scan(TableName=BUDGETS.name))["Items"]]


async def test_containers_share_the_minute_and_the_next_one_is_new(tables: RecordedDatabase) -> None:
    now = Clock()
    one, two = (GuestBudget(tables.db, 3, now) for _ in range(2))
    assert [await one.take(), await two.take(), await one.take()] == [True, True, True]
    assert [await one.take(), await two.take()] == [False, False]
    now.now += 60_000
    assert await two.take()


async def test_guests_who_come_at_once_are_never_more_than_the_limit(tables: RecordedDatabase) -> None:
    budgets = [GuestBudget(tables.db, 5, Clock()) for _ in range(12)]
    assert sum(await asyncio.gather(*(budget.take() for budget in budgets))) == 5


async def test_guest_is_one_write_and_only_the_first_refusal_of_a_minute_is_one(
    tables: RecordedDatabase,
) -> None:
    budget = GuestBudget(tables.db, 1, Clock())
    assert await budget.take()
    assert tables.log == ["UpdateItem Budgets"]
    for _ in range(5):
        assert not await budget.take()
    assert tables.log == ["UpdateItem Budgets"] * 2


async def test_row_of_a_minute_expires_after_it(tables: RecordedDatabase) -> None:
    await GuestBudget(tables.db, 1, Clock()).take()
    (row,) = await rows(tables)
    assert BUDGETS.ttl
    assert NOW / 1000 + 60 < int(str(row[BUDGETS.ttl])) < NOW / 1000 + 86_400


async def test_table_that_does_not_answer_is_an_error_and_the_next_guest_asks_again(
    tables: RecordedDatabase,
) -> None:
    budget = GuestBudget(tables.db, 1, Clock())
    tables.throttled.add("UpdateItem")
    with pytest.raises(RequestError):
        await budget.take()
    tables.throttled.clear()
    assert await budget.take()
