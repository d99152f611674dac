"""What is done about connections that a push found gone, or that took no frame."""

import asyncio
from collections.abc import Iterable

from realtime.push import IN_FLIGHT, PushClient
from store import connections
from store.database import Database


async def forget(db: Database, push: PushClient, connection_ids: Iterable[str]) -> None:
    """Delete the rows of connections that answered 410, and close them.

    The closing is for the one that is alive after all: without its rows it would be stale in silence, closed
    it comes back and subscribes anew.
    """
    limit = asyncio.Semaphore(IN_FLIGHT)

    async def one(connection_id: str) -> None:
        async with limit:
            await connections.close_connection(db, connection_id)
            await push.close(connection_id)

    async with asyncio.TaskGroup() as group:
        for connection_id in connection_ids:
            group.create_task(one(connection_id))


async def hang_up(push: PushClient, connection_ids: Iterable[str]) -> list[str]:
    """Close connections that took no frame; those for which that failed, so that they may be open still."""
    ids = list(connection_ids)
    limit = asyncio.Semaphore(IN_FLIGHT)

    async def one(connection_id: str) -> bool:
        async with limit:
            return await push.close(connection_id)

    closed = await asyncio.gather(*map(one, ids))
    return [connection_id for connection_id, done in zip(ids, closed, strict=True) if not done]
