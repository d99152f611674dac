import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from local.gateway.expiry import Expiry
from tests.unit.local.gateway.harness import FakeClock


@dataclass
class Connection:
    expires_at: float
    expired: bool = False

    def expire(self) -> None:
        assert not self.expired
        self.expired = True


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sleeps = 0
        self.connections: dict[str, Connection] = {}
        self.expiry = Expiry(self.connections, now_s=self.clock, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        await self.clock.sleep(seconds)

    def add(self, name: str) -> Connection:
        connection = self.connections[name] = Connection(self.clock() + 10)
        self.expiry.add(name)
        return connection

    async def advance(self, seconds: float) -> None:
        await settled()
        self.clock.advance(seconds)
        await settled()


async def settled() -> None:
    """Until everything that can run has run."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    scene.expiry.stop()


async def test_each_expires_at_its_own_time() -> None:
    async with scene() as it:
        first = it.add("first")
        await it.advance(4)
        second = it.add("second")
        await it.advance(5)
        assert [first.expired, second.expired] == [False, False]
        await it.advance(1)
        assert [first.expired, second.expired] == [True, False]
        await it.advance(4)
        assert [first.expired, second.expired] == [True, True]


async def test_time_that_was_moved_is_waited_for() -> None:
    async with scene() as it:
        moved, other = it.add("moved"), it.add("other")
        await it.advance(9)
        moved.expires_at += 9
        await it.advance(1)
        assert [other.expired, moved.expired] == [True, False]
        await it.advance(8)
        assert [other.expired, moved.expired] == [True, False]
        await it.advance(1)
        assert [other.expired, moved.expired] == [True, True]


async def test_connection_that_is_gone_is_left_alone() -> None:
    async with scene() as it:
        gone, there = it.add("gone"), it.add("there")
        del it.connections["gone"]
        await it.advance(10)
        assert there.expired
        assert not gone.expired


async def test_expiry_sleeps_once_for_all_connections() -> None:
    async with scene() as it:
        connections = [it.add(str(n)) for n in range(100)]
        await it.advance(10)
        assert all(connection.expired for connection in connections)
        assert it.sleeps == 1


async def test_expiry_begins_again_when_all_connections_have_gone() -> None:
    async with scene() as it:
        for _ in range(2):
            connection = it.add("again")
            await it.advance(10)
            assert connection.expired


async def test_nothing_expires_after_stop() -> None:
    async with scene() as it:
        connection = it.add("one")
        await settled()
        it.expiry.stop()
        await it.advance(10)
        assert not connection.expired
