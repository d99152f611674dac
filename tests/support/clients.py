"""The libraries' clients and servers with the tests' patience; their own is 5 to 20 seconds."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
from websockets.asyncio import client, server

from tests.support.waiting import PATIENCE_SECONDS

_WEBSOCKETS: dict[str, Any] = {
    "open_timeout": PATIENCE_SECONDS,
    "close_timeout": PATIENCE_SECONDS,
    "ping_interval": None,
}


def connect(url: str, **options: Any) -> client.connect:
    """Connect as `websockets.asyncio.client.connect` does, to this machine, and send no pings unasked.

    However many frames a test has not read, the connection reads on: behind 16 of them the library would not
    find the end of the connection, and `close` would wait for all of its patience.
    """
    return client.connect(url, **{"proxy": None, "max_queue": None, **_WEBSOCKETS, **options})


def serve(
    handler: Callable[[server.ServerConnection], Awaitable[None]], host: str, port: int, **options: Any
) -> AbstractAsyncContextManager[server.Server]:
    """Serve as `websockets.asyncio.server.serve` does, and send no pings unasked."""
    return server.serve(handler, host, port, **{**_WEBSOCKETS, **options})


def get(url: str, **options: Any) -> httpx.Response:
    """Get as `httpx.get` does, from this machine."""
    return httpx.get(url, **{"trust_env": False, "timeout": PATIENCE_SECONDS, **options})
