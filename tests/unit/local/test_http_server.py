"""The HTTP server of this machine, fed by hand: what it answers must not depend on how its bytes arrive."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import http_server
from local.gateway.connections_api import ConnectionsApi, Push
from local.http_server import HEAD_BYTES, PIPELINED_REQUESTS, App, HttpServer, Receive, Scope, Send
from tests.support.waiting import patience
from tests.unit.local.gateway.harness import SIGNED, FakeTransport

LIMIT = 64
HEADERS = "".join(f"{name}: {value}\r\n" for name, value in (SIGNED | {"Host": "x"}).items()).encode()
POST = b"POST /@connections/here HTTP/1.1\r\n" + HEADERS


async def turns(number: int = 10) -> None:
    """Let the tasks run."""
    for _ in range(number):
        await asyncio.sleep(0)


@dataclass
class Target:
    """A client that gets every push."""

    connected_at: float = 0.0
    last_active_at: float = 0.0
    is_open: bool = True
    identity: dict[str, str] = field(default_factory=lambda: {"sourceIp": "127.0.0.1"})
    pushed: list[bytes] = field(default_factory=list)

    def push(self, data: bytes) -> Push:
        if self.is_open:
            self.pushed.append(data)
        return Push.SENT if self.is_open else Push.GONE

    def close(self, code: int, reason: str) -> None:
        self.is_open = False


class Conversation:
    """One TCP connection with the server, over which `target` is the client with the id `here`."""

    def __init__(self, app: App | None = None) -> None:
        self.target = Target()
        self.server = HttpServer(
            app or ConnectionsApi({"here": self.target}, stage="local", payload_bytes=LIMIT)
        )
        self.transport = FakeTransport()
        self.protocol = self.server()
        self.protocol.connection_made(self.transport)

    async def feed(self, *pieces: bytes) -> None:
        """Bring it these pieces, as long as it reads, and let it answer."""
        for piece in pieces:
            if not self.transport.closed:
                self.protocol.data_received(piece)
            await self.settle()

    async def settle(self) -> None:
        """Wait until it reads again, and all that can be answered is."""
        await turns()
        for _ in range(100 * PIPELINED_REQUESTS):
            if self.transport.closed or not self.transport.paused:
                break
            await turns(1)

    def end(self) -> None:
        self.transport.closed = True
        self.protocol.connection_lost(None)

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", self.transport.sent)]


@asynccontextmanager
async def conversing(app: App | None = None) -> AsyncIterator[Conversation]:
    conversation = Conversation(app)
    try:
        yield conversation
    finally:
        conversation.end()
        await conversation.server.stop(0)


@dataclass(frozen=True)
class Example:
    """A request, what is answered, and what is pushed."""

    raw: bytes
    statuses: tuple[int, ...]
    pushed: tuple[bytes, ...] = ()


def chunked(parts: Iterable[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def post(body: bytes) -> Example:
    raw = POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    return Example(raw, (200,), (body,)) if len(body) <= LIMIT else Example(raw, (413,))


def chunked_post(parts: list[bytes]) -> Example:
    raw = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(parts)
    body = b"".join(parts)
    return Example(raw, (200,), (body,)) if len(body) <= LIMIT else Example(raw, (413,))


def refused(body: bytes) -> Example:
    raw = b"POST /@connections/here HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    return Example(raw, (403,))


EXAMPLES = [
    Example(POST + b"\r\n", (200,), (b"",)),
    Example(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", (100, 200), (b"hi",)),
    Example(
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi",
        (200,),
        (b"hi",),
    ),
    Example(POST + b"Connection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", (200,), (b"hi",)),
    Example(POST.replace(b"here", b"gone") + b"Content-Length: 2\r\n\r\nhi", (410,)),
    Example(POST.replace(b"POST", b"GET") + b"\r\n", (200,)),
    Example(POST.replace(b"POST", b"DELETE").replace(b"here", b"gone") + b"\r\n", (410,)),
    Example(POST.replace(b"POST", b"HEAD") + b"\r\n", (403,)),
    Example(POST.replace(b"@connections", b"other") + b"Content-Length: 2\r\n\r\nhi", (403,)),
    Example(POST.replace(b"@", b"%40").replace(b" /", b" /local/") + b"\r\n", (200,), (b"",)),
    Example(POST.replace(b"/@", b"http://x/@") + b"\r\n", (200,), (b"",)),
    Example(POST.replace(b" HTTP", b"?a=b HTTP") + b"\r\n", (200,), (b"",)),
]
LAST = [
    Example(b"", ()),
    Example(b"garbage\r\n\r\n", (400,)),
    Example(POST + b"Content-Length: 2, 3\r\n\r\nhi", (400,)),
    Example(POST + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", (200,), (b"hi",)),
    Example(POST.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\nhi", (200,), (b"hi",)),
    Example(b"CONNECT x:1 HTTP/1.1\r\n" + HEADERS + b"\r\n", (400,)),
    Example(POST.replace(b"here", b"x" * HEAD_BYTES) + b"\r\n", (400,)),
]
BODIES = st.binary(max_size=LIMIT + 10)
REQUESTS = st.one_of(
    st.sampled_from(EXAMPLES),
    BODIES.map(post),
    BODIES.map(refused),
    st.lists(st.binary(min_size=1, max_size=LIMIT), max_size=4).map(chunked_post),
)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def check(examples: list[Example], pieces: Callable[[bytes], list[bytes]]) -> None:
    async def converse() -> None:
        async with conversing() as conversation:
            # The last one may be no HTTP: its refusal does not wait for the answers before it.
            for part in (examples[:-1], examples[-1:]):
                await conversation.feed(*pieces(b"".join(example.raw for example in part)))
            assert conversation.statuses == [s for example in examples for s in example.statuses]
            assert conversation.target.pushed == [p for example in examples for p in example.pushed]

    asyncio.run(converse())


@given(st.lists(REQUESTS, max_size=8), st.sampled_from(LAST), st.lists(st.integers(0, 100_000), max_size=30))
def test_answers_do_not_depend_on_where_the_bytes_are_cut(
    requests: list[Example], last: Example, places: list[int]
) -> None:
    check([*requests, last], lambda data: cut(data, places))


@pytest.mark.parametrize("target", [b"/score", b"x:1", b"http://x/score", b"*"])
async def test_connect_is_refused_and_no_error(target: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with conversing() as conversation:
        await conversation.feed(b"CONNECT %b HTTP/1.1\r\n%b\r\n" % (target, HEADERS))
        assert conversation.statuses == [400]
        assert b"there is no proxy here" in conversation.transport.sent
    assert "callback error" not in caplog.text


async def test_refused_request_is_answered_before_its_body_comes() -> None:
    async with conversing() as conversation:
        request = refused(b"body")
        await conversation.feed(request.raw[:-4])
        assert conversation.statuses == [403]
        await conversation.feed(request.raw[-4:], post(b"next").raw)
        assert conversation.statuses == [403, 200]


@pytest.mark.parametrize(
    "head", [b"Content-Length: %d\r\n\r\n" % (LIMIT + 10), b"Transfer-Encoding: chunked\r\n\r\n4a\r\n"]
)
async def test_too_large_body_is_refused_before_its_end(head: bytes) -> None:
    async with conversing() as conversation:
        await conversation.feed(POST + head, b"x" * (LIMIT + 1))
        assert conversation.statuses == [413]
        rest = b"x" * 9 + (b"\r\n0\r\n\r\n" if b"chunked" in head else b"")
        await conversation.feed(rest, post(b"next").raw)
        assert conversation.statuses == [413, 200]
        assert conversation.target.pushed == [b"next"]


# Those of llhttp, of which it knows many more, are a few; the others are refused here.
MALFORMED = {
    "no-http": b"hello\n",
    "version-9.9": b"GET / HTTP/9.9\r\n\r\n",
    "version-2.0": POST.replace(b"1.1", b"2.0") + b"\r\n",
    "http-2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no-host": POST.replace(b"Host: x\r\n", b"") + b"\r\n",
    "two-hosts": POST + b"Host: y\r\n\r\n",
    "two-lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length-and-chunked": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-in-1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk-no-number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "nul-in-value": POST + b"X-A: b\0\r\n\r\n",
    "escape-in-path": POST.replace(b"here", b"\x1b[2J") + b"\r\n",
}


@pytest.mark.parametrize("bad", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_request_is_answered_with_400_and_the_last(bad: bytes) -> None:
    async with conversing() as conversation:
        await conversation.feed(post(b"before").raw)
        await conversation.feed(bad, b"more", post(b"after").raw)
        assert conversation.statuses[0] == 200
        assert conversation.statuses[-1] == 400
        assert b"connection: close" in conversation.transport.sent
        assert b"Invalid HTTP request: " in conversation.transport.sent
        assert conversation.transport.closed
        assert conversation.target.pushed == [b"before"]


async def test_blanks_around_a_header_do_not_count() -> None:
    async with conversing() as conversation:
        blanks = POST.replace(b"Authorization: ", b"Authorization:  \t").replace(b"\r\nHost", b" \r\nHost")
        await conversation.feed(blanks + b"\r\n")
        assert conversation.statuses == [200]


@pytest.mark.parametrize(
    "start",
    [b"GET /", POST + b"X-Endless: ", POST + b"X-Many: x\r\n" * 1000],
    ids=["target", "value", "headers"],
)
async def test_endless_head_is_refused(start: bytes) -> None:
    async with conversing() as conversation:
        fed = 0
        piece = b"X-Many: x\r\n" * 100 if b"X-Many" in start else b"x" * 1000
        for part in itertools.chain([start], itertools.repeat(piece)):
            await conversation.feed(part)
            fed += len(part)
            if conversation.transport.closed:
                break
            assert fed <= 2 * HEAD_BYTES
        assert conversation.statuses == [400]
        assert str(HEAD_BYTES).encode() in conversation.transport.sent


async def test_head_that_is_too_long_is_refused_although_one_read_brings_it_whole() -> None:
    async with conversing() as conversation:
        await conversation.feed(POST + b"X-Long: " + b"x" * HEAD_BYTES + b"\r\n\r\n")
        assert conversation.statuses == [400]


async def test_requests_that_wait_for_their_turn_are_limited() -> None:
    async with conversing() as conversation:
        await conversation.feed(post(b"1").raw * (PIPELINED_REQUESTS + 10))
        assert conversation.transport.closed
        assert b"may wait for their turn" in conversation.transport.sent


class SlowApp:
    """Reads a body, and answers when it is let go on, once for each time."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(0)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await self.turns.acquire()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


async def test_nothing_is_read_while_requests_wait_for_their_turn() -> None:
    app = SlowApp()
    async with conversing(app) as conversation:
        conversation.protocol.data_received(post(b"1").raw * 3)
        for answered in range(3):
            await turns()
            assert conversation.statuses == [204] * answered
            assert conversation.transport.paused == (answered < 2)
            app.turns.release()
        await turns()
        assert conversation.statuses == [204] * 3
        assert not conversation.transport.paused


@pytest.fixture
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "WAIT_SECONDS", 0.01)


async def assert_dropped(conversation: Conversation) -> None:
    async with patience():
        await conversation.transport.aborting.wait()


@pytest.mark.usefixtures("_short_wait")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"GET / HT",
        POST,
        POST + b"Content-Length: 2\r\n\r\nh",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        post(b"1").raw,
        post(b"1").raw + b"\r\n",
        post(b"1").raw + b"GET /",
        refused(b"body").raw[:-1],
    ],
)
async def test_client_that_keeps_the_server_waiting_is_dropped(sent: bytes) -> None:
    async with conversing() as conversation:
        await conversation.feed(sent)
        await assert_dropped(conversation)


@pytest.mark.usefixtures("_short_wait")
async def test_client_that_sends_a_byte_now_and_then_is_dropped() -> None:
    async with conversing() as conversation:
        for byte in itertools.chain(POST, itertools.cycle(b"X-A: b\r\n")):
            if conversation.transport.aborted:
                break
            await conversation.feed(bytes([byte]))
            await asyncio.sleep(0.001)
        assert conversation.statuses == []


@pytest.mark.usefixtures("_short_wait")
async def test_client_that_does_not_read_is_dropped() -> None:
    async with conversing() as conversation:
        conversation.protocol.pause_writing()
        await conversation.feed(post(b"1").raw)
        await assert_dropped(conversation)


@pytest.mark.usefixtures("_short_wait")
@pytest.mark.parametrize("requests", [1, 2])
async def test_client_whom_the_server_keeps_waiting_is_not_dropped(requests: int) -> None:
    app = SlowApp()
    async with conversing(app) as conversation:
        conversation.protocol.data_received(post(b"1").raw * requests + b"POST / HT" * (requests - 1))
        await asyncio.sleep(0.1)
        assert not conversation.transport.closed
        for _ in range(requests):
            app.turns.release()
        await assert_dropped(conversation)
        assert conversation.statuses == [204] * requests


async def test_stop_closes_idle_connections_and_lets_a_request_end() -> None:
    idle = Conversation()
    stopping = asyncio.create_task(idle.server.stop(60))
    await turns()
    assert idle.transport.closed
    idle.end()
    await stopping

    busy = Conversation()
    await busy.feed(POST + b"Content-Length: 2\r\n\r\nh")
    stopping = asyncio.create_task(busy.server.stop(60))
    await turns()
    assert not busy.transport.is_closing()
    await busy.feed(b"i")
    assert busy.statuses == [200]
    assert b"connection: close" in busy.transport.sent
    assert busy.transport.is_closing()
    assert busy.target.pushed == [b"hi"]
    busy.end()
    await stopping


async def test_stop_drops_a_request_that_does_not_end() -> None:
    conversation = Conversation()
    await conversation.feed(POST + b"Content-Length: 2\r\n\r\nh")
    stopping = asyncio.create_task(conversation.server.stop(0))
    await assert_dropped(conversation)
    conversation.end()
    await stopping


async def test_failure_of_the_application_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("a mistake of ours")

    async with conversing(broken) as conversation:
        await conversation.feed(post(b"1").raw)
        assert conversation.statuses == [500]
    assert [
        record.exc_info[1].args for record in caplog.records if record.exc_info and record.exc_info[1]
    ] == [("a mistake of ours",)]


async def test_many_requests_and_half_of_one_in_one_read_are_no_long_head() -> None:
    async with conversing() as conversation:
        requests = HEAD_BYTES // len(POST) * 2
        await conversation.feed(post(b"1").raw * requests + POST, b"\r\n")
        assert conversation.statuses == [200] * (requests + 1)
