"""The number of spectators, on engines that judge its conditions by themselves."""

from store import connections, spectators
from store.connections import SPECTATORS, address_channel
from store.database import Database, to_item
from store.schema import BUDGETS
from store.spectators import Bounds
from tests.integration.real_time import NOW

HERE, THERE = "203.0.113.9", "2001:db8::1"
BOUNDS = Bounds(most=3, per_address=2)


async def _come(db: Database, name: str, address: str) -> bool:
    return await spectators.admit(db, BOUNDS, name, address, NOW)


async def test_spectators_are_let_in_up_to_their_bounds_and_counted(db: Database) -> None:
    assert [await _come(db, f"here-{n}", HERE) for n in range(3)] == [True, True, False]
    assert [await _come(db, f"there-{n}", THERE) for n in range(2)] == [True, False]
    assert await connections.count(db, SPECTATORS, NOW) == 3
    assert await connections.count(db, address_channel(HERE), NOW, consistent=False) == 2
    assert await spectators.tally(db, NOW) == 3
    await connections.close_connection(db, "here-0")
    await spectators.leave(db)
    assert await _come(db, "here-3", HERE)
    assert await spectators.tally(db, NOW) == 3


async def test_number_that_drifted_or_cannot_be_read_is_put_right(db: Database) -> None:
    assert await spectators.tally(db, NOW) == 0
    assert await _come(db, "here-0", HERE)
    for stored in (7, 0, "text", ["list"]):
        item = to_item({"id": spectators.SPECTATORS, "connected": stored, "countedAt": "text"})
        await db.client.put_item(TableName=db.name(BUDGETS), Item=item)
        await spectators.leave(db)
        assert await spectators.tally(db, NOW) == 1, stored
        assert await spectators.tally(db, NOW) == 1, stored
    assert await spectators.enter(db, 2)
    assert not await spectators.enter(db, 2)
