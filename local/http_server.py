"""HTTP/1.1 on this machine, for REST and for `@connections`: uvicorn on llhttp, and the limits that it lacks.

Left to itself, uvicorn waits for the rest of a request for as long as a client likes, keeps a head of any
length, and serves requests without a version or a host. What llhttp refuses (Content-Length beside
Transfer-Encoding, two lengths, control characters in a header) and what is refused here is answered with a
400, and the connection is closed: what follows cannot be told from the rest of the request.
https://www.rfc-editor.org/rfc/rfc9112#section-6.3
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping, Sized
from typing import Any, cast

import uvicorn
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEAD_BYTES = 64 * 1024
"""Bytes of a request's target and headers together; more is refused. What uvicorn takes on h11."""

PIPELINED_REQUESTS = 2000
"""How many requests a client may have sent ahead, in what one read brings; more is refused."""

WAIT_SECONDS = 30.0
"""How long a client may take to send a request, to read an answer, or to come back with the next request."""


def configuration(app: App, *, stop_seconds: int) -> uvicorn.Config:
    """Return the settings of uvicorn; `stop_seconds` is how long a stop waits for requests under way."""
    return uvicorn.Config(
        app,
        http=_HttpProtocol,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=math.ceil(WAIT_SECONDS),
        timeout_graceful_shutdown=stop_seconds,
    )


class HttpServer:
    """Serves an ASGI application over connections that another listener accepts.

    Call it to get the asyncio protocol of one connection.
    """

    def __init__(self, app: App) -> None:
        self._config = configuration(app, stop_seconds=0)
        self._config.load()
        self._state = ServerState()

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of one connection."""
        return _HttpProtocol(self._config, self._state, {})

    async def stop(self, seconds: float) -> None:
        """Close the connections: those with a request under way when it is answered, or after `seconds`."""
        connections = cast(set[_HttpProtocol], self._state.connections)
        lost = {connection.lost: connection for connection in connections}
        for connection in lost.values():
            connection.shutdown()
        if lost:
            _, late = await asyncio.wait(lost, timeout=seconds)
            for future in late:
                lost[future].transport.abort()
            await asyncio.wait(lost)
        await asyncio.gather(*self._state.tasks)


class BodyTooLargeError(Exception):
    """The body of a request is longer than its reader takes."""


class ClientLeftError(Exception):
    """The client left before its request was complete: no client is left to answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the body of a request, `limit` bytes at most. Raises BodyTooLargeError, ClientLeftError.

    A body that is announced as longer is refused before it comes. The rest of a refused one is dropped.
    """
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(announced) > limit:
        raise BodyTooLargeError
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLargeError
        more = message.get("more_body", False)
    return body


class _BadHeadError(Exception):
    """The head of a request breaks a rule that llhttp does not know."""


class _FlowControl(FlowControl):
    """Reads nothing more from a client whose requests wait for their turn already."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        # uvicorn reads on as soon as one request is taken up, so that the others pile up without end.
        if not self._waiting:
            super().resume_reading()


class _HttpProtocol(HttpToolsProtocol):
    """One TCP connection, which is closed when it makes the server wait for too long.

    One timer serves it all its life: a timer for each request would cost as much as the request.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _FlowControl(transport, self.pipeline)
        self.lost: asyncio.Future[None] = self.loop.create_future()
        # Since when the server has waited for a request, or for the rest of one; and for answers to be read.
        self._waits_since: float | None = self.loop.time()
        self._unread_since: float | None = None
        self._in_head = self._wants_upgrade = False
        # Bytes that came for a head that was not complete, and with the last read.
        self._head_bytes = self._read_bytes = 0
        self._timer = self.loop.call_later(WAIT_SECONDS, self._close_if_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)
        self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._read_bytes = len(data)
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._feed(data)
            self._check_head(self._head_bytes if self._in_head else 0)
        except (HttpParserError, _BadHeadError) as error:
            cause = error.__context__ if isinstance(error.__context__, _BadHeadError) else error
            if not self.transport.is_closing():
                self.send_400_response(f"Invalid HTTP request: {cause!s:.200}.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._waits_since = self.loop.time()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        # llhttp leaves the blanks at the end of a value.
        self.headers[:] = [(name, value.rstrip(b" \t")) for name, value in self.headers]
        if max(self._head_bytes, self._read_bytes) > HEAD_BYTES // 2:
            self._check_head(len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers))
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise _BadHeadError("the version must be HTTP/1.1 or HTTP/1.0")
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
            raise _BadHeadError("there must be one Host header")
        if version == "1.0" and b"transfer-encoding" in names:
            raise _BadHeadError("HTTP/1.0 has no Transfer-Encoding")
        if len(self.pipeline) >= PIPELINED_REQUESTS:
            raise _BadHeadError(f"at most {PIPELINED_REQUESTS} requests may wait for their turn")
        # Its target is the authority of another host, of which uvicorn would make a path.
        if self.parser.get_method() == b"CONNECT":
            raise _BadHeadError("CONNECT is for proxies, and there is no proxy here")
        if self.parser.should_upgrade():
            self._wants_upgrade = True
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._wants_upgrade:
            return
        super().on_message_complete()
        # A refusal may have been sent before the end of its request.
        self._waits_since = self.loop.time() if self.cycle.response_complete else None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Unless the next request is here already, or the rest of this one is still to come.
        if self._waits_since is None and self.cycle.response_complete:
            self._waits_since = self.loop.time()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # A server may ignore the wish to be spoken to in another protocol. llhttp takes what follows the
            # head for the other protocol, so a new parser gets the head without the wish.
            self._wants_upgrade = False
            head = [
                b"%b %b HTTP/%b"
                % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
            ]
            head += [
                b"%b: %b" % header for header in self.headers if header[0] not in (b"connection", b"upgrade")
            ]
            self.parser = HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._feed(b"\r\n".join([*head, b"", data[upgrade.args[0] :]]))

    def _close_if_late(self) -> None:
        # While nothing is read, it is not the client who is late.
        waits_since = None if self.flow.read_paused else self._waits_since
        since = [time for time in (waits_since, self._unread_since) if time is not None]
        left = min(since, default=self.loop.time()) + WAIT_SECONDS - self.loop.time()
        if left <= 0:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(left, self._close_if_late)

    @staticmethod
    def _check_head(size: int) -> None:
        if size > HEAD_BYTES:
            raise _BadHeadError(f"target and headers must be at most {HEAD_BYTES} bytes together")
