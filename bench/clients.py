"""Our gateway, and many WebSocket connections to it that count what they are sent."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from game.live import SUBPROTOCOL
from loadtest import wire
from local.gateway.server import Event, Gateway

# A listening socket's queue is short: Python's holds 100.
_CONNECTING_AT_ONCE = 50
_ALLOW = {
    "principalId": "bench",
    "policyDocument": {
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}],
    },
}


async def _authorizer(_event: Event) -> dict[str, Any]:
    return _ALLOW


async def _route(_event: Event) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}


@asynccontextmanager
async def open_gateway() -> AsyncIterator[Gateway]:
    """Yield the gateway that `make run` starts, which admits every client; its routes do nothing.

    Connections are named c0, c1, … in the order in which they come, so that their subscriptions can be
    written before they are pushed to.
    """
    numbers = itertools.count()
    routes = dict.fromkeys(("$connect", "$disconnect", "$default"), _route)
    gateway = Gateway(authorizer=_authorizer, routes=routes, id_source=lambda: f"c{next(numbers)}")
    await gateway.start("127.0.0.1", 0)
    try:
        yield gateway
    finally:
        await gateway.stop()


class Count(NamedTuple):
    """Frames, their bytes with headers, and when the last one came, by `time.monotonic`."""

    frames: int
    bytes: int
    last_at: float


class Clients:
    """The receiver of every connection, and the count of what all of them were sent since `start`."""

    def __init__(self) -> None:
        self._sockets: list[wire.WebSocket] = []
        self._complete = asyncio.Event()
        self._expected = 0
        self.start()

    async def connect(self, url: str, connections: int) -> None:
        """Open this number of connections. Raises WireError or OSError, in a group, when one is refused."""
        address = wire.Address.of(url)
        free = asyncio.Semaphore(_CONNECTING_AT_ONCE)

        async def one() -> None:
            async with free:
                self._sockets.append(await wire.connect(address, "token", self))

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(one())

    def received(self, payload: bytes) -> None:
        """Count a frame."""
        size = len(payload)
        self._frames += 1
        # https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
        self._bytes += size + (2 if size < 126 else 4 if size < 2**16 else 10)
        self._last_at = time.monotonic()
        if self._frames >= self._expected:
            self._complete.set()

    def lost(self, _reason: str) -> None:
        """Let go of a connection: its frames will be missed."""

    def start(self) -> None:
        """Count from zero."""
        self._frames = self._bytes = 0
        self._last_at = 0.0

    async def stop(self, frames: int, seconds: float) -> Count:
        """Return the count, when it has come to `frames` or when the time is over."""
        self._expected = frames
        if self._frames < frames:
            self._complete.clear()
            with suppress(TimeoutError):  # The count says how many are missing.
                async with asyncio.timeout(seconds):
                    await self._complete.wait()
        return Count(self._frames, self._bytes, self._last_at)
