"""Many WebSocket connections in one process that count what they are sent: the same for every gateway.

    python -m bench.gateway_clients --url ws://127.0.0.1:PORT/ --connections N --protocol ws|socketio

It speaks in JSON lines. `{"connected": N}` is printed when all are connected. Then it takes orders:

    {"do": "start"}
        counts from zero; answers {"counting": true}
    {"do": "stop", "frames": F, "timeout_seconds": S}
        waits until F have come (default 0: for nothing) or S have passed (default 60), and answers
        {"frames", "bytes", "first_at", "last_at", "open"}

`bytes` are those of the frames counted, headers included. `first_at` and `last_at` are when they came, in
seconds of the machine's monotonic clock, or null; `open` says how many of the connections are left. The end
of standard input ends the program.

A WebSocket library would cost more than the gateway that is measured. So a connection here is only as much
of RFC 6455 as it takes to count: nothing is unmasked (a server does not mask) and no payload is looked at,
but for the handshake and the heartbeat of Engine.IO: https://socket.io/docs/v4/engine-io-protocol/
"""

import argparse
import asyncio
import base64
import hashlib
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from bench import open_files
from bench.orders import say, serve

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_KEY = base64.b64encode(bytes(16)).decode()
# https://datatracker.ietf.org/doc/html/rfc6455#section-1.3
_ACCEPT = base64.b64encode(
    hashlib.sha1(f"{_KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
)
_ENGINE_IO = "/socket.io/?EIO=4&transport=websocket"
# A listening socket's queue is short: Python's holds 100.
_CONNECTING_AT_ONCE = 50


@dataclass
class Tally:
    """What all connections together have been sent since the count was started."""

    frames: int = 0
    bytes: int = 0
    first_at: float | None = None
    last_at: float | None = None
    expected: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, frames: int, size: int) -> None:
        """Count what came at once."""
        self.frames += frames
        self.bytes += size
        self.last_at = time.monotonic()
        if self.first_at is None:
            self.first_at = self.last_at
        if self.frames >= self.expected:
            self.complete.set()


class Clients:
    """The connections of this process, and their tally."""

    def __init__(self, url: str, *, socketio: bool) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or 80
        path = _ENGINE_IO if socketio else f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        self.socketio = socketio
        self.handshake = (
            f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n\r\n"
        ).encode()
        self.tally = Tally()
        self.open = 0

    async def connect(self, connections: int) -> None:
        """Open so many more. Raises `ConnectionError` or `OSError` when one is refused."""
        free = asyncio.Semaphore(_CONNECTING_AT_ONCE)

        async def one() -> None:
            async with free:
                connected = asyncio.get_running_loop().create_future()
                await asyncio.get_running_loop().create_connection(
                    partial(self.connection, connected), self._host, self._port
                )
                await connected

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(one())

    def connection(self, connected: asyncio.Future[None]) -> asyncio.Protocol:
        """The protocol of one; `connected` tells when the gateway has let it in."""
        return _Connection(self, connected)

    async def start(self) -> dict[str, Any]:
        """Count from zero."""
        self.tally = Tally()
        return {"counting": True}

    async def stop(self, frames: int = 0, timeout_seconds: float = 60) -> dict[str, Any]:
        """The count, when it has come to `frames` or when the time is over."""
        tally = self.tally
        tally.expected = frames
        if tally.frames < frames:
            tally.complete.clear()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await tally.complete.wait()
            except TimeoutError:
                pass  # The count says how many are missing.
        return {
            "frames": tally.frames,
            "bytes": tally.bytes,
            "first_at": tally.first_at,
            "last_at": tally.last_at,
            "open": self.open,
        }


class _Connection(asyncio.Protocol):
    """One client. The bytes that have come and are no whole frame yet wait in `_rest`."""

    __slots__ = ("_clients", "_connected", "_receive", "_rest", "_transport")

    def __init__(self, clients: Clients, connected: asyncio.Future[None]) -> None:
        self._clients = clients
        self._connected: asyncio.Future[None] | None = connected
        self._rest = b""
        self._receive = self._head_received

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._clients.handshake)

    def data_received(self, data: bytes) -> None:
        self._receive(self._rest + data if self._rest else data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connected is None:
            self._clients.open -= 1
        elif not self._connected.done():
            self._connected.set_exception(exc or ConnectionError("the connection was closed"))

    def _head_received(self, data: bytes) -> None:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            return
        if not head.startswith(b"HTTP/1.1 101 ") or _ACCEPT not in head:
            line = head.partition(b"\r\n")[0].decode(errors="replace")
            self._fail(ConnectionError(f"the handshake was answered with {line!r}"))
            return
        self._receive = self._frames_received
        if not self._clients.socketio:
            self._let_in()
        self._frames_received(rest)

    def _frames_received(self, data: bytes) -> None:
        frames = counted = at = 0
        size = len(data)
        while size - at >= 2:
            length, head = data[at + 1], 2
            if length >= 126:
                head = 4 if length == 126 else 10
                length = int.from_bytes(data[at + 2 : at + head])
            end = at + head + length
            if end > size:
                break
            if self._counts(data[at], data, at + head, end):
                frames += 1
                counted += head + length
            at = end
        self._rest = data[at:]
        if frames:
            self._clients.tally.add(frames, counted)

    def _counts(self, opcode: int, data: bytes, start: int, end: int) -> bool:
        if opcode == _CLOSE:
            self._send(_CLOSE, data[start : start + 2])
            self._transport.close()
        elif opcode == _PING:
            self._send(_PONG, data[start:end])
        elif opcode == _TEXT and self._clients.socketio:
            return self._packet(data[start : start + 2])
        return opcode in (_TEXT, _BINARY)

    def _packet(self, kind: bytes) -> bool:
        """Whether it is an event; the other packets are those of the handshake and the heartbeat."""
        if kind[:1] == b"0":
            self._send(_TEXT, b"40")
        elif kind[:1] == b"2":
            self._send(_TEXT, b"3")
        elif kind == b"40":
            self._let_in()
        return kind == b"42"

    def _let_in(self) -> None:
        if self._connected is not None and not self._connected.done():
            self._connected.set_result(None)
            self._connected = None
            self._clients.open += 1

    def _fail(self, error: Exception) -> None:
        if self._connected is not None and not self._connected.done():
            self._connected.set_exception(error)
        self._transport.abort()

    def _send(self, opcode: int, payload: bytes) -> None:
        # Masked with zeros, which leave the payload as it is. No more than 125 bytes.
        self._transport.write(bytes((opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload)


async def _run(arguments: argparse.Namespace) -> None:
    clients = Clients(arguments.url, socketio=arguments.protocol == "socketio")
    await clients.connect(arguments.connections)
    say({"connected": clients.open})
    await serve({"start": clients.start, "stop": clients.stop})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.gateway_clients")
    _parser.add_argument("--url", required=True, help="the gateway's address, ws://host:port/")
    _parser.add_argument("--connections", type=int, required=True)
    _parser.add_argument("--protocol", choices=["ws", "socketio"], default="ws")
    open_files.raise_limit()
    uvloop.run(_run(_parser.parse_args()))
