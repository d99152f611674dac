"""Requests that break HTTP, on both of the ports that people reach, and what of them gets to the terminal."""

import asyncio
import unicodedata
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.backend import BackendProcess
from tests.e2e.conftest import SignUp
from tests.e2e.player import bearer
from tests.support.waiting import patience

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
BOTH = b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(SMUGGLED))


async def say(port: int, *lines: bytes) -> bytes:
    """Send it over a connection of its own; all that comes until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(lines))
    try:
        async with patience():
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("target", [b"/score", b"/@connections/x"])
async def test_two_lengths_of_one_body_are_refused(running_backend: BackendProcess, target: bytes) -> None:
    ports = running_backend.ports
    port = ports.ws if b"@" in target else ports.http
    answer = await say(port, b"POST %b HTTP/1.1\r\nHost: x\r\n" % target, BOTH, SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1, "what was smuggled in is no request"


async def test_head_works_where_get_does(http: httpx.AsyncClient) -> None:
    got, headed = await http.get("/health"), await http.head("/health")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    assert (await http.head("/score")).status_code == 404


async def test_method_that_http_does_not_know_is_refused(running_backend: BackendProcess) -> None:
    answer = await say(running_backend.ports.http, b"BREW /score HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Invalid method" in answer


async def test_token_may_come_in_a_second_line_of_the_header(
    running_backend: BackendProcess, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    path = urlsplit(ada.config["webSocketUrl"]).path
    reader, writer = await asyncio.open_connection("127.0.0.1", running_backend.ports.ws)
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
    running_backend: BackendProcess, http: httpx.AsyncClient, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    hostile = "%1b%5d0;owned%07%1b%5b2J%0d%0a12:00:00%20INFO%20forged%c2%9b1m%e2%80%ae"
    before = len(running_backend.log)
    assert (await http.get(f"/{hostile}")).status_code == 404
    assert (await http.get(f"/leaderboard?gameArea={hostile}")).status_code == 404
    assert (await http.get("/nul%00", headers=bearer(ada.id_token))).status_code == 404
    log = running_backend.log[before:]
    assert r"\x1b]0;owned\x07\x1b[2J\r\n12:00:00 INFO forged" in log
    assert {one for one in log if unicodedata.category(one)[0] == "C"} <= {"\n"}
    assert all(line.lstrip()[:2].isdigit() for line in log.splitlines())
