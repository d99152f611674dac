"""One event loop and one set of clients for as long as a Lambda container lives."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Generic, TypeVar

import aioboto3
from aiobotocore.config import AioConfig

from store.database import Database

# The SDK's own limits (60 seconds an attempt, 10 connections) outlast every caller of ours.
SDK_CONFIG = AioConfig(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=50,
)

T = TypeVar("T")
R = TypeVar("R")


class Container(Generic[T]):
    """Runs async handlers from Lambda's synchronous entry, with resources opened once.

    `resources` is entered at the first invocation and never left: the container is frozen, not closed. When
    entering fails, the invocation fails, and the next one tries again.
    """

    def __init__(self, resources: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._open = resources
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = AsyncExitStack()
        self._resources: T | None = None

    def run(self, work: Callable[[T], Awaitable[R]]) -> R:
        """The outcome of one invocation's work."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(self._work(work))

    async def _work(self, work: Callable[[T], Awaitable[R]]) -> R:
        if self._resources is None:
            self._resources = await self._stack.enter_async_context(self._open())
        return await work(self._resources)


@asynccontextmanager
async def open_database(session: aioboto3.Session, prefix: str = "") -> AsyncIterator[Database]:
    """The tables of this deployment; endpoint, Region and credentials come from the SDK's own settings."""
    async with session.client("dynamodb", config=SDK_CONFIG) as client:
        yield Database(client, prefix)


def now() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
