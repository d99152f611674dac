"""The WebSocket client, against a real server and against hostile ones."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from loadtest.errors import LoadTestError
from loadtest.wire import Address, WebSocket, WireError, connect
from tests.support.clients import serve
from tests.support.waiting import patience


class Inbox:
    """Keeps what a connection receives, and why it was lost."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def received(self, payload: bytes) -> None:
        self.messages.put_nowait(payload)

    def lost(self, reason: str) -> None:
        self.reason.set_result(reason)


@asynccontextmanager
async def library_server(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[Address]:
    """A server of the `websockets` library."""
    async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("podium")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Address.of(f"ws://127.0.0.1:{port}/local?stage=1")


class _RawServer(asyncio.Protocol):
    def __init__(self, answer: Callable[[str], bytes], linger: bool) -> None:
        self._answer = answer
        self._linger = linger
        self._head = b""
        self._ended = asyncio.Event()

    async def end(self) -> None:
        self._transport.abort()
        await self._ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head:
            return
        key = re.search(r"Sec-WebSocket-Key: (\S+)", self._head.decode())
        assert key
        self._transport.write(self._answer(key[1]))
        self._head = b""
        if not self._linger:
            self._transport.close()


@asynccontextmanager
async def raw_server(answer: Callable[[str], bytes], *, linger: bool = True) -> AsyncIterator[Address]:
    """Answers any handshake with these bytes, made from the handshake's key; then waits, or hangs up."""
    loop = asyncio.get_running_loop()
    connections: list[_RawServer] = []

    def accept() -> _RawServer:
        connections.append(_RawServer(answer, linger))
        return connections[-1]

    async with await loop.create_server(accept, "127.0.0.1", 0) as server, patience():
        yield Address.of(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        for connection in connections:
            await connection.end()


def welcome(key: str, *, protocol: str = "podium") -> bytes:
    accept = hashlib.sha1(
        f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False
    ).digest()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        f"sec-websocket-ACCEPT: {base64.b64encode(accept).decode()}\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True, mask: bool = False) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=mask)


async def test_handshake_offers_token_and_path_and_messages_go_both_ways() -> None:
    seen: list[Any] = []

    async def handler(server: ServerConnection) -> None:
        assert server.request
        seen.append((server.request.path, server.request.headers["Sec-WebSocket-Protocol"]))
        async for message in server:
            await server.send(message)

    texts = ["", "x", "é" * 60, "y" * 125, "z" * 126, "ü" * 40_000, "w" * 70_000]
    async with library_server(handler) as address, patience():
        inbox = Inbox()
        connection = await connect(address, "a.b.c", inbox)
        for text in texts:
            connection.send(text)
            assert (await inbox.messages.get()).decode() == text
        connection.vanish()
    assert seen == [("/local?stage=1", "podium, a.b.c")]


@pytest.mark.parametrize("politely", [True, False])
async def test_server_sees_how_somebody_left(politely: bool) -> None:
    gone: asyncio.Future[ConnectionClosed] = asyncio.get_running_loop().create_future()

    async def handler(server: ServerConnection) -> None:
        try:
            await server.recv()
        except ConnectionClosed as closed:
            gone.set_result(closed)

    async with library_server(handler) as address, patience():
        inbox = Inbox()
        connection = await connect(address, "token", inbox)
        if politely:
            connection.leave()
        else:
            connection.vanish()
        closed = await gone
        code = closed.rcvd.code if closed.rcvd else None
        assert code == (1000 if politely else None)
        connection.send("into the void")
        assert not inbox.reason.done()


async def test_ping_is_answered_and_closing_is_told() -> None:
    async def handler(server: ServerConnection) -> None:
        await (await server.ping(b"alive?"))
        await server.send([b"in ", b"three ", b"parts"])
        await server.close(1001, "going away")

    async with library_server(handler) as address, patience():
        inbox = Inbox()
        await connect(address, "token", inbox)
        assert await inbox.messages.get() == b"in three parts"
        assert await inbox.reason == "closed 1001"


async def test_refused_handshake_says_the_status() -> None:
    async with raw_server(lambda _: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") as address:
        with pytest.raises(WireError, match=r"^handshake 401$"):
            await connect(address, "token", Inbox())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda key: welcome("another key"), "handshake without its key"),
        (lambda key: welcome(key, protocol="soap"), "handshake without the subprotocol"),
        (lambda key: b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 20_000, "handshake too long"),
        (lambda key: b"nonsense\r\n\r\n", "handshake "),
    ],
    ids=["key", "subprotocol", "long", "nonsense"],
)
async def test_bad_handshake_is_refused(answer: Callable[[str], bytes], reason: str) -> None:
    async with raw_server(answer) as address, patience():
        with pytest.raises(WireError, match=f"^{reason}$"):
            await connect(address, "token", Inbox())


async def test_server_that_hangs_up_during_the_handshake_is_refused() -> None:
    async with raw_server(lambda key: welcome(key)[:20], linger=False) as address, patience():
        with pytest.raises(WireError, match="connection ended"):
            await connect(address, "token", Inbox())


async def test_cancelled_connecting_leaves_no_connection_behind() -> None:
    asked = asyncio.Event()

    def keep_waiting(_: str) -> bytes:
        asked.set()
        return b""

    async with raw_server(keep_waiting) as address:
        connecting = asyncio.create_task(connect(address, "token", Inbox()))
        await asked.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


@pytest.mark.parametrize(
    "bad",
    [
        frame(Opcode.TEXT, b"x", mask=True),
        bytes((0xC1, 1)) + b"x",
        frame(Opcode.CONT, b"x"),
        frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, b"y"),
        bytes((0x89, 126, 0, 126)) + b"x" * 126,
        bytes((0x09, 1)) + b"x",
        bytes((0x83, 1)) + b"x",
        bytes((0x8B, 1)) + b"x",
        bytes((0x81, 127)) + (2**40).to_bytes(8),
        frame(Opcode.TEXT, b"x" * 600_000, fin=False) + frame(Opcode.CONT, b"x" * 600_000),
    ],
    ids=[
        *("masked", "reserved bit", "nothing to continue", "not continued", "long ping", "ping in parts"),
        *("unknown opcode", "unknown control", "huge", "huge in parts"),
    ],
)
async def test_broken_frame_ends_the_connection(bad: bytes) -> None:
    async with raw_server(lambda key: welcome(key) + bad) as address, patience():
        inbox = Inbox()
        await connect(address, "token", inbox)
        assert await inbox.reason == "bad frame"


async def test_dropped_connection_is_told() -> None:
    async with raw_server(welcome, linger=False) as address, patience():
        inbox = Inbox()
        await connect(address, "token", inbox)
        assert await inbox.reason == "connection ended"


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws:///x", "", "127.0.0.1:80"])
def test_what_is_no_websocket_address_is_refused(url: str) -> None:
    with pytest.raises(LoadTestError, match="is not the address of a WebSocket"):
        Address.of(url)


def test_address_of_a_stage_on_aws() -> None:
    address = Address.of("wss://abc.execute-api.eu-west-1.amazonaws.com/prod")
    assert (address.host, address.port, address.path) == (
        "abc.execute-api.eu-west-1.amazonaws.com",
        443,
        "/prod",
    )
    assert address.tls is not None


class _Transport:
    """Takes what is written; nothing is ever closing."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    abort = close


@given(
    st.lists(st.binary(max_size=300), max_size=6),
    st.lists(st.integers(1, 400), max_size=30),
    st.booleans(),
)
@example([b"x" * 125, b"x" * 126, b"x" * 127], [], True)
def test_messages_come_whole_however_the_bytes_are_cut(
    messages: list[bytes], cuts: list[int], in_parts: bool
) -> None:
    async def receive() -> list[bytes]:
        inbox = Inbox()
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        connection = WebSocket(Address.of("ws://host/"), "token", inbox, opened)
        transport = _Transport()
        connection.connection_made(cast(asyncio.Transport, transport))
        key = re.search(rb"Key: (\S+)", transport.written)
        assert key
        data = welcome(key[1].decode())
        for message in messages:
            middle = len(message) // 2
            data += (
                frame(Opcode.TEXT, message[:middle], fin=False)
                + frame(Opcode.PING, b"between")
                + frame(Opcode.CONT, message[middle:])
                if in_parts
                else frame(Opcode.TEXT, message)
            )
        for cut in cuts:
            connection.data_received(data[:cut])
            data = data[cut:]
            if not data:
                break
        if data:
            connection.data_received(data)
        await opened
        return [inbox.messages.get_nowait() for _ in range(inbox.messages.qsize())]

    assert asyncio.run(receive()) == messages
