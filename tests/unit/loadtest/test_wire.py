"""The WebSocket client, against a real server and against hostile ones."""

import asyncio
import base64
import gc
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from picows import WSTransport
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from loadtest import wire
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
    """Yield a server of the `websockets` library."""
    async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("podium")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Address.of(f"ws://127.0.0.1:{port}/local?stage=1")


@dataclass(frozen=True)
class RawAddress(Address):
    """That of a raw server. `left` is set when a client has gone."""

    left: asyncio.Event


@asynccontextmanager
async def raw_server(answer: Callable[[str], bytes], *, linger: bool = True) -> AsyncIterator[RawAddress]:
    """Answers any handshake with these bytes, made from the handshake's key; then waits, or hangs up."""
    left = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(r"Sec-WebSocket-Key: (\S+)", head.decode())
        assert key
        writer.write(answer(key[1]))
        if linger:
            with suppress(ConnectionError):
                await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server, patience():
        yield RawAddress(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", None, left)
        await left.wait()


def welcome(key: str, *, protocol: str = "podium") -> bytes:
    accept = hashlib.sha1(
        f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False
    ).digest()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        f"sec-websocket-ACCEPT: {base64.b64encode(accept).decode()}\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=False)


@pytest.mark.parametrize(("token", "offered"), [("a.b.c", "podium, a.b.c"), (None, "podium")])
async def test_handshake_offers_token_and_path_and_messages_go_both_ways(
    token: str | None, offered: str
) -> None:
    seen: list[Any] = []

    async def handler(server: ServerConnection) -> None:
        assert server.request
        seen.append((server.request.path, server.request.headers["Sec-WebSocket-Protocol"]))
        async for message in server:
            await server.send(message)

    texts = ["é", "w" * 70_000]
    async with library_server(handler) as address, patience():
        inbox = Inbox()
        connection = await connect(address, token, inbox)
        for text in texts:
            connection.send(text)
            assert (await inbox.messages.get()).decode() == text
        connection.vanish()
    assert seen == [("/local?stage=1", offered)]


@pytest.mark.parametrize("politely", [True, False])
async def test_server_sees_how_a_client_left(politely: bool) -> None:
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


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda key: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "handshake 401"),
        (lambda key: welcome("another key"), "handshake without its Sec-WebSocket-Accept"),
        (lambda key: welcome(key, protocol="soap"), "handshake without the subprotocol"),
        (lambda key: b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", "handshake 302"),
        (lambda key: b"nonsense\r\n\r\n", "handshake unreadable"),
    ],
    ids=["refused", "key", "subprotocol", "redirect", "nonsense"],
)
async def test_bad_handshake_is_refused(answer: Callable[[str], bytes], reason: str) -> None:
    async with raw_server(answer) as address, patience():
        with pytest.raises(WireError, match=f"^{reason}$"):
            await connect(address, "token", Inbox())


@pytest.mark.parametrize("answered", [True, False])
async def test_cancelled_connecting_leaves_no_connection_behind(
    monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    monkeypatch.setattr(wire, "HANDSHAKE_SECONDS", 60 if answered else 0.05)
    connecting: asyncio.Task[WebSocket] | None = None

    def answer(key: str) -> bytes:
        assert connecting
        connecting.cancel()
        return welcome(key) if answered else b""

    async with raw_server(answer) as address, patience():
        connecting = asyncio.create_task(connect(address, "token", Inbox()))
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await address.left.wait()


async def reason_of_loss(address: Address) -> str:
    """Connect, and return why the connection was lost; it may be before it is known to be open."""
    inbox = Inbox()
    try:
        await connect(address, "token", inbox)
    except WireError as error:
        return str(error)
    return await inbox.reason


@pytest.mark.parametrize(
    "bad",
    [
        bytes((0xC1, 1)) + b"x",
        frame(Opcode.CONT, b"x"),
        frame(Opcode.TEXT, b"x", fin=False) + frame(Opcode.TEXT, b"y"),
        frame(Opcode.TEXT, b"x" * 600_000, fin=False) + frame(Opcode.CONT, b"x" * 600_000),
    ],
    ids=[
        *("reserved bit", "nothing to continue", "not continued", "huge in parts"),
    ],
)
async def test_broken_frame_ends_the_connection(bad: bytes) -> None:
    async with raw_server(lambda key: welcome(key) + bad) as address, patience():
        assert await reason_of_loss(address) == "bad frame"
        await address.left.wait()


async def test_nothing_is_received_after_a_broken_frame() -> None:
    frames = frame(Opcode.TEXT, b"good") + frame(Opcode.CONT, b"x") + frame(Opcode.TEXT, b"late")
    async with raw_server(lambda key: welcome(key) + frames) as address, patience():
        inbox = Inbox()
        await connect(address, "token", inbox)
        assert await inbox.reason == "bad frame"
        assert [inbox.messages.get_nowait() for _ in range(inbox.messages.qsize())] == [b"good"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "closed"),
        (b"\x03\xe9bye", "closed 1001"),
        (b"\x0f\xa1", "closed 4001"),
        (b"\x00\x01", "bad frame"),
    ],
)
async def test_closing_is_told_with_its_code(payload: bytes, reason: str) -> None:
    async with raw_server(lambda key: welcome(key) + frame(Opcode.CLOSE, payload)) as address, patience():
        assert await reason_of_loss(address) == reason


async def test_dropped_connection_is_told() -> None:
    async with raw_server(welcome, linger=False) as address, patience():
        assert await reason_of_loss(address) == "connection ended"


async def test_connection_lost_before_it_is_open_is_an_error_of_connecting() -> None:
    inbox = Inbox()
    connection = WebSocket(inbox)
    connection.on_ws_disconnected(cast(WSTransport, SimpleNamespace(close_handshake=None)))
    with pytest.raises(WireError, match="connection ended"):
        connection.open()
    assert not inbox.reason.done()


async def test_bug_of_the_receiver_ends_the_connection_and_is_logged() -> None:
    class Broken(Inbox):
        def received(self, payload: bytes) -> None:
            raise ZeroDivisionError

    errors: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.put_nowait(context))
    async with raw_server(lambda key: welcome(key) + frame(Opcode.TEXT, b"x")) as address, patience():
        inbox = Broken()
        await connect(address, "token", inbox)
        await inbox.reason
        await asyncio.sleep(0)
        gc.collect()
        assert isinstance((await errors.get())["exception"], ZeroDivisionError)


async def test_messages_in_parts_come_whole_with_pings_between() -> None:
    messages = [b"", b"x" * 125, "é".encode() * 300]
    data = b"".join(
        frame(Opcode.TEXT, message[:50], fin=False)
        + frame(Opcode.PING, b"between")
        + frame(Opcode.CONT, message[50:100], fin=False)
        + frame(Opcode.CONT, message[100:])
        for message in messages
    )
    async with raw_server(lambda key: welcome(key) + data) as address, patience():
        inbox = Inbox()
        connection = await connect(address, "token", inbox)
        assert [await inbox.messages.get() for _ in messages] == messages
        connection.vanish()


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws:///x"])
def test_what_is_no_websocket_address_is_refused(url: str) -> None:
    with pytest.raises(LoadTestError, match="is not the address of a WebSocket"):
        Address.of(url)


def test_stage_on_aws_is_trusted_by_its_certificate() -> None:
    tls = Address.of("wss://abc.execute-api.eu-west-1.amazonaws.com/prod").tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
