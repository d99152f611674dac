"""Bad frames and bad bytes: the connection stays open where it can, and the server in any case."""

import asyncio
import json

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError

from tests.e2e.backend import BackendProcess
from tests.e2e.conftest import SignUp
from tests.support.waiting import patience

BAD_FRAMES: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "bad_frame", ""),
    "not-json": ("nope", "bad_frame", "JSON"),
    "array": ("[]", "bad_frame", "object"),
    "null": ("null", "bad_frame", "object"),
    "number": ("1e999", "bad_frame", "object"),
    "deep-nesting": ("[" * 30_000, "bad_frame", ""),
    "deep-nesting-inside": ('{"action":' + "[" * 15_000 + "]" * 15_000 + "}", "bad_frame", ""),
    "no-action": ("{}", "bad_frame", "action"),
    "null-action": ('{"action":null}', "bad_frame", "action"),
    "number-action": ('{"action":7}', "bad_frame", "action"),
    "object-action": ('{"action":{"a":1}}', "bad_frame", "action"),
    "unknown-action": ('{"action":"dance"}', "unknown_action", "action"),
    "route-as-action": ('{"action":"$connect"}', "unknown_action", "action"),
    "binary": (b'{"action":"ping"}', "bad_frame", "binary"),
    "binary-garbage": (b"\xff\x00\xfe", "bad_frame", "binary"),
    "40-kb": ('{"action":"ping"}' + " " * 40_000, "too_large", "32768"),
    "40-kb-of-utf-8": (
        json.dumps({"action": "dance", "x": "ä" * 20_000}, ensure_ascii=False),
        "too_large",
        "32768",
    ),
    "no-boards": ('{"action":"subscribe"}', "bad_frame", "boards"),
    "empty-boards": ('{"action":"subscribe","boards":[]}', "bad_frame", "boards"),
    "text-boards": ('{"action":"subscribe","boards":"forest"}', "bad_frame", "boards"),
    "number-boards": ('{"action":"subscribe","boards":[1]}', "bad_frame", "boards.0"),
    "unknown-board": ('{"action":"subscribe","boards":["forest","atlantis"]}', "unknown_board", "boards"),
    "channel-as-board": ('{"action":"subscribe","boards":["all"]}', "unknown_board", "boards"),
    "others-channel": ('{"action":"subscribe","boards":["user#x"]}', "unknown_board", "boards"),
    "33-boards": (json.dumps({"action": "subscribe", "boards": ["forest"] * 33}), "bad_frame", "boards"),
    "unknown-field": ('{"action":"subscribe","boards":["forest"],"as":"root"}', "bad_frame", "as"),
    "unknown-unsubscribe": ('{"action":"unsubscribe","boards":["atlantis"]}', "unknown_board", "boards"),
    "array-versions": ('{"action":"ping","versions":[]}', "bad_frame", "versions"),
    "text-version": ('{"action":"ping","versions":{"forest":"1"}}', "bad_frame", "versions.forest"),
    "half-version": (
        '{"action":"ping","versions":{"forest":{"epoch":1}}}',
        "bad_frame",
        "versions.forest.version",
    ),
    "nan-version": (
        '{"action":"ping","versions":{"forest":{"epoch":1,"version":NaN}}}',
        "bad_frame",
        "NaN",
    ),
    "unknown-version": (
        '{"action":"ping","versions":{"atlantis":{"epoch":1,"version":1}}}',
        "unknown_board",
        "versions",
    ),
    "33-versions": (
        json.dumps({"action": "ping", "versions": {str(n): {"epoch": 1, "version": 1} for n in range(33)}}),
        "bad_frame",
        "versions",
    ),
    "player-broadcast": ('{"action":"broadcast","channel":"all","message":{}}', "forbidden", "broadcast"),
}


@pytest.mark.parametrize(("frame", "code", "mention"), BAD_FRAMES.values(), ids=BAD_FRAMES)
async def test_bad_frame_is_answered_and_the_connection_stays_open(
    sign_up: SignUp, frame: str | bytes, code: str, mention: str
) -> None:
    async with (await sign_up("Ada")).live() as screen:
        await screen.socket.send(frame)
        answer = await screen.receive()
        assert (answer["type"], answer["code"]) == ("error", code), answer
        assert mention in answer["message"]
        assert len(answer["message"]) < 1_000
        assert await screen.ask("ping") == {"type": "pong"}


async def test_subscribe_with_a_huge_version_gets_a_snapshot(sign_up: SignUp) -> None:
    async with (await sign_up("Ada")).live() as screen:
        held = {"forest": {"epoch": 10**30, "version": -(10**30)}}
        answer = await screen.ask("subscribe", boards=["forest"], versions=held)
        assert (answer["type"], answer["board"]) == ("snapshot", "forest")


async def test_message_over_128_kb_closes_with_1009(sign_up: SignUp) -> None:
    async with (await sign_up("Ada")).live() as screen:
        await screen.socket.send("x" * 200_000)
        with pytest.raises(ConnectionClosedError):
            await screen.receive()
        assert screen.socket.close_code == 1009


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nope"),
        ("GET", "/score"),
        ("DELETE", "/score"),
        ("POST", "/leaderboard"),
        ("PUT", "/health"),
        ("POST", "/"),
        ("GET", "/leaderboard/forest"),
        ("GET", "//"),
        ("GET", "/%ff%fe"),
        ("GET", "/%00"),
        ("GET", "/" + "x" * 5_000),
        ("GET", "/../pyproject.toml"),
        ("GET", "/..%2fpyproject.toml"),
        ("GET", "/%2e%2e/%2e%2e/pyproject.toml"),
        ("GET", "/%2e%2e%2f%2e%2e%2fpyproject.toml"),
        ("GET", "//etc/passwd"),
        ("GET", "/..\\..\\pyproject.toml"),
        ("PATCH", "/score"),
    ],
)
async def test_unknown_path_or_method_is_not_found(backend: BackendProcess, method: str, path: str) -> None:
    status, body = await _http(backend.ports.http, f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert status in {404, 405}, body
    assert b"[project]" not in body
    assert b"root:" not in body


LEADERBOARD = b"GET /leaderboard?gameArea="
BAD_REQUESTS: dict[str, bytes] = {
    "garbage": bytes(range(256)) * 4 + b"\r\n\r\n",
    "tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n",
    "no-version": b"GET /health\r\n\r\n",
    "bad-header": b"GET /health HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
    "bad-length": b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    "negative-length": b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "bad-chunk": b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "invalid-utf-8-header": LEADERBOARD + b"x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\r\n\r\n",
    "invalid-utf-8-query": LEADERBOARD + b"\xff HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("port", ["http", "ws"])
@pytest.mark.parametrize("request_", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_bad_http_bytes_are_refused_or_end_the_connection(
    backend: BackendProcess, port: str, request_: bytes
) -> None:
    status, body = await _http(getattr(backend.ports, port), request_)
    assert status is None or 400 <= status < 500, body


@pytest.mark.parametrize("port", ["http", "ws"])
@pytest.mark.parametrize(
    "start",
    [b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST /score HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"],
    ids=["nothing", "method", "half-a-head", "half-a-body"],
)
async def test_client_that_leaves_in_the_middle_of_a_request_does_no_harm(
    backend: BackendProcess, http: httpx.AsyncClient, port: str, start: bytes
) -> None:
    async with patience():
        for abort in (False, True):
            _, writer = await asyncio.open_connection("127.0.0.1", getattr(backend.ports, port))
            writer.write(start)
            await writer.drain()
            if abort:
                writer.transport.abort()
            else:
                writer.close()
                await writer.wait_closed()
        assert (await http.get("/health")).status_code == 200


async def test_garbage_instead_of_a_frame_closes_that_connection_only(sign_up: SignUp) -> None:
    ada, bob = await sign_up("Ada"), await sign_up("Bob")
    async with ada.live() as broken, bob.live() as other:
        broken.socket.transport.write(b"\xff" * 100)
        with pytest.raises(ConnectionClosedError):
            await broken.receive()
        assert await other.ask("ping") == {"type": "pong"}


async def test_score_reaches_a_screen_after_all_bad_frames(sign_up: SignUp, arena: str) -> None:
    ada, bob = await sign_up("Ada"), await sign_up("Bob")
    async with bob.live(arena) as screen:
        await ada.submit(arena, 9)
        await screen.follows(arena, await bob.top(arena))


async def _http(port: int, request: bytes) -> tuple[int | None, bytes]:
    """Send bytes and no more; the status (None where the server just hung up) and all of the answer."""
    async with patience():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            writer.write_eof()
            answer = await reader.read()
        except ConnectionResetError:
            return None, b""
        finally:
            writer.close()
    return (int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None), answer
