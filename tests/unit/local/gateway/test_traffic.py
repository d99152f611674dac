"""Pushes under load, and clients on either side that do not keep up."""

import asyncio
import itertools
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from local.gateway.connections_api import Push
from local.gateway.server import Gateway
from tests.support.clients import connect
from tests.support.waiting import patience
from tests.unit.local.gateway.harness import SIGNED, Backend, running

HEADERS = "".join(f"{name}: {value}\r\n" for name, value in (SIGNED | {"Host": "x"}).items())


def raw(method: str, connection_id: str, body: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} /@connections/{connection_id} HTTP/1.1\r\n{HEADERS}{length}\r\n{body}".encode()


async def statuses(reader: asyncio.StreamReader) -> AsyncIterator[int]:
    """Yield the status of every answer until the server hangs up."""
    while not reader.at_eof():
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise
            return
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        yield int(head.split()[1])


@asynccontextmanager
async def requester(gateway: Gateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        yield reader, writer
    finally:
        writer.close()


@asynccontextmanager
async def small_requester(gateway: Gateway) -> AsyncIterator[socket.socket]:
    """One that holds few answers."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(sock, ("127.0.0.1", gateway.port))
        yield sock


async def received(client: ClientConnection) -> list[str | bytes]:
    """Return all that comes until the connection is closed."""
    messages = []
    try:
        while True:
            messages.append(await client.recv())
    except ConnectionClosed:
        return messages


async def test_pipelined_requests_of_all_kinds_are_answered_in_order() -> None:
    async with (
        running(Backend(), id_source=lambda: "c0") as gateway,
        connect(gateway.url) as client,
        requester(gateway) as (reader, writer),
    ):
        receiving = asyncio.create_task(received(client))
        for n in range(50):
            writer.write(raw("POST", "c0", str(n)) + raw("GET", "c0") + raw("POST", "absent", "x"))
        writer.write(raw("DELETE", "c0") + raw("POST", "c0", "late") + raw("GET", "c0"))
        expected = [200, 200, 410] * 50 + [204, 410, 410]
        answers: list[int] = []
        async for status in statuses(reader):
            answers.append(status)
            if len(answers) == len(expected):
                break

        assert answers == expected
        assert await receiving == [str(n) for n in range(50)]


async def test_pushes_do_not_get_into_the_pongs() -> None:
    async with (
        running(Backend(), id_source=lambda: "c0") as gateway,
        connect(gateway.url) as client,
        requester(gateway) as (_reader, writer),
    ):
        receiving = asyncio.create_task(received(client))
        pongs = []
        for n in range(200):
            writer.write(raw("POST", "c0", str(n) * 40))
            pongs.append(await client.ping())
        for pong in pongs:
            await pong
        writer.write(raw("DELETE", "c0"))
        assert await receiving == [str(n) * 40 for n in range(200)]


async def test_requester_that_does_not_read_is_slowed_down_and_hinders_no_other() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client, small_requester(gateway) as stuck:
        loop = asyncio.get_running_loop()
        asking = raw("POST", "absent", "x") * 1000
        sent = 0

        async def ask() -> None:
            nonlocal sent
            while True:
                await loop.sock_sendall(stuck, asking)
                sent += 1

        task = asyncio.create_task(ask())
        waiting = None
        # Until there is a round in which nothing more was taken. Were the answers kept without end, there
        # would be none.
        while waiting != sent:
            waiting = sent
            for n in range(20):
                async with requester(gateway) as (reader, writer):
                    writer.write(raw("POST", "absent", str(n)))
                    await reader.readline()
        assert sent > 0
        await client.send('{"action":"ping"}')
        await backend.next("ping")
        task.cancel()


async def test_requester_gets_all_its_answers_when_it_reads_again() -> None:
    async with running(Backend()) as gateway, small_requester(gateway) as sock:
        loop = asyncio.get_running_loop()
        requests = 5000
        asking = asyncio.create_task(loop.sock_sendall(sock, raw("GET", "absent") * requests))
        got = b""
        async with patience():
            while got.count(b"no longer exists") < requests:
                got += await loop.sock_recv(sock, 65536)
        await asking

    assert got.count(b"HTTP/1.1 410 ") == requests


async def test_stop_under_traffic_loses_nothing_that_was_answered_with_200() -> None:
    backend = Backend()
    async with (
        running(backend, id_source=lambda: "c0") as gateway,
        connect(gateway.url) as client,
        requester(gateway) as (reader, writer),
    ):
        receiving = asyncio.create_task(received(client))
        answers: list[int] = []
        under_way = asyncio.Event()

        async def read() -> None:
            async for status in statuses(reader):
                answers.append(status)
                if len(answers) == 100:
                    under_way.set()

        async def write() -> None:
            for n in itertools.count():
                writer.write(raw("POST", "c0", str(n)))
                await asyncio.sleep(0)

        reading, writing = asyncio.create_task(read()), asyncio.create_task(write())
        await under_way.wait()
        await gateway.stop()
        # Requests that cross with the end of an idle connection are lost, as ever in HTTP/1.1.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reading
        writing.cancel()
        messages = await receiving

    assert 100 <= answers.count(200) <= len(messages)
    assert messages == [str(n) for n in range(len(messages))]
    # Once the client is going away, it is gone.
    assert answers == sorted(answers)
    assert len(backend.events["$disconnect"]) == 1


async def test_push_to_a_client_whose_tcp_connection_broke_is_gone() -> None:
    backend = Backend()
    async with running(backend, id_source=lambda: "c0") as gateway:
        async with connect(gateway.url), requester(gateway) as (reader, writer):
            connection = gateway._connections["c0"]
            # What the event loop does when a write fails: it tells of it a little later.
            connection._websocket.transport.abort()
            assert not connection.is_open
            assert connection.push(b"lost") is Push.GONE
            writer.write(raw("POST", "c0", "lost"))
            assert (await reader.readline()).split()[1] == b"410"
        await backend.next("$disconnect")
