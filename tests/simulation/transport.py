"""HTTP/1.1 without sockets: a push client's connections end in a function that answers requests."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import httptools


@dataclass(frozen=True)
class Request:
    """What came over the wire; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def connection_id(self) -> str:
        """The last segment of the path, decoded."""
        return unquote(self.path.rpartition("/")[2])


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As HTTP/1.1."""
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        lines = [
            f"HTTP/1.1 {self.status} Simulated",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


Respond = Callable[[Request], Awaitable[Answer]]
"""Answers a request. Raises ConnectionError to break the connection instead; never returns to say nothing."""


class MemoryServer:
    """A server in the same process. Its `create_connection` stands in for the event loop's."""

    def __init__(self, respond: Respond, *, refusals: int = 0, seconds_to_connect: float = 0) -> None:
        self.respond = respond
        self.refusals = refusals
        """The number of connections that are refused before one is accepted."""
        self.seconds_to_connect = seconds_to_connect
        self.closing = 0
        """The number of requests that meet a connection that is just being closed."""
        self.dropped: list[Request] = []
        """Those requests."""
        self.breaking = 0
        """The number of answers that break off in the middle."""
        self.opened = 0
        self.open: list[MemoryTransport] = []
        self._answering: set[asyncio.Task[None]] = set()

    async def create_connection(
        self, protocol_factory: Callable[[], asyncio.Protocol], host: str, port: int, *, ssl: object = None
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Open a connection."""
        await asyncio.sleep(self.seconds_to_connect)
        if self.refusals:
            self.refusals -= 1
            raise ConnectionRefusedError
        protocol = protocol_factory()
        transport = MemoryTransport(self, protocol)
        self.opened += 1
        self.open.append(transport)
        protocol.connection_made(transport)
        return transport, protocol

    def answer(self, transport: "MemoryTransport", request: Request) -> None:
        """Have a request answered. The server lives its own life, outside the client's tasks."""
        if self.closing:
            self.closing -= 1
            self.dropped.append(request)
            transport.lose(None)
            return

        async def answer() -> None:
            try:
                reply = await self.respond(request)
            except ConnectionError as error:
                transport.lose(error)
            else:
                data = reply.encode()
                transport.deliver(data[: len(data) // 2])
                if self.breaking:
                    self.breaking -= 1
                    transport.lose(None)
                transport.deliver(data[len(data) // 2 :])

        task = asyncio.get_running_loop().create_task(answer(), context=contextvars.Context())
        self._answering.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        if not task.cancelled():
            task.result()


class MemoryTransport(asyncio.Transport):
    """The client's end of a connection, and the server's."""

    def __init__(self, server: MemoryServer, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._server = server
        self._protocol = protocol
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = b""
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio.Transport."""
        if not self._closing:
            self._parser.feed_data(data)

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._closing

    def close(self) -> None:
        """See asyncio.Transport."""
        self.lose(None)

    def abort(self) -> None:
        """See asyncio.Transport."""
        self.lose(None)

    def deliver(self, data: bytes) -> None:
        """Bytes from the server."""
        if self._closing:
            return
        try:
            self._protocol.data_received(data)
        except Exception as error:  # noqa: BLE001 - as asyncio's own transports
            asyncio.get_running_loop().call_exception_handler(
                {"message": "data_received() failed", "exception": error, "transport": self}
            )
            self.lose(error)

    def lose(self, error: Exception | None) -> None:
        """The connection ends, from either side."""
        if not self._closing:
            self._closing = True
            self._server.open.remove(self)
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._body += body

    def on_message_complete(self) -> None:
        """See httptools."""
        request = Request(
            self._parser.get_method().decode(), self._url.decode(), dict(self._headers), self._body
        )
        self._url, self._body = b"", b""
        self._headers.clear()
        self._server.answer(self, request)
