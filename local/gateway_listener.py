"""One TCP port for two protocols: WebSocket clients, and HTTP requests to `@connections`.

The `websockets` library reads a handshake and refuses every other HTTP request, so the first line of a TCP
connection decides who serves it from then on. A handshake is held back until its headers are complete, so
that a client which dawdles can be dropped without asking `websockets`.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.server import ServerProtocol

# How long a client may take to send its first line, and a handshake its headers.
_HEAD_SECONDS = 10.0
# Both servers refuse a line of more than 8 KB themselves, so there is no need to hold back more than this.
_HEAD_BYTES = 64 * 1024
_HANDSHAKE = re.compile(rb"GET (?![^\s?]*/(?:@|%40)connections(?:[/?\s]|$))")


class SharedPort:
    """Makes the protocols of the TCP connections that one listening socket accepts.

    To be given to `websockets.asyncio.server.serve` as its `create_connection`. `http` makes the protocol of
    a connection that is no WebSocket client's.
    """

    def __init__(self, http: Callable[[], asyncio.Protocol]) -> None:
        self._http = http
        self._undecided: set[asyncio.Transport] = set()

    def __call__(self, protocol: ServerProtocol, server: Server, **settings: Any) -> ServerConnection:
        """A connection of which it is not yet known who serves it."""
        return _SharedPortConnection(protocol, server, self._http, self._undecided, **settings)

    def abort_undecided(self) -> None:
        """Drops the TCP connections of which it is still not known."""
        for transport in self._undecided:
            transport.abort()


class _SharedPortConnection(ServerConnection):
    # An instance has a dictionary too, from its base. It takes a kilobyte less while all its names are set by
    # that base's __init__, for then instances share them; so those that are not have slots here.
    __slots__ = (
        *("_deadline", "_drop", "_head", "_http", "_undecided", "_undecided_transport"),
        *("recv_messages", "transport"),
    )

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        http: Callable[[], asyncio.Protocol],
        undecided: set[asyncio.Transport],
        **settings: Any,
    ) -> None:
        super().__init__(protocol, server, **settings)
        self._http = http
        self._undecided = undecided
        self._head = b""
        self._undecided_transport: asyncio.Transport | None = None
        self._drop: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._undecided_transport = cast(asyncio.Transport, transport)
        self._undecided.add(self._undecided_transport)
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._undecided_transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._undecided_transport is None:
            self._frames_received(data)
            return
        self._head += data
        full = len(self._head) > _HEAD_BYTES
        if _HANDSHAKE.match(self._head):
            if full or b"\r\n\r\n" in self._head:
                self._serve_websocket(self._undecided_transport)
        elif full or b"\n" in self._head:
            self._serve_http(self._undecided_transport)

    def eof_received(self) -> None:
        if self._undecided_transport is None:
            super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._undecided_transport is None:
            super().connection_lost(exc)
            if self._drop is not None:
                self._drop.cancel()
        else:
            self._settle(self._undecided_transport)

    def _serve_websocket(self, transport: asyncio.Transport) -> None:
        head = self._settle(transport)
        super().connection_made(transport)
        self._frames_received(head)

    def _serve_http(self, transport: asyncio.Transport) -> None:
        head = self._settle(transport)
        http = self._http()
        transport.set_protocol(http)
        http.connection_made(transport)
        http.data_received(head)

    def _frames_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._drop is None and self.close_timeout is not None and self.protocol.close_expected():
            # A client may send a close frame and then keep the TCP connection: `websockets` sets a deadline
            # for that, but only its own close() looks at it.
            self._drop = self.loop.call_later(self.close_timeout, self.transport.abort)

    def _settle(self, transport: asyncio.Transport) -> bytes:
        """Returns what has been held back."""
        self._undecided_transport = None
        self._undecided.discard(transport)
        self._deadline.cancel()
        del self._deadline
        head, self._head = self._head, b""
        return head
