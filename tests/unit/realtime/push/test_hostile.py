"""The push client against a server that does whatever a server can do, over real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from realtime.push.client import HttpPushClient, PushResult
from realtime.push.endpoint import parse_url
from realtime.push.response import RESPONSE_LIMIT
from tests.simulation.push import credentials
from tests.support.waiting import PATIENCE_SECONDS, patience
from tests.unit.realtime.push.hostile_server import (
    OK,
    OK_AND_CLOSE,
    SILENCE,
    Certificate,
    HostileServer,
    Reply,
    broken_off,
    certificate,
    hostile_server,
    last_words,
    reply,
)
from tests.unit.realtime.push.scene import ids

WITHIN = float(PATIENCE_SECONDS)
"""Long enough for every answer that comes at all."""
T = TypeVar("T")

Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(params=[asyncio.SelectorEventLoop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    def run(work: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(work)

    return run


@asynccontextmanager
async def client_of(url: str, **options: Any) -> AsyncIterator[HttpPushClient]:
    # No attempt ends by the clock, unless a test says so.
    client = HttpPushClient(
        parse_url(url), "us-east-1", credentials, **{"attempt_timeout": WITHIN, **options}
    )
    try:
        yield client
    finally:
        await client.aclose()


async def play(
    scripts: dict[str, list[Reply]], *connection_ids: str, within: float = WITHIN, **options: Any
) -> tuple[PushResult, HostileServer]:
    """One push to a server that answers like this."""
    async with (
        hostile_server(scripts) as (server, port),
        client_of(f"http://127.0.0.1:{port}/prod", **options) as client,
    ):
        result = await client.push("frame", connection_ids, within=within)
        await client.aclose()
        await server.all_closed()
        return result, server


def answer(status: int, *headers: str, body: bytes = b'{"message":"scripted"}') -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


GOOD = {
    "empty": reply(OK),
    "with a body": reply(answer(200)),
    "without content": reply(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "byte by byte": Reply(tuple(bytes([byte]) for byte in answer(200))),
    "chunked": reply(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n",
        b"1;x=y\r\n \r\n0\r\nTrailer: 1\r\n\r\n",
    ),
    "after a continue": reply(b"HTTP/1.1 100 Continue\r\n\r\n" + OK),
    "after a continue of its own": reply(b"HTTP/1.1 100 Continue\r\n\r\n", OK),
    "after early hints": reply(
        b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", OK
    ),
    "as HTTP/1.0": last_words(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "and close, as announced": last_words(answer(200, "Connection: close")),
    "and close, without a word": last_words(OK),
    "and close, after an announcement, later": reply(answer(200, "Connection: close")),
    "until the end": last_words(b"HTTP/1.1 200 OK\r\n\r\n", b"{}", b"\n"),
    "until the end, of nothing": last_words(b"HTTP/1.1 200 OK\r\n\r\n"),
    "with many headers": reply(answer(200, *(f"X-{number}: {'y' * 50}" for number in range(200)))),
    "with a large body in pieces": reply(
        b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n", *(b"x" * 1000 for _ in range(50))
    ),
    "and rubbish": reply(OK + b"rubbish"),
    "twice": reply(OK + OK),
    "and half of another": reply(OK + OK[:20]),
}


@pytest.mark.parametrize("line", GOOD.values(), ids=GOOD.keys())
def test_good_answer_is_read_in_any_form(run: Run[Any], line: Reply) -> None:
    everybody = ids(20)
    result, server = run(play({one: [line] for one in everybody}, *everybody, "other", in_flight=3))
    assert result == PushResult(delivered=21)
    # No request is sent twice, unless its connection was closed under its feet.
    repeated = sum(server.attempts.values()) - 21
    assert repeated == 0 if "without a word" not in repr(line) else repeated <= 20


PASSING = {
    "429": reply(answer(429)),
    "429, again at once": reply(answer(429, "Retry-After: 0")),
    "429, and close": last_words(answer(429, "Connection: close")),
    "500": reply(answer(500)),
    "502, in HTML": last_words(
        answer(502, "Content-Type: text/html", "Connection: close", body=b"<h1>Bad</h1>")
    ),
    "503, again at once": reply(answer(503, "Retry-After: 0")),
    "503, until the end": last_words(b"HTTP/1.1 503 Unavailable\r\nRetry-After: 0\r\n\r\n", b"sorry"),
    "504": reply(answer(504)),
    "end in the status": last_words(b"HTTP/1.1 20"),
    "end in the headers": last_words(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "end in the body": last_words(answer(200)[:-1]),
    "end in a chunk": last_words(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
    "end instead of an answer": last_words(),
    "end after a continue": last_words(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "reset in the headers": broken_off(b"HTTP/1.1 200 OK\r\n"),
    "reset in a body without length": broken_off(b"HTTP/1.1 200 OK\r\n\r\n{"),
    "reset instead of an answer": broken_off(),
    "no HTTP": reply(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "TLS": reply(b"\x15\x03\x01\x00\x02\x02\x46"),
    "HTTP/2": reply(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"),
    "upgrade": reply(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
    "two lengths": reply(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    "length and chunks": reply(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "bad chunk": reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "endless headers": Reply((b"HTTP/1.1 200 OK\r\n", *(b"X: " + b"y" * 8000 + b"\r\n" for _ in range(20)))),
    "endless body": Reply((b"HTTP/1.1 200 OK\r\n\r\n", *(b"z" * 8000 for _ in range(20)))),
    "endless chunks": Reply(
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            *(b"1f40\r\n" + b"z" * 8000 + b"\r\n",) * 20,
        )
    ),
    "endless continues": Reply((b"HTTP/1.1 100 Continue\r\n\r\n" * 400,) * 20),
}


@pytest.mark.parametrize("line", PASSING.values(), ids=PASSING.keys())
def test_id_is_tried_again_after_a_bad_answer(run: Run[Any], line: Reply) -> None:
    result, server = run(play({"one": [line, line, reply(OK)]}, "one", *ids(10), in_flight=2))
    assert result == PushResult(delivered=11)
    assert server.attempts["one"] == 3
    assert all(server.attempts[other] == 1 for other in ids(10))


SILENT = {
    "silence": SILENCE,
    "silence in the headers": reply(b"HTTP/1.1 200 OK\r\n"),
    "silence in the body": reply(answer(200)[:-1]),
    "silence after a continue": reply(b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("line", SILENT.values(), ids=SILENT.keys())
def test_id_is_tried_again_after_silence(run: Run[Any], line: Reply) -> None:
    result, server = run(
        play({"one": [line, line, reply(OK)]}, "one", *ids(10), in_flight=2, attempt_timeout=0.2)
    )
    assert result == PushResult(delivered=11)
    # On a busy machine an answer that comes late is taken for silence too.
    assert server.attempts["one"] >= 3


def test_answer_longer_than_the_limit_is_not_waited_for(run: Run[Any]) -> None:
    body = RESPONSE_LIMIT * 4
    endless = Reply(
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % body, *(b"x" * 10_000 for _ in range(20)))
    )
    result, server = run(play({"one": [endless, reply(OK)]}, "one", attempt_timeout=1000))
    assert result == PushResult(delivered=1)
    assert server.attempts["one"] == 2


@pytest.mark.parametrize("requests", [1, 2, 7])
@pytest.mark.parametrize("last", [OK, OK_AND_CLOSE], ids=["without a word", "announced"])
def test_ids_are_delivered_by_a_server_that_closes_after_some_requests(
    run: Run[Any], requests: int, last: bytes
) -> None:
    def few(number: int) -> Reply:
        return reply(OK) if number < requests else last_words(last)

    async def work() -> tuple[PushResult, int]:
        async with (
            hostile_server(otherwise=few) as (server, port),
            client_of(f"http://127.0.0.1:{port}") as client,
        ):
            return await client.push("frame", ids(100), within=WITHIN), server.connections

    result, connections = run(work())
    assert result == PushResult(delivered=100)
    assert connections >= 100 // requests


def test_connections_closed_while_idle_cost_nothing_but_new_ones(run: Run[Any]) -> None:
    async def work() -> tuple[PushResult, int]:
        async with (
            hostile_server() as (server, port),
            client_of(f"http://127.0.0.1:{port}", in_flight=10) as client,
        ):
            await client.push("frame", ids(200), within=WITHIN)
            before = server.connections
            server.reset_all()
            # The client has not heard of it yet: its event loop has not run since.
            result = await client.push("frame", ids(200), within=WITHIN)
            return result, server.connections - before

    result, new = run(work())
    assert result == PushResult(delivered=200)
    assert 1 <= new <= 10


def test_push_to_a_port_without_a_listener_leaves_ids_untried(run: Run[Any]) -> None:
    async def work() -> PushResult:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            async with client_of(f"http://127.0.0.1:{bound.getsockname()[1]}") as client:
                return await client.push("frame", ids(200), within=0.3)

    assert run(work()) == PushResult(untried=ids(200))


def test_push_to_an_unknown_host_leaves_ids_untried(run: Run[Any]) -> None:
    async def work() -> PushResult:
        async with client_of("http://host.invalid") as client:
            return await client.push("frame", ["one"], within=0.3)

    assert run(work()) == PushResult(untried=["one"])


@pytest.mark.parametrize("status", [204, 200, 410])
def test_close_of_a_connection_is_confirmed(run: Run[Any], status: int) -> None:
    async def work() -> bool:
        scripts = {
            "one": [reply(answer(status, body=b"") if status != 204 else GOOD["without content"].pieces[0])]
        }
        async with hostile_server(scripts) as (_, port), client_of(f"http://127.0.0.1:{port}") as client:
            return await client.close("one")

    assert run(work()) is True


@pytest.fixture(scope="module")
def good_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("good"), "127.0.0.1")


async def push_over_tls(server: Certificate, trusted: Certificate) -> PushResult:
    context = ssl.create_default_context(cafile=trusted.authority)
    async with (
        hostile_server(tls=server.server) as (hostile, port),
        client_of(f"https://127.0.0.1:{port}", tls=context, in_flight=5) as client,
    ):
        # Long enough for a good server; a bad one is not waited for in vain.
        within = WITHIN if server is trusted else 0.5
        result = await client.push("frame" * 1000, ids(50), within=within)
        await client.aclose()
        await hostile.all_closed()
        return result


def test_push_over_tls_is_delivered(run: Run[Any], good_certificate: Certificate) -> None:
    assert run(push_over_tls(good_certificate, good_certificate)) == PushResult(delivered=50)


def test_server_with_an_untrusted_certificate_gets_nothing(
    run: Run[Any], good_certificate: Certificate, tmp_path: Path
) -> None:
    other = certificate(tmp_path, "127.0.0.1")
    assert run(push_over_tls(other, good_certificate)) == PushResult(untried=ids(50))


def test_server_of_another_name_gets_nothing(run: Run[Any], tmp_path: Path) -> None:
    other = certificate(tmp_path, "elsewhere.example")
    same = Certificate(other.authority, other.server)
    assert run(push_over_tls(other, same)) == PushResult(untried=ids(50))


def test_server_that_does_not_speak_tls_gets_nothing(run: Run[Any], good_certificate: Certificate) -> None:
    async def work() -> PushResult:
        context = ssl.create_default_context(cafile=good_certificate.authority)
        async with (
            hostile_server() as (server, port),
            client_of(f"https://127.0.0.1:{port}", tls=context, attempt_timeout=0.1) as client,
        ):
            async with patience():
                while server.connections < 2:
                    result = await client.push("frame", ["one"], within=0.5)
            await client.aclose()
            # Not even those whose handshake was given up are left open.
            await server.all_closed()
            return result

    assert run(work()) == PushResult(untried=["one"])
