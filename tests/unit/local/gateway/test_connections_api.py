import asyncio
import json
from contextlib import suppress
from urllib.parse import quote

import pytest
from aiohttp import ClientSession

from local.gateway.server import Gateway, Limits
from tests.support.clients import connect
from tests.support.waiting import patience
from tests.unit.local.gateway.harness import SIGNED, Backend, FakeClock, http_url, request, running


def path(connection_id: str) -> str:
    return f"/@connections/{quote(connection_id, safe='')}"


async def error(gateway: Gateway, method: str, raw_path: str, **options: object) -> tuple[int, str, str]:
    async with request(gateway, method, raw_path, **options) as response:
        body = json.loads(await response.text())
        return response.status, response.headers["x-amzn-ErrorType"], body["message"]


@pytest.mark.parametrize(
    ("body", "frame"),
    [
        (b'{"type":"pong"}', '{"type":"pong"}'),
        ("żółw".encode(), "żółw"),
        (b"\xff\x00", b"\xff\x00"),
        (b"", ""),
    ],
)
async def test_post_sends_text_or_else_binary(body: bytes, frame: str | bytes) -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        async with request(gateway, "POST", path(await backend.next_id()), data=body) as response:
            assert (response.status, await response.read()) == (200, b"")
        assert await client.recv() == frame


@pytest.mark.parametrize("prefix", ["", "/local"])
@pytest.mark.parametrize("at", ["@", "%40"])
async def test_stage_and_encoded_at_sign_are_accepted(prefix: str, at: str) -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        url = prefix + path(await backend.next_id()).replace("@", at)
        async with request(gateway, "POST", url, data=b"hello") as response:
            assert response.status == 200
        assert await client.recv() == "hello"
        async with request(gateway, "GET", url) as response:
            assert response.status == 200


@pytest.mark.parametrize("connection_id", ["a/b+c=", "a%2Fb=", "%", "a b", "%40connections", "ü?#"])
async def test_id_is_percent_decoded_once(connection_id: str) -> None:
    ids = iter([connection_id, "other"])
    async with (
        running(Backend(), id_source=lambda: next(ids)) as gateway,
        connect(gateway.url) as client,
        connect(gateway.url),
    ):
        async with request(gateway, "POST", path(connection_id), data=b"hello") as response:
            assert response.status == 200
        assert await client.recv() == "hello"
        twice = await error(gateway, "POST", path(quote(connection_id, safe="")), data=b"hello")
        assert twice[:2] == (410, "GoneException")


async def test_endless_first_line_is_refused() -> None:
    async with running(Backend()) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /" + b"x" * 100_000)
        assert (await reader.readline()).startswith(b"HTTP/1.1 414")
        writer.close()


async def test_client_that_says_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.gateway.listener._HEAD_SECONDS", 0.01)
    async with running(Backend()) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_stop_does_not_wait_for_idle_http_connections() -> None:
    # Longer than the test may take: waiting for it would fail.
    async with running(Backend(), Limits(close_seconds=3600)) as gateway, ClientSession() as session:
        async with session.get(http_url(gateway, "/@connections/dead"), headers=SIGNED) as response:
            assert response.status == 410
        await gateway.stop()


@pytest.mark.parametrize("chunked", [False, True])
async def test_push_above_128_kb_is_too_large(chunked: bool) -> None:
    async def chunks() -> object:
        yield b"x" * 128 * 1024
        yield b"x"

    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url):
        body = chunks() if chunked else b"x" * (128 * 1024 + 1)
        refused = await error(gateway, "POST", path(await backend.next_id()), data=body)

    assert refused[:2] == (413, "PayloadTooLargeException")


async def test_push_of_128_kb_is_sent() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        body = b"x" * 128 * 1024
        async with request(gateway, "POST", path(await backend.next_id()), data=body) as response:
            assert response.status == 200
        assert await client.recv() == body.decode()


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_unknown_and_closed_ids_are_gone(method: str) -> None:
    backend = Backend()
    async with running(backend) as gateway:
        async with connect(gateway.url):
            connection_id = await backend.next_id()
        await backend.next("$disconnect")
        for gone in (connection_id, "never-there="):
            assert (await error(gateway, method, path(gone)))[:2] == (410, "GoneException")


async def test_connection_is_not_there_before_connect_has_accepted_it() -> None:
    backend = Backend()
    statuses: list[int] = []
    async with running(backend) as gateway:

        async def accept(event: dict[str, dict[str, str]]) -> dict[str, int]:
            own = path(event["requestContext"]["connectionId"])
            async with request(gateway, "POST", own, data=b"too early") as response:
                statuses.append(response.status)
            return {"statusCode": 200}

        backend.answers["$connect"] = accept
        async with connect(gateway.url):
            assert statuses == [410]


async def test_get_tells_who_is_connected_since_when() -> None:
    backend, clock = Backend(), FakeClock()
    async with (
        running(backend, now_s=clock, sleep=clock.sleep) as gateway,
        connect(gateway.url, user_agent_header="game/1.0") as client,
    ):
        clock.advance(1.5)
        await client.send('{"action":"ping"}')
        await backend.next("ping")
        clock.advance(1)
        async with request(gateway, "GET", path(await backend.next_id())) as response:
            assert response.status == 200
            assert await response.json() == {
                "connectedAt": "2025-11-22T12:00:00.000Z",
                "identity": {"sourceIp": "127.0.0.1", "userAgent": "game/1.0"},
                "lastActiveAt": "2025-11-22T12:00:01.500Z",
            }


async def test_delete_closes_with_1000() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        connection_id = await backend.next_id()
        async with request(gateway, "DELETE", path(connection_id)) as response:
            assert (response.status, await response.read()) == (204, b"")
        assert (await error(gateway, "POST", path(connection_id), data=b"late"))[0] == 410
        await client.wait_closed()
        event = await backend.next("$disconnect")

    assert client.close_code == 1000
    assert event["requestContext"]["disconnectStatusCode"] == 1000
    assert event["requestContext"]["disconnectReason"] == "Connection Closed Normally"
    assert len(backend.events["$disconnect"]) == 1


@pytest.mark.parametrize(
    ("headers", "error_type"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer eyJ.token"}, "IncompleteSignatureException"),
        ({"Authorization": SIGNED["Authorization"]}, "IncompleteSignatureException"),
        (
            SIGNED | {"Authorization": SIGNED["Authorization"].replace("execute-api", "dynamodb")},
            "IncompleteSignatureException",
        ),
        (SIGNED | {"Authorization": SIGNED["Authorization"][:-1]}, "IncompleteSignatureException"),
    ],
)
async def test_request_that_is_not_signed_is_forbidden(headers: dict[str, str], error_type: str) -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url):
        refused = await error(gateway, "GET", path(await backend.next_id()), headers=headers)

    assert refused[:2] == (403, error_type)


@pytest.mark.parametrize(
    ("method", "raw_path"),
    [
        ("POST", "/"),
        ("POST", "/local"),
        ("PUT", "/@connections/a="),
        ("PATCH", "/@connections/a="),
        ("GET", "/@connections"),
        ("GET", "/@connections/"),
        ("DELETE", "/@connections/a/b"),
        ("POST", "/prod/@connections/a="),
    ],
)
async def test_other_methods_and_paths_are_api_gateways_403(method: str, raw_path: str) -> None:
    async with running(Backend()) as gateway:
        refused = await error(gateway, method, raw_path)

    assert refused == (403, "MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize(
    "garbage", [b"\r\n\r\n", b"hello\n", b"\x16\x03\x01\x00\n", b"GET / HTTP/9.9\r\n\r\n", b"x" * 9000]
)
async def test_garbage_ends_its_own_connection_only(garbage: bytes) -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(garbage)
        writer.write_eof()
        async with patience():
            await reader.read()
        writer.close()
        await client.send('{"action":"ping"}')
        await backend.next("ping")
