import asyncio
import socket
from contextlib import suppress
from urllib.parse import quote

import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayWebSocketDisconnectEventModel
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from local.gateway.server import Event, Gateway, Limits
from tests.support.clients import connect
from tests.support.waiting import patience
from tests.unit.local.gateway.harness import HANDSHAKE, Backend, FakeClock, request, running


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    async with patience():
        await client.wait_closed()
    return client.close_code, client.close_reason


async def refused(gateway: Gateway) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await connect(gateway.url)
    return caught.value.response.status_code


async def push(gateway: Gateway, connection_id: str, body: bytes = b"{}") -> int:
    async with request(
        gateway, "POST", f"/@connections/{quote(connection_id, safe='')}", data=body
    ) as response:
        return response.status


@pytest.mark.parametrize(
    ("code", "reason", "seen"),
    [(1000, "", (1000, "")), (1001, "leaving", (1001, "leaving")), (4001, "own code", (4001, "own code"))],
)
async def test_disconnect_tells_the_clients_code_and_reason(
    code: int, reason: str, seen: tuple[int, str]
) -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        await client.close(code, reason)
        event = await backend.next("$disconnect")

    APIGatewayWebSocketDisconnectEventModel.model_validate(event)
    context = event["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == seen
    assert (context["routeKey"], context["eventType"]) == ("$disconnect", "DISCONNECT")
    assert context["authorizer"] == {"principalId": "player-1"}
    assert len(backend.events["$disconnect"]) == 1


async def test_close_without_a_code_is_1005() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        client.protocol.send_close()
        client.send_data()
        event = await backend.next("$disconnect")

    context = event["requestContext"]
    assert context["disconnectStatusCode"] == 1005
    assert context["disconnectReason"] == "Client-side close frame status not set"


async def test_lost_tcp_connection_is_1006() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        client.transport.abort()
        event = await backend.next("$disconnect")

    assert event["requestContext"]["disconnectStatusCode"] == 1006
    assert len(backend.events["$disconnect"]) == 1


async def test_failing_disconnect_handler_leaves_other_connections_alone() -> None:
    backend = Backend()
    backend.answers["$disconnect"] = RuntimeError("no table")
    async with running(backend) as gateway, connect(gateway.url) as other:
        async with connect(gateway.url):
            pass
        await backend.next("$disconnect")
        await other.send('{"action":"ping"}')
        await backend.next("ping")

    assert len(backend.events["$disconnect"]) == 2


async def test_disconnect_runs_after_the_message_under_way() -> None:
    backend = Backend()
    release = asyncio.Event()
    finished: list[str] = []

    async def slow(_event: Event) -> None:
        await release.wait()
        finished.append("ping")

    async def disconnect(_event: Event) -> None:
        finished.append("$disconnect")

    backend.answers |= {"ping": slow, "$disconnect": disconnect}
    async with running(backend) as gateway, connect(gateway.url) as client:
        await client.send('{"action":"ping"}')
        await backend.next("ping")
        await client.close()
        release.set()
        await backend.next("$disconnect")

    assert finished == ["ping", "$disconnect"]


async def test_stop_closes_with_1001_and_runs_every_disconnect() -> None:
    backend = Backend()
    async with running(backend) as gateway:
        clients = [await connect(gateway.url) for _ in range(3)]
        await gateway.stop()
        assert len(backend.events["$disconnect"]) == 3
        codes = {event["requestContext"]["disconnectStatusCode"] for event in backend.events["$disconnect"]}
        assert codes == {1001}
        assert {await closed(client) for client in clients} == {(1001, "Going away")}
        with pytest.raises(ConnectionRefusedError):
            await connect(gateway.url)


async def test_stop_does_not_wait_for_a_client_that_says_nothing() -> None:
    backend = Backend()
    async with running(backend, Limits(close_seconds=0.01)) as gateway:
        silent = await asyncio.open_connection("127.0.0.1", gateway.port)
        dawdling = await asyncio.open_connection("127.0.0.1", gateway.port)
        dawdling[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        # After a handshake it neither reads nor answers the close frame.
        async with connect(gateway.url) as client:
            client.transport.pause_reading()
            await gateway.stop()
            client.transport.abort()
        for reader, writer in (silent, dawdling):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

    assert len(backend.events["$disconnect"]) == 1


async def test_stop_during_connect_runs_disconnect_too() -> None:
    backend = Backend()
    release = asyncio.Event()

    async def slow_connect(_event: Event) -> dict[str, int]:
        await release.wait()
        return {"statusCode": 200}

    backend.answers["$connect"] = slow_connect
    async with running(backend) as gateway:
        connecting = asyncio.create_task(refused(gateway))
        await backend.next("$connect")
        stopping = asyncio.create_task(gateway.stop())
        await asyncio.sleep(0)
        release.set()
        await stopping
        assert await connecting == 503

    assert len(backend.events["$disconnect"]) == 1


async def test_client_that_closes_and_keeps_the_tcp_connection_is_dropped() -> None:
    backend = Backend()
    async with running(backend, Limits(close_seconds=0.01)) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8")  # a close frame with 1000
        event = await backend.next("$disconnect")
        writer.close()

    assert event["requestContext"]["disconnectStatusCode"] == 1000


async def test_idle_connection_is_closed_after_10_minutes() -> None:
    backend, clock = Backend(), FakeClock()
    async with running(backend, now_s=clock, sleep=clock.sleep) as gateway, connect(gateway.url) as client:
        await client.send('{"action":"ping"}')
        await backend.next("ping")
        clock.advance(600)
        assert await closed(client) == (1001, "Going away")
        event = await backend.next("$disconnect")

    assert event["requestContext"]["disconnectStatusCode"] == 1001
    assert event["requestContext"]["disconnectReason"] == "Going away"


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_message_in_either_direction_keeps_a_connection(direction: str) -> None:
    backend, clock = Backend(), FakeClock()
    async with running(backend, now_s=clock, sleep=clock.sleep) as gateway, connect(gateway.url) as client:
        connection_id = await backend.next_id()
        clock.advance(599)
        if direction == "in":
            await client.send('{"action":"ping"}')
            await backend.next("ping")
        else:
            assert await push(gateway, connection_id) == 200
        clock.advance(599)
        assert await push(gateway, connection_id) == 200
        clock.advance(600)
        assert await closed(client) == (1001, "Going away")


async def test_busy_connection_is_closed_after_2_hours() -> None:
    backend, clock = Backend(), FakeClock()
    async with running(backend, now_s=clock, sleep=clock.sleep) as gateway, connect(gateway.url) as client:
        connection_id = await backend.next_id()
        for _ in range(12):
            assert await push(gateway, connection_id) == 200
            clock.advance(599)
        assert await push(gateway, connection_id) == 200
        clock.advance(12)
        assert await closed(client) == (1001, "Going away")


def small_socket() -> socket.socket:
    """Return a connection whose peer notices early that it is not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return sock


async def test_push_to_a_client_that_does_not_read_is_429_and_others_get_theirs() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url):
        reader_id = await backend.next_id()
        with small_socket() as sock:
            sock.connect(("127.0.0.1", gateway.port))
            async with connect(gateway.url, sock=sock) as stuck:
                stuck_id = await backend.next_id()
                stuck.transport.pause_reading()
                statuses = [await push(gateway, stuck_id, b"x" * 100_000) for _ in range(200)]
                assert await push(gateway, reader_id) == 200
                assert set(statuses) == {200, 429}
                assert statuses == sorted(statuses), "as long as it reads nothing, it is sent nothing"
                # It is still connected, and gets what was sent and then the next push.
                stuck.transport.resume_reading()
                for _ in range(statuses.count(200)):
                    assert await stuck.recv() == "x" * 100_000
                assert await push(gateway, stuck_id, b"next") == 200
                assert await stuck.recv() == "next"


async def test_client_that_leaves_all_unread_is_closed_after_a_while() -> None:
    backend = Backend()
    async with running(backend, Limits(unread_seconds=0.01)) as gateway:
        with small_socket() as sock:
            sock.connect(("127.0.0.1", gateway.port))
            async with connect(gateway.url, sock=sock) as stuck:
                stuck_id = await backend.next_id()
                stuck.transport.pause_reading()
                while await push(gateway, stuck_id, b"x" * 100_000) != 410:
                    pass
                event = await backend.next("$disconnect")
                stuck.transport.abort()

    assert event["requestContext"]["connectionId"] == stuck_id
    assert event["requestContext"]["disconnectStatusCode"] == 1008
    assert event["requestContext"]["disconnectReason"] == "Client does not read"
