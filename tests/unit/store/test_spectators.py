"""How many spectators there are: who is let in, and that a number which has drifted is put right."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store import connections, spectators
from store.connections import LIFETIME_SECONDS, SPECTATORS, address_channel
from store.database import Database, to_item
from store.errors import RequestError
from store.schema import BUDGETS
from store.spectators import RECOUNT_MS, Bounds, drift_of
from tests.unit.realtime.fakes import NOW, RecordedDatabase, recorded_database

HERE = "203.0.113.9"
ROOM = Bounds(most=100, per_address=100)
LATER = NOW + RECOUNT_MS


@pytest.fixture
async def tables() -> AsyncIterator[RecordedDatabase]:
    async with recorded_database() as made:
        yield made


@pytest.fixture
def db(tables: RecordedDatabase) -> Database:
    return tables.db


async def come(db: Database, name: str, address: str = HERE, bounds: Bounds = ROOM) -> bool:
    return await spectators.admit(db, bounds, name, address, NOW)


async def go(db: Database, name: str) -> None:
    await connections.close_connection(db, name)
    await spectators.leave(db)


async def there(db: Database, channel: str = SPECTATORS) -> set[str]:
    return {one async for page in connections.subscribers(db, channel) for one in page}


async def store(db: Database, **row: object) -> None:
    item = to_item({"id": spectators.SPECTATORS, **row})
    await db.client.put_item(TableName=db.name(BUDGETS), Item=item)


async def number(db: Database) -> object:
    key = to_item({"id": spectators.SPECTATORS})
    answer = await db.client.get_item(TableName=db.name(BUDGETS), Key=key)
    return answer["Item"]["connected"].get("N")


async def test_spectators_are_let_in_up_to_the_bound_and_again_when_one_has_left(db: Database) -> None:
    bounds = Bounds(most=2, per_address=100)
    assert [await come(db, name, bounds=bounds) for name in ("a", "b", "c")] == [True, True, False]
    assert await there(db) == {"a", "b"}
    await go(db, "a")
    assert [await come(db, name, bounds=bounds) for name in ("d", "e")] == [True, False]
    assert await there(db) == {"b", "d"}


async def test_bound_of_zero_lets_none_in(db: Database) -> None:
    assert not await come(db, "a", bounds=spectators.NO_SPECTATORS)


async def test_one_address_cannot_take_all_the_room(db: Database) -> None:
    bounds = Bounds(most=100, per_address=3)
    assert [await come(db, f"a{n}", bounds=bounds) for n in range(5)] == [True] * 3 + [False] * 2
    assert await come(db, "another", "203.0.113.10", bounds)
    assert await there(db) == {"a0", "a1", "a2", "another"}
    assert await spectators.tally(db, LATER) == 4, "those who were refused are not counted"
    await go(db, "a1")
    assert await come(db, "next", bounds=bounds)


async def test_spectators_that_come_at_once_are_never_more_than_their_address_may_have(db: Database) -> None:
    bounds = Bounds(most=100, per_address=3)
    await asyncio.gather(*(come(db, f"a{n}", bounds=bounds) for n in range(8)))
    assert len(await there(db)) <= 3
    assert await number(db) == str(len(await there(db)))


def test_addresses_of_one_ipv6_subnet_are_one_and_no_address_is_stored_in_clear() -> None:
    ours = {address_channel(one) for one in ("2001:db8::1", "2001:DB8:0:0:ffff::2", "2001:db8::")}
    assert len(ours) == 1
    others = {address_channel(one) for one in ("2001:db8:0:1::1", "203.0.113.9", "203.0.113.10", "unknown")}
    assert len(ours | others) == 5
    assert "203" not in address_channel("203.0.113.9")


async def test_spectator_is_on_no_player_s_channel_and_hears_what_everyone_does(db: Database) -> None:
    await come(db, "spectator")
    await connections.open_connection(db, "player", "ada", NOW)
    assert set(await connections.channels(db, "spectator")) == {SPECTATORS, address_channel(HERE)}
    assert await there(db, "all") == {"player", "spectator"}
    assert await there(db) == {"spectator"}


async def test_spectators_in_hundreds_are_counted_and_found(db: Database) -> None:
    for n in range(150):
        await connections.subscribe(db, f"c{n}", connections.spectator_channels(HERE), None, NOW)
    assert await connections.count(db, SPECTATORS, NOW) == 150
    assert await connections.count(db, address_channel(HERE), NOW) == 150
    assert len(await there(db)) == 150


async def test_connection_that_has_expired_does_not_count(db: Database) -> None:
    await come(db, "lost")
    assert await connections.count(db, SPECTATORS, NOW + LIFETIME_SECONDS * 1000) == 0


@pytest.mark.parametrize("stored", [0, 1, 7, 1_000])
async def test_number_that_drifted_is_put_right_by_the_recount(db: Database, stored: int) -> None:
    for name in ("a", "b", "c"):
        await come(db, name)
    await store(db, connected=stored)
    assert await spectators.tally(db, NOW) == 3
    assert await number(db) == "3"


@pytest.mark.parametrize("stored", ["text", True, ["list"], None])
@pytest.mark.parametrize("counted_at", ["text", None, NOW])
async def test_unreadable_number_lets_none_in_until_the_next_sweep(
    db: Database, stored: object, counted_at: object
) -> None:
    await come(db, "a")
    await store(db, connected=stored, countedAt=counted_at)
    if stored is not None:
        assert not await come(db, "b")
    await spectators.leave(db)
    counted = await spectators.tally(db, NOW)
    assert counted == len(await there(db)) >= 1
    assert await number(db) == str(counted)
    assert await come(db, "c")


async def test_rows_are_counted_every_ten_minutes_only(db: Database, tables: RecordedDatabase) -> None:
    async def asked(now: int) -> int:
        tables.log.clear()
        await spectators.tally(db, now)
        return tables.log.count("Query Connections")

    assert await asked(NOW) == 0, "no spectator has come yet"
    await come(db, "a")
    assert [await asked(NOW + one) for one in (0, 60_000, RECOUNT_MS - 1, RECOUNT_MS)] == [16, 0, 0, 16]
    assert await asked(NOW) == 16, "the last recount is in the future: a clock was wrong"


async def test_two_recounts_at_once_take_the_drift_off_once(db: Database) -> None:
    await come(db, "a")
    await store(db, connected=9)
    await asyncio.gather(*(spectators.tally(db, LATER) for _ in range(3)))
    assert await number(db) == "1"


async def test_leaving_is_never_counted_below_zero(db: Database) -> None:
    await spectators.leave(db)
    await come(db, "a")
    for _ in range(3):
        await spectators.leave(db)
    assert await number(db) == "0"


@pytest.mark.parametrize("operation", ["BatchWriteItem", "Query"])
async def test_spectator_who_meets_a_throttled_table_leaves_nothing_for_long(
    db: Database, tables: RecordedDatabase, operation: str
) -> None:
    tables.throttled.add(operation)
    with suppress(RequestError):
        assert not await come(db, "a")
    tables.throttled.clear()
    assert await spectators.tally(db, LATER) == 0
    assert await there(db) == set()


@given(low=st.integers(0, 50), high=st.integers(0, 50), counted=st.integers(0, 100))
@example(low=3, high=3, counted=3)
def test_drift_is_what_no_coming_and_going_explains(low: int, high: int, counted: int) -> None:
    drift = drift_of(low, high, counted)
    within = sorted((low, high))
    assert (drift == 0) == (within[0] <= counted <= within[1])
    assert low != high or low + drift == counted, "in quiet times the number becomes the count"


@pytest.mark.parametrize("seed", range(12))
async def test_number_is_right_after_a_quiet_recount_whatever_went_before(
    db: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spectators come, go and vanish, functions die, and recounts run in between."""
    monkeypatch.setattr(spectators, "RECOUNT_MS", 1)
    rng = random.Random(seed)
    names: list[str] = []

    async def step(n: int) -> None:
        match rng.randrange(6):
            case 0 | 1:
                if await come(db, f"c{n}"):
                    names.append(f"c{n}")
            case 2 if names:
                await go(db, names.pop())
            case 3 if names:
                await connections.close_connection(db, names.pop())  # and its function died
            case 4:
                await spectators.enter(db, 100)  # and its function died
            case _:
                await spectators.tally(db, NOW + n)

    for n in range(0, 40, 4):
        await asyncio.gather(*(step(n + one) for one in range(4)))
    assert await spectators.tally(db, NOW + 1000) == len(names)
    assert len(names) == len(await there(db))
