"""The clients that count, fed by hand and against a gateway."""

import asyncio
import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from bench.gateway_clients import _ACCEPT, Clients
from tests.unit.local.gateway.harness import Backend, FakeTransport, request, running

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + _ACCEPT + b"\r\n\r\n"


def frame(opcode: Opcode, payload: bytes) -> bytes:
    return Frame(opcode, payload).serialize(mask=False)


def text(payload: bytes) -> bytes:
    return frame(Opcode.TEXT, payload)


def masked(opcode: Opcode, payload: bytes) -> bytes:
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def talk(pieces: Iterable[bytes], *, socketio: bool = False) -> tuple[Clients, FakeTransport]:
    """A client that is sent `pieces`."""

    async def run() -> tuple[Clients, FakeTransport]:
        clients = Clients("ws://127.0.0.1:1/", socketio=socketio)
        transport = FakeTransport()
        connection = clients.connection(asyncio.get_running_loop().create_future())
        connection.connection_made(transport)
        for piece in pieces:
            connection.data_received(piece)
        return clients, transport

    return asyncio.run(run())


@given(
    st.lists(st.sampled_from([0, 1, 125, 126, 65_535, 65_536]), max_size=5),
    st.lists(st.integers(0, 1 << 20), max_size=20),
)
def test_frames_are_counted_wherever_they_are_cut(sizes: list[int], places: list[int]) -> None:
    frames = b"".join(frame(Opcode.BINARY, bytes(size)) for size in sizes)
    data = ACCEPTED + frames
    edges = sorted({0, len(data), *(place % len(data) for place in places)})
    clients, _ = talk(data[start:end] for start, end in itertools.pairwise(edges))
    assert (clients.open, clients.tally.frames, clients.tally.bytes) == (1, len(sizes), len(frames))


def test_pings_are_answered_and_not_counted() -> None:
    clients, transport = talk([ACCEPTED, frame(Opcode.PING, b"are you there"), text(b"1")])
    assert transport.writes[1:] == [masked(Opcode.PONG, b"are you there")]
    assert clients.tally.frames == 1


def test_close_is_answered() -> None:
    _, transport = talk([ACCEPTED, frame(Opcode.CLOSE, b"\x03\xe9Going away")])
    assert transport.writes[1:] == [masked(Opcode.CLOSE, b"\x03\xe9")]
    assert transport.closed


def test_socketio_counts_events_only_and_answers_the_heartbeat() -> None:
    packets = [b'0{"sid":"x"}', b'40{"sid":"y"}', b"2", b'42["m","forest"]', b'42["m","desert"]']
    clients, transport = talk([ACCEPTED, *map(text, packets)], socketio=True)
    assert b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1" in transport.writes[0]
    assert transport.writes[1:] == [masked(Opcode.TEXT, b"40"), masked(Opcode.TEXT, b"3")]
    assert (clients.open, clients.tally.frames) == (1, 2)


def test_socketio_is_connected_only_after_its_own_handshake() -> None:
    clients, _ = talk([ACCEPTED, text(b'0{"sid":"x"}')], socketio=True)
    assert clients.open == 0


async def test_counts_what_a_gateway_pushes_from_the_start_of_the_count() -> None:
    ids = iter(["c0", "c1"])
    async with running(Backend(), id_source=lambda: next(ids)) as gateway:
        clients = Clients(gateway.url, socketio=False)
        await clients.connect(2)

        async def push(connection_id: str) -> None:
            async with request(gateway, "POST", f"/@connections/{connection_id}", data="x" * 10) as response:
                assert response.status == 200

        await push("c0")
        assert (await clients.stop(1))["frames"] == 1
        assert await clients.start() == {"counting": True}
        for connection_id in ("c0", "c1", "c1"):
            await push(connection_id)
        counted = await clients.stop(3)
        assert (counted["frames"], counted["bytes"], counted["open"]) == (3, 36, 2)
        assert counted["first_at"] <= counted["last_at"]


async def test_says_how_many_came_when_the_time_is_over() -> None:
    async with running(Backend()) as gateway:
        clients = Clients(gateway.url, socketio=False)
        await clients.connect(1)
        assert (await clients.stop(1, timeout_seconds=0))["frames"] == 0


@pytest.mark.parametrize("answer", [{"statusCode": 403}, RuntimeError("no table")])
async def test_refusal_is_an_error(answer: object) -> None:
    backend = Backend()
    backend.answers["$connect"] = answer
    async with running(backend) as gateway:
        with pytest.raises(ExceptionGroup) as caught:
            await Clients(gateway.url, socketio=False).connect(1)
    assert caught.group_contains(ConnectionError, match="the handshake was answered with")
