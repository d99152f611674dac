"""A WebSocket client that costs the tester little: RFC 6455 without extensions, on asyncio's own transports.

The tester runs beside the backend that it measures, so every microsecond spent on a frame is taken from what
is measured; a full library spends five times as much on one. What a client may meet is all here: frames in
pieces, pings, closings from either side, a server that breaks the protocol.
"""

import asyncio
import base64
import hashlib
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

from loadtest.errors import LoadTestError

SUBPROTOCOL = "podium"

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _RESERVED, _OPCODE, _MASKED, _CONTROL = 0x80, 0x70, 0x0F, 0x80, 0x8
# https://datatracker.ietf.org/doc/html/rfc6455#section-1.3
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD_BYTES = 64 * 1024
# A board of 100 entries takes less than a fiftieth of this.
_MESSAGE_BYTES = 1024 * 1024
_CLOSE_SECONDS = 2.0
_NORMAL_CLOSURE = 1000


class WireError(Exception):
    """There is no connection; the message is a short name of the reason, always the same for the same one."""


class Receiver(Protocol):
    """Who a connection belongs to."""

    def received(self, payload: bytes) -> None:
        """A message has come."""

    def lost(self, reason: str) -> None:
        """The open connection is gone, not by `leave` or `vanish`; `reason` as in WireError."""


@dataclass(frozen=True)
class Address:
    """Where to connect to; `tls` is None for a plain connection."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str) -> "Address":
        """The address in a `ws://` or `wss://` URL. Raises LoadTestError for any other."""
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise LoadTestError(f"{url!r} is not the address of a WebSocket")
        tls = ssl.create_default_context() if parts.scheme == "wss" else None
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        return cls(parts.hostname, parts.port or (443 if tls else 80), path, tls)


async def connect(address: Address, token: str, receiver: Receiver) -> "WebSocket":
    """An open connection. Raises WireError or OSError; cancelled, it leaves nothing behind."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[None] = loop.create_future()
    server_name = address.host if address.tls else None
    _, connection = await loop.create_connection(
        lambda: WebSocket(address, token, receiver, opened),
        address.host,
        address.port,
        ssl=address.tls,
        server_hostname=server_name,
    )
    try:
        await opened
    except BaseException:
        connection.vanish()
        raise
    return connection


class WebSocket(asyncio.Protocol):
    """One connection. What is no whole frame yet waits in `_rest`, what is no whole message in `_parts`."""

    __slots__ = (
        "_address",
        "_key",
        "_opened",
        "_parts",
        "_read",
        "_receiver",
        "_rest",
        "_token",
        "_transport",
    )

    def __init__(
        self, address: Address, token: str, receiver: Receiver, opened: asyncio.Future[None]
    ) -> None:
        self._address = address
        self._token = token
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._opened = opened
        self._receiver: Receiver | None = receiver
        self._rest = b""
        self._parts: list[bytes] | None = None
        self._read: Callable[[bytes], None] = self._read_head

    def send(self, text: str) -> None:
        """Send a text message. Nothing happens when the connection is closing."""
        self._write(_TEXT, text.encode())

    def leave(self) -> None:
        """Say goodbye, and close once the server has answered. Nothing is received from now on."""
        self._receiver = None
        self._write(_CLOSE, _NORMAL_CLOSURE.to_bytes(2))
        asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self._transport.abort)

    def vanish(self) -> None:
        """Drop the TCP connection, as a phone in a tunnel does. Nothing is received from now on."""
        self._receiver = None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected; send the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        host, port = self._address.host, self._address.port
        self._transport.write(
            (
                f"GET {self._address.path} HTTP/1.1\r\n"
                f"Host: {f'[{host}]' if ':' in host else host}:{port}\r\n"
                "Connection: Upgrade\r\n"
                "Upgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {self._key}\r\n"
                f"Sec-WebSocket-Protocol: {SUBPROTOCOL}, {self._token}\r\n"
                "User-Agent: podium-loadtest\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        self._read(self._rest + data if self._rest else data)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._fail("connection reset" if exc else "connection ended")

    def _read_head(self, data: bytes) -> None:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            if len(data) > _HEAD_BYTES:
                self._fail("handshake too long")
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        status = lines[0].partition(" ")[2][:3]
        accept = base64.b64encode(hashlib.sha1((self._key + _GUID).encode(), usedforsecurity=False).digest())
        if status != "101":
            self._fail(f"handshake {status}")
        elif headers.get("sec-websocket-accept") != accept.decode():
            self._fail("handshake without its key")
        elif headers.get("sec-websocket-protocol") != SUBPROTOCOL:
            self._fail("handshake without the subprotocol")
        else:
            self._rest = b""
            self._read = self._read_frames
            if not self._opened.done():
                self._opened.set_result(None)
            if rest:
                self._read_frames(rest)

    def _read_frames(self, data: bytes) -> None:
        size, at = len(data), 0
        while size - at >= 2:
            first, length, start = data[at], data[at + 1], at + 2
            if length >= 126:
                # Above 127 it says that the frame is masked, which a server's must not be.
                start += {126: 2, 127: 8}.get(length, 0)
                if start > size:
                    break
                length = int.from_bytes(data[at + 2 : start]) if length < 128 else _MESSAGE_BYTES + 1
            if length > _MESSAGE_BYTES:
                self._fail("bad frame")
                return
            end = start + length
            if end > size:
                break
            at = end
            if first == _FIN | _TEXT and self._parts is None:
                if self._receiver is not None:
                    self._receiver.received(data[start:end])
            elif not self._take(first, data[start:end]):
                return
        self._rest = data[at:]

    def _take(self, first: int, payload: bytes) -> bool:
        """Take a frame that is not a whole text message; whether the connection goes on."""
        opcode, whole = first & _OPCODE, bool(first & _FIN)
        if opcode & _CONTROL:
            return self._take_control(opcode, payload, whole and not first & _RESERVED)
        if first & _RESERVED or opcode > _BINARY or (opcode == _CONTINUATION) != (self._parts is not None):
            self._fail("bad frame")
            return False
        parts = [*(self._parts or ()), payload]
        self._parts = None if whole else parts
        if sum(map(len, parts)) > _MESSAGE_BYTES:
            self._fail("bad frame")
            return False
        if whole and self._receiver is not None:
            self._receiver.received(b"".join(parts))
        return True

    def _take_control(self, opcode: int, payload: bytes, good: bool) -> bool:
        if not good or opcode > _PONG or len(payload) > 125:
            self._fail("bad frame")
        elif opcode == _CLOSE:
            self._write(_CLOSE, payload[:2])
            self._fail(f"closed {int.from_bytes(payload[:2])}" if payload else "closed")
        elif opcode == _PING:
            self._write(_PONG, payload)
        return opcode != _CLOSE and good

    def _fail(self, reason: str) -> None:
        receiver, self._receiver = self._receiver, None
        self._transport.close()
        if not self._opened.done():
            self._opened.set_exception(WireError(reason))
        elif receiver is not None:
            receiver.lost(reason)

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._transport.is_closing():
            return
        size = len(payload)
        head = bytes((_FIN | opcode, _MASKED | min(size, 126))) if size < 2**16 else b""
        if size >= 2**16:
            head = bytes((_FIN | opcode, _MASKED | 127)) + size.to_bytes(8)
        elif size >= 126:
            head += size.to_bytes(2)
        mask = os.urandom(4)
        pad = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload) ^ int.from_bytes(pad)).to_bytes(size)
        self._transport.write(head + mask + masked)
