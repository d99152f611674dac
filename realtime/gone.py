"""What is done about connections that a push found gone, or that took no frame."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from realtime.push import IN_FLIGHT, PushClient
from store import connections
from store.database import Database

T = TypeVar("T")


async def forget(db: Database, push: PushClient, connection_ids: Iterable[str]) -> None:
    """Delete the rows of connections that answered 410, and close them.

    The closing is for the one that is alive after all: without its rows it would be stale in silence, closed
    it comes back and subscribes anew.
    """

    async def one(connection_id: str) -> None:
        await connections.close_connection(db, connection_id)
        await push.close(connection_id)

    await _for_each(connection_ids, one)


async def hang_up(push: PushClient, connection_ids: Sequence[str]) -> list[str]:
    """Close connections that took no frame; those for which that failed, so that they may be open still."""
    closed = await _for_each(connection_ids, push.close)
    return [connection_id for connection_id, done in zip(connection_ids, closed, strict=True) if not done]


async def _for_each(connection_ids: Iterable[str], work: Callable[[str], Awaitable[T]]) -> list[T]:
    limit = asyncio.Semaphore(IN_FLIGHT)

    async def one(connection_id: str) -> T:
        async with limit:
            return await work(connection_id)

    return await asyncio.gather(*map(one, connection_ids))
