"""The push client as a process has it that may die at any moment."""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from realtime.push.client import HttpPushClient, PushClient, PushResult
from realtime.push.endpoint import parse_url
from realtime.push.signing import Credentials
from tests.simulation import aws, clock
from tests.simulation.faults import Faults
from tests.simulation.transport import MemoryServer, Respond

URL = "http://gateway.invalid/prod"

T = TypeVar("T")


async def credentials() -> Credentials:
    """Made up."""
    return Credentials("test", "test")


def client(server: MemoryServer, **options: Any) -> HttpPushClient:
    """Return a push client whose connections end in the server. The options are HttpPushClient's."""
    return HttpPushClient(
        parse_url(URL),
        aws.REGION,
        credentials,
        create_connection=server.create_connection,
        now_s=lambda: clock.now() / 1000,
        **options,
    )


class MortalPushClient:
    """A PushClient that ends in the middle of its work when its caller's process dies."""

    def __init__(self, client: PushClient, faults: Faults) -> None:
        self._client = client
        self._faults = faults

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        """See PushClient."""
        return await self._live_through(self._client.push(frame, connection_ids, within=within))

    async def close(self, connection_id: str) -> bool:
        """See PushClient."""
        return await self._live_through(self._client.close(connection_id))

    async def _live_through(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.get_running_loop().create_task(work)
        try:
            await self._faults.point()
            while not task.done():
                await asyncio.wait({task}, timeout=self._faults.random.choice((0.001, 0.01, 1)))
                await self._faults.point()
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})


@asynccontextmanager
async def mortal_client(respond: Respond, faults: Faults) -> AsyncIterator[PushClient]:
    """One client that all processes share: what one leaves undone when it dies does not harm the others."""
    shared = client(MemoryServer(respond))
    try:
        yield MortalPushClient(shared, faults)
    finally:
        await shared.aclose()
