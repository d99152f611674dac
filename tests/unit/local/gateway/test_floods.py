"""Clients that send without end: what waits in the gateway stays small, and the others get their turn."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from local.gateway.server import Event, Gateway, Limits
from tests.support.clients import connect
from tests.unit.local.gateway.harness import HANDSHAKE, Backend, running

MB = 1024 * 1024
EMPTY_PING = b"\x89\x80" + bytes(4)
LONG_PING = b"\x89\xfd" + bytes(4) + b"x" * 125
# Far more than two kernels hold for one connection, and than a gateway that keeps it all would show.
FLOOD_BYTES = 48 * MB

READ_BYTES = 256 * 1024
"""What one read of the event loop brings at most (uvloop; asyncio has the same)."""
UNREAD_BYTES = 64 * 1024
"""What may wait for a client that sends pings: `websockets`' 32 KB, and the pongs to one turn's pings."""


def text(payload: bytes) -> bytes:
    """Return a client's text frame, masked with zeros."""
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload


class Flood:
    """A client that sends `frame` over and over, and reads only what it is asked to."""

    def __init__(self, sock: socket.socket, frame: bytes) -> None:
        self._sock = sock
        self._piece = frame * (64 * 1024 // len(frame))
        self.sent = 0
        self.task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while self.sent < FLOOD_BYTES:
            await loop.sock_sendall(self._sock, self._piece)
            self.sent += len(self._piece)

    async def read(self) -> None:
        """Read all that comes, until cancelled."""
        while await asyncio.get_running_loop().sock_recv(self._sock, 65536):
            pass


@asynccontextmanager
async def flooding(gateway: Gateway, frame: bytes) -> AsyncIterator[Flood]:
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(sock, ("127.0.0.1", gateway.port))
        await loop.sock_sendall(sock, HANDSHAKE)
        assert (await loop.sock_recv(sock, 4096)).startswith(b"HTTP/1.1 101")
        flood = Flood(sock, frame)
        try:
            yield flood
        finally:
            flood.task.cancel()


def waiting(gateway: Gateway, connection_id: str) -> tuple[int, int]:
    """Return the bytes that the gateway holds for a client: what came from it, and what it is to read."""
    websocket = gateway._connections[connection_id]._websocket
    queued = sum(len(frame.data) for frame in websocket.recv_messages.frames.queue)
    came = len(websocket._rest) + len(websocket.protocol.reader.buffer) + queued  # type: ignore[attr-defined]
    return came, websocket.transport.get_write_buffer_size()


async def until_still(count: Callable[[], int], meanwhile: Callable[[], object]) -> None:
    """Wait until a count has not moved for so long that all that was under way has come through."""
    last, still = -1, 0
    while still < 200:
        last, still = count(), still + 1 if count() == last else 0
        meanwhile()
        await asyncio.sleep(0.001)


async def assert_served(gateway: Gateway, backend: Backend) -> None:
    """Another client gets in, is heard, and gets an answer."""
    async with connect(f"{gateway.url}/?other") as client:
        await (await client.ping())
        await client.send('{"action":"subscribe"}')
        await backend.next("subscribe")


async def test_unread_pongs_do_not_pile_up() -> None:
    for frame in (EMPTY_PING, LONG_PING):
        ids = iter(["flood", "other"])
        backend = Backend()
        async with (
            running(backend, id_source=lambda ids=ids: next(ids)) as gateway,
            flooding(gateway, frame) as flood,
        ):
            await backend.next_id()

            def check() -> None:
                came, unread = waiting(gateway, "flood")
                assert came <= READ_BYTES + len(LONG_PING)
                assert unread <= UNREAD_BYTES

            await until_still(lambda: flood.sent, check)
            assert flood.sent < FLOOD_BYTES
            await assert_served(gateway, backend)
            assert not flood.task.done()


async def test_handshake_completes_during_a_flood_of_pings_whose_pongs_are_read() -> None:
    ids = iter(["flood", "other"])
    backend = Backend()
    async with (
        running(backend, id_source=lambda: next(ids)) as gateway,
        flooding(gateway, EMPTY_PING) as flood,
    ):
        reading = asyncio.create_task(flood.read())
        await backend.next_id()
        await assert_served(gateway, backend)
        assert not flood.task.done(), "the others need not wait for its end"
        assert waiting(gateway, "flood")[0] <= READ_BYTES + len(LONG_PING)
        reading.cancel()


async def test_unread_answers_to_messages_do_not_pile_up() -> None:
    ids = iter(["flood", "other"])
    backend = Backend()
    answer = b"x" * 1000

    async def reply(event: Event) -> dict[str, int]:
        gateway._connections[event["requestContext"]["connectionId"]].push(answer)
        await asyncio.sleep(0)
        return {"statusCode": 200}

    backend.answers["ping"] = reply
    limits = Limits(write_buffer_bytes=100_000)
    async with (
        running(backend, limits, id_source=lambda: next(ids)) as gateway,
        flooding(gateway, text(b'{"action":"ping"}')) as flood,
    ):
        await backend.next_id()

        def check() -> None:
            came, unread = waiting(gateway, "flood")
            assert came <= READ_BYTES + len(LONG_PING)
            assert unread <= limits.write_buffer_bytes + limits.message_bytes

        await until_still(lambda: len(backend.events["ping"]) + flood.sent, check)
        assert flood.sent < FLOOD_BYTES
        await assert_served(gateway, backend)
        assert not flood.task.done()


async def test_messages_wait_for_a_slow_handler_in_the_clients_kernel() -> None:
    ids = iter(["flood", "other"])
    backend = Backend()

    async def never(_event: Event) -> None:
        await asyncio.Event().wait()

    backend.answers["ping"] = never
    limits = Limits(close_seconds=0.01, handler_seconds=3600)
    async with running(backend, limits, id_source=lambda: next(ids)) as gateway:
        async with flooding(gateway, text(b'{"action":"ping"}')) as flood:
            await backend.next("ping")
            await until_still(lambda: flood.sent, lambda: None)
            assert waiting(gateway, "flood")[0] <= READ_BYTES + len(LONG_PING)
            assert flood.sent < FLOOD_BYTES
            await assert_served(gateway, backend)
        for task in gateway._tasks:
            task.cancel()


async def test_flood_is_read_on_when_its_answers_are_read() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        client.transport.pause_reading()
        pongs = [await client.ping() for _ in range(300)]
        client.transport.resume_reading()
        for pong in pongs:
            await pong
        message = "x" * 100_000
        await client.send(message)
        assert (await backend.next("$default"))["body"] == message
        await client.send('{"action":"ping"}')
        await backend.next("ping")


async def test_what_one_read_brings_is_parsed_in_turns() -> None:
    backend = Backend()
    async with running(backend, id_source=lambda: "c0") as gateway, connect(gateway.url):
        websocket = gateway._connections["c0"]._websocket
        websocket.data_received(EMPTY_PING * (READ_BYTES // len(EMPTY_PING)))
        # A few hundred pings take some milliseconds; all of them would keep the others for half a second.
        assert websocket._frames < 1000  # type: ignore[attr-defined]
        assert waiting(gateway, "c0")[0] > READ_BYTES // 2
