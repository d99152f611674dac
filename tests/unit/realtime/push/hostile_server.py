"""An HTTP server on 127.0.0.1 that answers with whatever bytes it is told to, when it is told to."""

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from bench.certificate import make as make_certificate
from tests.support.waiting import patience

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OK_AND_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    """Pieces that are sent one by one; after them the connection stays, is closed, or is reset."""

    pieces: tuple[bytes, ...]
    close: bool = False
    reset: bool = False


def reply(*pieces: bytes) -> Reply:
    """Send this, and stay."""
    return Reply(pieces)


def last_words(*pieces: bytes) -> Reply:
    """Send this, and close the connection."""
    return Reply(pieces, close=True)


def broken_off(*pieces: bytes) -> Reply:
    """Send this, and reset the connection."""
    return Reply(pieces, reset=True)


SILENCE = reply()


class HostileServer:
    """Each id is answered by its own script, whose last line repeats; others are answered by `otherwise`.

    That gets the number of the request on its connection, from 1.
    """

    def __init__(self, scripts: dict[str, list[Reply]], otherwise: Callable[[int], Reply]) -> None:
        self.attempts: Counter[str] = Counter()
        self.connections = 0
        self._scripts = scripts
        self._otherwise = otherwise
        self._open: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._open.add(writer)
        number = 1
        try:
            while await self._serve_request(reader, writer, number):
                number += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._open.discard(writer)
            self._changed.set()

    def reset_all(self) -> None:
        """Break every connection."""
        for writer in self._open:
            _reset(writer)

    async def all_closed(self) -> None:
        """Return when no connection is open. Raises TimeoutError when one stays so."""
        async with patience():
            while self._open:
                self._changed.clear()
                await self._changed.wait()

    async def _serve_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        await reader.readexactly(int(headers.get("content-length", "0")))
        connection_id = unquote(head[0].split(" ")[1].rpartition("/")[2])
        attempt = self.attempts[connection_id]
        self.attempts[connection_id] += 1
        script = self._scripts.get(connection_id)
        line = script[min(attempt, len(script) - 1)] if script else self._otherwise(number)
        for piece in line.pieces:
            writer.write(piece)
            await writer.drain()
            # So that the client reads it by itself.
            await asyncio.sleep(0.001)
        if line.reset:
            _reset(writer)
        return not (line.close or line.reset)


def _reset(writer: asyncio.StreamWriter) -> None:
    linger_not_at_all = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)
    writer.transport.abort()


@asynccontextmanager
async def hostile_server(
    scripts: dict[str, list[Reply]] | None = None,
    otherwise: Callable[[int], Reply] = lambda _: reply(OK),
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[HostileServer, int]]:
    """Yield the server and its port."""
    hostile = HostileServer(scripts or {}, otherwise)
    server = await asyncio.start_server(hostile.serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield hostile, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        hostile.reset_all()
        await hostile.all_closed()


@dataclass(frozen=True)
class Certificate:
    """A certificate that is its own authority."""

    authority: Path
    server: ssl.SSLContext


def certificate(folder: Path, host: str) -> Certificate:
    """Make one for a host, in a folder of its own."""
    authority, key = make_certificate(folder, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    return Certificate(authority, context)
