"""One keep-alive connection to the endpoint, which carries one request at a time."""

import asyncio
from typing import Protocol, cast

import httptools

from realtime.push.job import Job
from realtime.push.response import FINAL, RESPONSE_LIMIT, read_until_eof


class ConnectionOwner(Protocol):
    """The pool as a connection sees it: it gives work, and hears about each event."""

    tick: int

    def connected(self, connection: "Connection") -> None:
        """Hear that the connection can take its first request."""

    def answered(self, connection: "Connection", status: int, response: bytes) -> None:
        """Hear that the request is answered; the connection can take another one, unless it is dead."""

    def lost(self, connection: "Connection", *, unheard: bool) -> None:
        """Hear that the connection is dead, its request unanswered; `unheard` when not one byte came back."""


class _UnaskedError(Exception):
    """The server answers what it was not asked."""


class Connection(asyncio.Protocol):
    """A connection, and the id whose request is out on it.

    The parser tells where a message begins and ends, and keeps its headers to itself: those of a good answer
    are of no interest. `answered` gets the bytes, for those of a bad one.

    troubles: how many the owner had had with the endpoint when the connection was opened.
    """

    def __init__(self, owner: ConnectionOwner, *, troubles: int = 0) -> None:
        self.troubles = troubles
        self.job: Job | None = None
        self.connection_id = ""
        self.tries = 0
        """How often the id has been sent, on this connection or others."""
        self.proven = False
        """Whether the last answer was a good one."""
        self.reused = False
        """Whether it was idle or has answered before: then its end may have nothing to do with a request."""
        self.throttled = 0
        """How often in a row it was told that there are too many requests."""
        self.idle_since = 0.0
        self.dead = False
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._sent_tick = 0
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._keep_alive = True
        self._received = b""

    @property
    def closing(self) -> bool:
        """Whether it is about to end by itself."""
        return self._transport is None or self._transport.is_closing()

    def sent_for(self, tick: int) -> int:
        """Return for how many of the owner's ticks an answer is awaited; 0 when none is expected."""
        return tick - self._sent_tick if self.job is not None and self._transport is not None else 0

    def send(self, request: bytes) -> None:
        """Send the request of the id that is carried."""
        self.tries += 1
        self._sent_tick = self._owner.tick
        cast(asyncio.Transport, self._transport).write(request)

    def abort(self) -> None:
        """End the connection at once. The owner is not told."""
        self.dead = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)
        if self.dead:
            self._transport.abort()
        else:
            self._owner.connected(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self.dead:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            # What comes after a whole answer does not make that one bad.
            self._keep_alive = False
            if not self._status:
                self._give_up()
                return
        status = self._status
        if not status:
            self._received += data
            if len(self._received) > RESPONSE_LIMIT:
                self._give_up()
            return
        self._status = 0
        if self._received:
            data = self._received + data
            self._received = b""
        if not self._keep_alive:
            self.abort()
        self._owner.answered(self, status, data)

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self.dead:
            return
        self.dead = True
        status = read_until_eof(self._received) if error is None and self.job is not None else None
        if status is None:
            self._owner.lost(self, unheard=not self._received)
        else:
            self._owner.answered(self, status, self._received)

    def on_message_begin(self) -> None:
        """See httptools."""
        if self._status or self.job is None:
            raise _UnaskedError

    def on_message_complete(self) -> None:
        """See httptools."""
        status = self._parser.get_status_code()
        if status >= FINAL:
            self._status = status
            self._keep_alive = self._parser.should_keep_alive()

    def _give_up(self) -> None:
        self.abort()
        self._owner.lost(self, unheard=False)
