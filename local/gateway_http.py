"""HTTP/1.1 for `@connections`, with as little as possible around its parser in C.

A broadcast is thousands of small requests, so what a request costs here is what a push costs. A request is
answered within the call that brings its last byte: no task, no stream and no object that outlives it.

    bytes -> llhttp -> head: an API admits it or refuses it -> body -> answer

Most of what is left of a push is the kernel's: one read, one write of the frame, one write of the answer.

A request that is refused is answered when its head is known; the rest of its body is read and dropped, so
that the next request on the connection finds its place. Answers leave in the order of their requests, those
to all that one read brought in one write. A client that does not read its answers is not read from either.

Nothing that a client sends or leaves out makes this wait or grow for ever: the limits are below.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Protocol, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

log = logging.getLogger(__name__)

# A longer request target is answered with 414, headers that are longer together with 431.
_TARGET_BYTES = 8 * 1024
_HEADERS_BYTES = 32 * 1024
# What a head may hold before it is complete: how long a header is, its end says, and it may have none.
_UNFINISHED_HEAD_BYTES = 64 * 1024
# How much is read of a request whose body is too long, to be polite; then the connection ends.
_REQUEST_BYTES = 16 * 1024 * 1024
# How long, and up to twice that, a request may take, and a client that is to read or to hang up.
_STALLED_SECONDS = 30.0

# Those that this module and its API look at. Of several of a name, the first counts.
_HEADERS = frozenset(
    {
        *(b"authorization", b"connection", b"content-length", b"expect"),
        *(b"host", b"transfer-encoding", b"x-amz-date"),
    }
)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Response:
    """An answer, encoded once. `headers` do without Content-Length and Connection."""

    __slots__ = ("_body", "_head", "plain")

    def __init__(
        self, status: HTTPStatus, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        lines = [f"HTTP/1.1 {status} {status.phrase}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
        if status is not HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(body)}")
        self._head = "\r\n".join([*lines, ""]).encode()
        self._body = body
        self.plain = self.encode()
        """As it is sent to a client of HTTP/1.1 whose connection stays open."""

    def encode(self, connection: bytes = b"", *, body: bool = True) -> bytes:
        """As bytes, with a `Connection` header unless that is empty, and without the body for a HEAD."""
        header = b"Connection: %b\r\n" % connection if connection else b""
        return b"%b%b\r\n%b" % (self._head, header, self._body if body else b"")


class RefusedError(Exception):
    """A request is answered without its body."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.plain)
        self.response = response


class Api(Protocol):
    """What is served. `body_bytes` is the longest body; a longer one is answered with `too_large`."""

    body_bytes: int
    too_large: Response

    def admit(
        self, method: bytes, target: bytes, headers: Mapping[bytes, bytes]
    ) -> Callable[[bytes], Response]:
        """What answers the request when its body has come; raises `RefusedError`.

        `target` is as it was sent, percent-encoded and with its query. `headers` has those that matter, their
        names in lower case.
        """


class HttpServer:
    """Serves an API over the TCP connections that a listener accepts.

    Call it to get the asyncio protocol of one connection.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self.stopping = False
        self._connections: set[_HttpConnection] = set()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self._sweep_handle: asyncio.TimerHandle | None = None

    def __call__(self) -> asyncio.Protocol:
        return _HttpConnection(self)

    async def stop(self, seconds: float) -> None:
        """Closes the connections: those with a request under way when it is answered, or after `seconds`."""
        self.stopping = True
        for connection in tuple(self._connections):
            connection.close_if_idle()
        try:
            async with asyncio.timeout(seconds):
                await self._nobody.wait()
        except TimeoutError:
            for connection in self._connections:
                connection.abort()
        await self._nobody.wait()
        if self._sweep_handle is not None:
            self._sweep_handle.cancel()

    def opened(self, connection: "_HttpConnection") -> None:
        """A connection is there."""
        self._connections.add(connection)
        self._nobody.clear()
        if self._sweep_handle is None:
            self._sweep()

    def closed(self, connection: "_HttpConnection") -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._nobody.set()

    def _sweep(self) -> None:
        # One timer for all of them: one for each request would cost more than the request.
        for connection in self._connections:
            connection.abort_if_stalled()
        loop = asyncio.get_running_loop()
        self._sweep_handle = loop.call_later(_STALLED_SECONDS, self._sweep) if self._connections else None


class _BadHeadError(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class _HungUpError(Exception):
    pass


class _HttpConnection(asyncio.Protocol):
    """One TCP connection; also what its parser calls: the methods `on_...`."""

    __slots__ = (
        *("_answer", "_body", "_body_bytes", "_headers", "_headers_bytes", "_in_head", "_keep_alive"),
        *("_hung_up", "_method", "_out", "_parser", "_plain", "_server", "_stalled_at", "_target"),
        *("_transport", "_under_way", "_unfinished_bytes", "_upgrading", "_writing_paused"),
    )

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._out: list[bytes] = []
        self._under_way = False
        self._hung_up = False
        self._writing_paused = False
        self._headers: dict[bytes, bytes] = {}
        self._stalled_at: object = None

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = HttpRequestParser(self)
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._hung_up:
            return
        if self._under_way:
            self._unfinished_bytes += len(data)
        while data:
            data = self._feed(data)
        if self._under_way and not self._hung_up:
            self._check_unfinished()
        self._flush()

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._transport.resume_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        # It refers to this object, and this object to it.
        del self._parser
        self._server.closed(self)

    # Called by the server.

    def close_if_idle(self) -> None:
        """Close it, unless the server is to wait for the end of a request."""
        if not self._under_way or self._hung_up:
            self._transport.close()

    def abort(self) -> None:
        """Close it whatever it does."""
        self._transport.abort()

    def abort_if_stalled(self) -> None:
        """Close it if it has waited for its client since the last call already."""
        waits = self._under_way or self._hung_up or self._writing_paused or self._transport.is_closing()
        # Every request has headers of its own.
        if waits and self._stalled_at is self._headers:
            self.abort()
        self._stalled_at = self._headers if waits else None

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self._hung_up:
            raise _HungUpError
        self._under_way = self._in_head = True
        self._upgrading = False
        self._unfinished_bytes = self._headers_bytes = self._body_bytes = 0
        self._target = b""
        self._headers = {}
        self._body: list[bytes] = []
        self._answer: Callable[[bytes], Response] | None = None

    def on_url(self, part: bytes) -> None:
        self._target += part
        if len(self._target) > _TARGET_BYTES:
            raise _BadHeadError(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers_bytes += len(name) + len(value)
        if self._headers_bytes > _HEADERS_BYTES:
            raise _BadHeadError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        name = name.lower()
        if name in _HEADERS:
            # llhttp leaves the blanks at its end.
            self._headers.setdefault(name, value.rstrip())

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        if b"host" not in headers and parser.get_http_version() == "1.1":
            raise _BadHeadError(HTTPStatus.BAD_REQUEST)
        self._in_head = False
        self._method: bytes = parser.get_method()
        self._keep_alive: bool = parser.should_keep_alive()
        if parser.should_upgrade():
            self._upgrading = self._method != b"CONNECT"
            if self._upgrading:
                return
            # llhttp reads no HTTP after it.
            self._keep_alive = False
        # Without the header, only a client of HTTP/1.1 keeps its connection.
        self._plain = self._keep_alive and b"connection" not in headers and self._method != b"HEAD"
        try:
            self._answer = self._server.api.admit(self._method, self._target, headers)
        except RefusedError as refusal:
            self._respond(refusal.response)
            return
        if int(headers.get(b"content-length", 0)) > self._server.api.body_bytes:
            self._refuse_body()
        elif headers.get(b"expect", b"").lower() == b"100-continue" and parser.get_http_version() != "1.0":
            self._out.append(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        if self._answer is None:
            return
        self._body_bytes += len(part)
        if self._body_bytes > self._server.api.body_bytes:
            self._refuse_body()
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        if self._answer is not None:
            self._respond(self._answer(b"".join(self._body)))
        self._under_way = False
        if not self._keep_alive or self._server.stopping:
            self._hung_up = True

    # The rest.

    def _feed(self, data: bytes) -> bytes:
        """Parse; returns what is to be parsed again."""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            return self._not_upgraded() + data[upgrade.args[0] :]
        except HttpParserCallbackError as error:
            self._failed(error)
        except HttpParserError as error:
            # After a `Connection: close`, what follows is no request whatever it is.
            if not self._hung_up:
                log.debug("a request that is no HTTP: %s", error)
                self._fail(HTTPStatus.BAD_REQUEST)
        return b""

    def _not_upgraded(self) -> bytes:
        """The head of the request again, without the wish to be spoken to in another protocol.

        A server may ignore the wish, and does so here; but llhttp takes it that what follows the head is in
        the other protocol, and leaves out the body.
        """
        if not self._upgrading:
            return b""
        self._parser = HttpRequestParser(self)
        headers = b"".join(b"%b: %b\r\n" % header for header in self._headers.items())
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (self._method, self._target, headers)

    def _failed(self, error: HttpParserCallbackError) -> None:
        cause = error.__context__
        if isinstance(cause, _HungUpError):
            return
        if isinstance(cause, _BadHeadError):
            self._fail(cause.status)
            return
        log.error("a request failed", exc_info=cause)
        self._fail(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _check_unfinished(self) -> None:
        if self._in_head and self._unfinished_bytes > _UNFINISHED_HEAD_BYTES:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._unfinished_bytes > _REQUEST_BYTES:
            self._hung_up = True

    def _refuse_body(self) -> None:
        self._answer = None
        self._body.clear()
        self._respond(self._server.api.too_large)

    def _respond(self, response: Response) -> None:
        if self._plain and not self._server.stopping:
            self._out.append(response.plain)
        else:
            keep_alive = self._keep_alive and not self._server.stopping
            connection = b"keep-alive" if keep_alive else b"close"
            self._out.append(response.encode(connection, body=self._method != b"HEAD"))

    def _fail(self, status: HTTPStatus) -> None:
        """Answer what cannot be parsed any further, unless it was answered already, and hang up."""
        if self._answer is not None or self._in_head or not self._under_way:
            body = f'{{"message": "{status.phrase}"}}'.encode()
            response = Response(status, {"Content-Type": "application/json; charset=utf-8"}, body)
            self._out.append(response.encode(b"close"))
        self._hung_up = True

    def _flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()
        if self._hung_up and not self._transport.is_closing():
            # Closing it now would let the client's kernel throw away the answer, if more is under way from
            # the client. https://www.rfc-editor.org/rfc/rfc9112#section-9.6
            self._transport.write_eof()
