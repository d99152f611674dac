"""One TCP port for two protocols: WebSocket clients, and HTTP requests to `@connections`.

The `websockets` library reads a handshake and refuses every other HTTP request, so the first line of a TCP
connection decides who serves it from then on. A handshake is held back until its headers are complete, so
that a client which dawdles can be dropped without asking `websockets`.

After its handshake a client is read from as long as

- it reads what it is sent: `websockets` answers every ping at once, so that a client which sends pings and
  reads no pongs would otherwise fill our memory;
- its messages are taken up: a handful may wait for their handlers;
- the others get their turn: what one client has sent is parsed in small pieces, and it may send no more than
  a number of frames per second for long. Nothing is lost, it only waits in the client's own kernel.
"""

import asyncio
import re
from collections.abc import Callable
from enum import Flag, auto
from functools import partial
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode
from websockets.protocol import Event
from websockets.server import ServerProtocol

# How long a client may take to send its first line, and a handshake its headers.
_HEAD_SECONDS = 10.0
# Both servers refuse a line of more than 8 KB themselves, so there is no need to hold back more than this.
_HEAD_BYTES = 64 * 1024
_HANDSHAKE = re.compile(rb"GET (?![^\s?]*/(?:@|%40)connections(?:[/?\s]|$))")

# What is parsed of one client's bytes before the others get their turn: a few milliseconds, even of pings.
_TURN_BYTES = 4096
# A client that sends more frames than this for longer than `_BURST_SECONDS` is read from more slowly. API
# Gateway limits the account only; a game's client sends a frame every few seconds.
_FRAMES_PER_SECOND = 1000
_BURST_SECONDS = 0.1


class _Wait(Flag):
    """The work that has to end before more is read from a client."""

    NOTHING = 0
    HANDLERS = auto()
    UNREAD = auto()
    TURN = auto()


class SharedPort:
    """Makes the protocols of the TCP connections that one listening socket accepts.

    To be given to `websockets.asyncio.server.serve` as its `create_connection`. `http` makes the protocol of
    a connection that is no WebSocket client's. A WebSocket client that leaves what it is sent unread for
    `unread_seconds` is dropped, with 1008 as its close code.
    """

    def __init__(self, http: Callable[[], asyncio.Protocol], *, unread_seconds: float) -> None:
        self._http = http
        self._unread_seconds = unread_seconds
        self._undecided: set[asyncio.Transport] = set()

    def __call__(self, protocol: ServerProtocol, server: Server, **settings: Any) -> ServerConnection:
        """Make a connection of which it is not yet known which server takes it."""
        return _SharedPortConnection(
            protocol, server, self._http, self._undecided, self._unread_seconds, **settings
        )

    def abort_undecided(self) -> None:
        """Drop the TCP connections of which it is still not known."""
        for transport in self._undecided:
            transport.abort()


class _SharedPortConnection(ServerConnection):
    # An instance has a dictionary too, from its base. It takes a kilobyte less while all its names are set by
    # that base's __init__, for then instances share them; so those that are not have slots here.
    __slots__ = (
        *("_allowed_at", "_at", "_deadline", "_drop", "_frames", "_head", "_http", "_rest", "_turn"),
        *("_undecided", "_undecided_transport", "_unread", "_unread_seconds", "_waits"),
        *("recv_messages", "transport"),
    )

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        http: Callable[[], asyncio.Protocol],
        undecided: set[asyncio.Transport],
        unread_seconds: float,
        **settings: Any,
    ) -> None:
        super().__init__(protocol, server, **settings)
        self._http = http
        self._undecided = undecided
        self._unread_seconds = unread_seconds
        self._head = b""
        self._undecided_transport: asyncio.Transport | None = None
        self._drop: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._waits = _Wait.NOTHING
        # What is still to be parsed: `_rest` from `_at` on.
        self._rest = b""
        self._at = 0
        self._turn: asyncio.Handle | None = None
        self._frames = 0
        self._allowed_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._undecided_transport = cast(asyncio.Transport, transport)
        self._undecided.add(self._undecided_transport)
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._undecided_transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._undecided_transport is None:
            self._take(data)
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
            self._rest = b""
            for handle in (self._drop, self._unread, self._turn):
                if handle is not None:
                    handle.cancel()
            super().connection_lost(exc)
        else:
            self._settle(self._undecided_transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self._unread_seconds, self._drop_unread)
        self._wait(_Wait.UNREAD)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
        self._go_on(_Wait.UNREAD)

    def process_event(self, event: Event) -> None:
        self._frames += 1
        super().process_event(event)

    def _serve_websocket(self, transport: asyncio.Transport) -> None:
        head = self._settle(transport)
        super().connection_made(transport)
        # `websockets` would let the transport read on although the client does not read.
        self.recv_messages.pause = partial(self._wait, _Wait.HANDLERS)
        self.recv_messages.resume = partial(self._go_on, _Wait.HANDLERS)
        self._take(head)

    def _serve_http(self, transport: asyncio.Transport) -> None:
        head = self._settle(transport)
        http = self._http()
        transport.set_protocol(http)
        http.connection_made(transport)
        http.data_received(head)

    def _take(self, data: bytes) -> None:
        """Parse the beginning of what has come, and the rest when it is this client's turn again."""
        wait = self._parse(data[:_TURN_BYTES])
        if len(data) > _TURN_BYTES or wait:
            self._rest, self._at = data, _TURN_BYTES
            self._wait(_Wait.TURN)
            self._turn = self.loop.call_later(wait, self._parse_rest)

    def _parse_rest(self) -> None:
        self._turn = None
        if self._waits is not _Wait.TURN:
            return  # `_go_on` will ask again.
        if self._at < len(self._rest):
            start, self._at = self._at, self._at + _TURN_BYTES
            wait = self._parse(self._rest[start : self._at])
            self._turn = self.loop.call_later(wait, self._parse_rest)
        else:
            self._rest = b""
            self._go_on(_Wait.TURN)

    def _parse(self, data: bytes) -> float:
        """Give it to `websockets`; return for how many seconds nothing more may be parsed."""
        self._frames = 0
        super().data_received(data)
        if self._drop is None and self.close_timeout is not None and self.protocol.close_expected():
            # A client may send a close frame and then keep the TCP connection: `websockets` sets a deadline
            # for that, but only its own close() looks at it.
            self._drop = self.loop.call_later(self.close_timeout, self.transport.abort)
        now = self.loop.time()
        self._allowed_at = max(self._allowed_at, now - _BURST_SECONDS) + self._frames / _FRAMES_PER_SECOND
        return max(0.0, self._allowed_at - now)

    def _wait(self, reason: _Wait) -> None:
        if not self._waits:
            self.transport.pause_reading()
        self._waits |= reason

    def _go_on(self, reason: _Wait) -> None:
        self._waits &= ~reason
        if not self._waits:
            self.transport.resume_reading()
        elif self._waits is _Wait.TURN and self._turn is None:
            self._turn = self.loop.call_soon(self._parse_rest)

    def _drop_unread(self) -> None:
        # The close frame would wait behind all that is not read. Its code is for $disconnect.
        self.protocol.fail(CloseCode.POLICY_VIOLATION, "Client does not read")
        self.transport.abort()

    def _settle(self, transport: asyncio.Transport) -> bytes:
        """Return what has been held back."""
        self._undecided_transport = None
        self._undecided.discard(transport)
        self._deadline.cancel()
        del self._deadline
        head, self._head = self._head, b""
        return head
