"""Input that is wrong in every way that a person with a terminal can think of, on both ports.

A few of each kind; every one is tried on what refuses it. Frames: tests/unit/realtime/test_bad_frames.py.
Bodies and queries: tests/unit/api. Bytes that are no HTTP: tests/unit/local/test_http_server.py. That the
server lives on, answers no 5xx and logs no traceback is checked after every test of this folder.
"""

import asyncio
import unicodedata
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError

from tests.e2e.backend import BackendProcess
from tests.e2e.conftest import SignUp
from tests.e2e.player import assert_problem, bearer
from tests.support.waiting import patience

BAD_FRAMES: dict[str, tuple[str | bytes, str, str]] = {
    "deep-nesting": ("[" * 30_000, "bad_frame", ""),
    "route-as-action": ('{"action":"$connect"}', "unknown_action", "action"),
    "binary": (b'{"action":"ping"}', "bad_frame", "binary"),
    "40-kb": ('{"action":"ping"}' + " " * 40_000, "too_large", "32768"),
    "others-channel": ('{"action":"subscribe","boards":["user#x"]}', "unknown_board", "boards"),
    "nan-version": (
        '{"action":"ping","versions":{"forest":{"epoch":1,"version":NaN}}}',
        "bad_frame",
        "NaN",
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
        assert await screen.ask("ping") == {"type": "pong"}


async def test_garbage_or_too_much_closes_that_connection_only(sign_up: SignUp, arena: str) -> None:
    ada, bob = await sign_up("Ada"), await sign_up("Bob")
    async with ada.live() as broken, ada.live() as long, bob.live(arena) as other:
        broken.socket.transport.write(b"\xff" * 100)
        await long.socket.send("x" * 200_000)
        for screen in (broken, long):
            with pytest.raises(ConnectionClosedError):
                await screen.receive()
        assert long.socket.close_code == 1009
        await ada.submit(arena, 9)
        await other.follows(arena, await bob.top(arena))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/score"),
        ("GET", "/" + "x" * 5_000),
        ("GET", "/%ff%fe"),
        ("GET", "/%00"),
        ("GET", "/../pyproject.toml"),
        ("GET", "/%2e%2e%2f%2e%2e%2fpyproject.toml"),
        ("GET", "//etc/passwd"),
        ("GET", "/..\\..\\pyproject.toml"),
    ],
)
async def test_unknown_path_or_method_is_not_found(backend: BackendProcess, method: str, path: str) -> None:
    answer = await say(backend.ports.http, f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))
    assert b"[project]" not in answer
    assert b"root:" not in answer


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
BAD_REQUESTS: dict[str, bytes] = {
    "tls-hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n",
    "unknown-method": b"BREW /score HTTP/1.1\r\nHost: x\r\n\r\n",
    "two-lengths": b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % (5 + len(SMUGGLED))
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "invalid-utf-8-header": b"GET /leaderboard HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\r\n\r\n",
    "invalid-utf-8-query": b"GET /leaderboard?gameArea=\xff HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("port", ["http", "ws"])
@pytest.mark.parametrize("request_", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_bad_http_is_refused_or_ends_the_connection(
    backend: BackendProcess, port: str, request_: bytes
) -> None:
    answer = await say(getattr(backend.ports, port), request_)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert answer.count(b"HTTP/1.1 ") <= 1, "what was smuggled in is no request"


@pytest.mark.parametrize("port", ["http", "ws"])
@pytest.mark.parametrize("start", [b"", b"POST /score HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"])
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


BAD_BODIES: dict[str, tuple[bytes, int, str]] = {
    "invalid-utf-8": (b'{"gameArea":"\xff\xfe","score":1}', 400, "body"),
    "repeated-member": (b'{"gameArea":"forest","score":1,"\\u0073core":2}', 400, "'score'"),
    "300-kb": (b'{"gameArea":"' + b"x" * 300_000 + b'"}', 413, "body"),
    "above-max": (b'{"gameArea":"forest","score":1000001}', 422, "score"),
    "unknown-area": (b'{"gameArea":"atlantis","score":1}', 404, "gameArea"),
}


@pytest.mark.parametrize(("body", "status", "mention"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_bad_body_is_refused(
    sign_up: SignUp, http: httpx.AsyncClient, body: bytes, status: int, mention: str
) -> None:
    ada = await sign_up("Ada")
    headers = bearer(ada.id_token) | {"Content-Type": "application/json"}
    answer = await http.post("/score", content=body, headers=headers)
    assert_problem(answer, status, mention)
    assert len(answer.content) < 2_000, "what was sent is not sent back whole"
    assert (await ada.get("/leaderboard/me", gameArea="forest")).status_code == 404, "nothing was recorded"


@pytest.mark.parametrize("content_type", ["text/plain", "\xe9", "/"])
async def test_wrong_content_type_is_refused(
    sign_up: SignUp, http: httpx.AsyncClient, content_type: str
) -> None:
    ada = await sign_up("Ada")
    headers = httpx.Headers(bearer(ada.id_token) | {"Content-Type": content_type}, encoding="latin-1")
    answer = await http.post("/score", content='{"gameArea":"forest","score":1}', headers=headers)
    assert_problem(answer, 415, "Content-Type")


BAD_QUERIES: dict[str, tuple[str, int, str]] = {
    "limit-billion": ("gameArea=forest&limit=1000000000", 422, "limit"),
    "cursor-not-base64": ("gameArea=forest&cursor=%00%ff!", 422, "cursor"),
    "invalid-utf-8-area": ("gameArea=%ff%fe", 404, "gameArea"),
}


@pytest.mark.parametrize(("query", "status", "mention"), BAD_QUERIES.values(), ids=BAD_QUERIES)
async def test_bad_query_is_refused(http: httpx.AsyncClient, query: str, status: int, mention: str) -> None:
    assert_problem(await http.get(f"/leaderboard?{query}"), status, mention)


async def test_token_may_come_in_a_second_line_of_the_header(
    backend: BackendProcess, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    path = urlsplit(ada.config["webSocketUrl"]).path
    reader, writer = await asyncio.open_connection("127.0.0.1", backend.ports.ws)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Protocol: podium\r\nSec-WebSocket-Protocol: {ada.id_token}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Protocol: podium\r\n" in head


async def test_control_characters_from_a_client_do_not_reach_the_terminal(
    backend: BackendProcess, http: httpx.AsyncClient
) -> None:
    hostile = "%1b%5d0;owned%07%1b%5b2J%0d%0a12:00:00%20INFO%20forged%c2%9b1m%e2%80%ae"
    before = len(backend.log)
    assert (await http.get(f"/{hostile}")).status_code == 404
    assert (await http.get(f"/leaderboard?gameArea={hostile}")).status_code == 404
    log = backend.log[before:]
    assert r"\x1b]0;owned\x07\x1b[2J\r\n12:00:00 INFO forged" in log
    assert {one for one in log if unicodedata.category(one)[0] == "C"} <= {"\n"}
    assert all(line.lstrip()[:2].isdigit() for line in log.splitlines())


async def say(port: int, request: bytes) -> bytes:
    """Send bytes over a connection of their own, and no more; all that comes until the server hangs up."""
    async with patience():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            writer.write_eof()
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
