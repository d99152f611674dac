"""The treatment of connections that a push found gone, or that took no frame."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from realtime.push.client import IN_FLIGHT, PushClient
from store import connections
from store.database import Database

HANG_UP_SECONDS = 15.0
"""How long closing or forgetting connections may take, however many there are: their board waits for it."""


async def forget(db: Database, push: PushClient, connection_ids: Iterable[str]) -> None:
    """Delete the rows of connections that answered 410, and close them.

    The closing is for the one that is alive after all: without its rows it would be stale in silence, closed
    it comes back and subscribes again. What is not done in HANG_UP_SECONDS is left to the next push.
    """

    async def one(connection_id: str) -> None:
        await connections.close_connection(db, connection_id)
        await push.close(connection_id)

    await _for_each(connection_ids, one)


async def hang_up(push: PushClient, connection_ids: Sequence[str]) -> list[str]:
    """Close connections that took no frame; return those that may be open still after HANG_UP_SECONDS."""
    closed = set()

    async def one(connection_id: str) -> None:
        if await push.close(connection_id):
            closed.add(connection_id)

    await _for_each(connection_ids, one)
    return [connection_id for connection_id in connection_ids if connection_id not in closed]


async def _for_each(connection_ids: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
    limit = asyncio.Semaphore(IN_FLIGHT)

    async def one(connection_id: str) -> None:
        async with limit:
            await work(connection_id)

    try:
        async with asyncio.timeout(HANG_UP_SECONDS) as scope:
            await asyncio.gather(*map(one, connection_ids))
    except TimeoutError:
        if not scope.expired():
            raise
