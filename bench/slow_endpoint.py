"""An endpoint some of whose clients never read: POST to these is answered with 429, for ever.

    python -m bench.slow_endpoint

Prints {"port"} when it listens. Orders:

    {"do": "expect", "slow": [ids]}    forgets what has come; these read nothing from now on
    {"do": "told"}                     answers {"told", "last_at"}: how many connections have got a frame, and
                                       when the last of them got it, by `time.monotonic`

Every request is answered after 40 milliseconds.
"""

import asyncio
import time
from typing import Any, cast
from urllib.parse import unquote

import httptools
import uvloop

from bench.orders import say, serve

ANSWER_SECONDS = 0.04


class Clients:
    """Connections: which of them do not read, and when the others got their first frame."""

    def __init__(self) -> None:
        self.slow: set[str] = set()
        self.told_at: dict[str, float] = {}

    def status(self, connection_id: str) -> int:
        """Return the answer to a frame."""
        if connection_id in self.slow:
            return 429
        self.told_at.setdefault(connection_id, time.monotonic())
        return 200

    async def expect(self, slow: list[str]) -> dict[str, Any]:
        """Forget what has come."""
        self.slow = set(slow)
        self.told_at.clear()
        return {}

    async def told(self) -> dict[str, Any]:
        """Return which connections have a frame, and since when."""
        return {"told": len(self.told_at), "last_at": max(self.told_at.values(), default=0.0)}


class _Connection(asyncio.Protocol):
    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_message_complete(self) -> None:
        connection_id = unquote(self._path.rpartition(b"/")[2].decode())
        self._path = b""
        asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._answer, connection_id)

    def _answer(self, connection_id: str) -> None:
        if not self._transport.is_closing():
            status = self._clients.status(connection_id)
            self._transport.write(b"HTTP/1.1 %d \r\nContent-Length: 0\r\n\r\n" % status)


async def _run() -> None:
    clients = Clients()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(clients), "127.0.0.1", 0, backlog=1024
    )
    say({"port": server.sockets[0].getsockname()[1]})
    await serve({"expect": clients.expect, "told": clients.told})


if __name__ == "__main__":
    uvloop.run(_run())
