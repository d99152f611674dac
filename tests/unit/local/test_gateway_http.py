"""The HTTP server of `@connections`, fed by hand: what it answers must not depend on how its bytes arrive."""

import asyncio
import itertools
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.connections_api import ConnectionsApi
from local.gateway_http import Api, HttpServer, Response
from tests.support.waiting import patience
from tests.unit.local.gateway_harness import SIGNED, FakeTransport

LIMIT = 64
HEADERS = "".join(f"{name}: {value}\r\n" for name, value in (SIGNED | {"Host": "x"}).items()).encode()
POST = b"POST /@connections/here HTTP/1.1\r\n" + HEADERS


@dataclass
class Target:
    """A client that gets every push."""

    connected_at: float = 0.0
    last_active_at: float = 0.0
    is_open: bool = True
    identity: dict[str, str] = field(default_factory=lambda: {"sourceIp": "127.0.0.1"})
    pushed: list[bytes] = field(default_factory=list)

    def push(self, data: bytes) -> bool:
        self.pushed.append(data)
        return True

    def close(self, code: int, reason: str) -> None:
        self.is_open = False


class Conversation:
    """One TCP connection with the server, over which `target` is the client with the id `here`."""

    def __init__(self, api: Api | None = None) -> None:
        self.target = Target()
        self.server = HttpServer(
            api or ConnectionsApi({"here": self.target}, stage="local", payload_bytes=LIMIT)
        )
        self.transport = FakeTransport()
        self.protocol = self.server()
        self.protocol.connection_made(self.transport)

    def feed(self, *pieces: bytes) -> None:
        for piece in pieces:
            if not self.transport.paused:
                self.protocol.data_received(piece)

    def sweep(self) -> None:
        self.server._sweep()

    def end(self) -> None:
        self.protocol.connection_lost(None)

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", self.transport.sent)]


@asynccontextmanager
async def conversing(api: Api | None = None) -> AsyncIterator[Conversation]:
    conversation = Conversation(api)
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
    Example(
        POST.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
        (200,),
        (b"hi",),
    ),
    Example(
        POST.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nExpect: 100-continue\r\n\r\n",
        (200,),
        (b"",),
    ),
    Example(POST.replace(b"here", b"gone") + b"Content-Length: 2\r\n\r\nhi", (410,)),
    Example(POST.replace(b"POST", b"GET") + b"\r\n", (200,)),
    Example(POST.replace(b"POST", b"DELETE").replace(b"here", b"gone") + b"\r\n", (410,)),
    Example(POST.replace(b"POST", b"HEAD") + b"\r\n", (403,)),
    Example(POST.replace(b"@connections", b"other") + b"Content-Length: 2\r\n\r\nhi", (403,)),
    Example(POST.replace(b"@", b"%40").replace(b" /", b" /local/") + b"\r\n", (200,), (b"",)),
]
LAST = [
    Example(b"", ()),
    Example(b"garbage\r\n\r\n", (400,)),
    Example(POST + b"Content-Length: 2, 3\r\n\r\nhi", (400,)),
    Example(POST + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi" + POST + b"\r\n", (200,), (b"hi",)),
    Example(POST.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\nhi", (200,), (b"hi",)),
    Example(b"CONNECT x:1 HTTP/1.1\r\n" + HEADERS + b"\r\n", (403,)),
    Example(POST.replace(b"here", b"x" * 9000) + b"\r\n", (414,)),
    Example(POST + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 1000) for n in range(40)) + b"\r\n", (431,)),
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
            conversation.feed(*pieces(b"".join(example.raw for example in examples)))
            assert conversation.statuses == [s for example in examples for s in example.statuses]
            assert conversation.target.pushed == [p for example in examples for p in example.pushed]

    asyncio.run(converse())


@given(st.lists(REQUESTS, max_size=8), st.sampled_from(LAST), st.lists(st.integers(0, 100_000), max_size=30))
def test_answers_do_not_depend_on_where_the_bytes_are_cut(
    requests: list[Example], last: Example, places: list[int]
) -> None:
    check([*requests, last], lambda data: cut(data, places))


@pytest.mark.parametrize("example", [*EXAMPLES, *LAST, post(b"x" * LIMIT), chunked_post([b"ab", b"c"])])
def test_request_may_come_byte_by_byte(example: Example) -> None:
    check([post(b"before"), example], lambda data: cut(data, range(len(data))))


def test_deleted_connection_is_gone_for_the_next_request_of_the_same_read() -> None:
    class Closing(Target):
        def push(self, data: bytes) -> bool:
            return self.is_open and super().push(data)

    target = Closing()

    async def converse() -> list[int]:
        api = ConnectionsApi({"here": target}, stage="local", payload_bytes=LIMIT)
        async with conversing(api) as conversation:
            get, delete = (POST.replace(b"POST", method) + b"\r\n" for method in (b"GET", b"DELETE"))
            conversation.feed(post(b"1").raw + get + delete + post(b"2").raw + get + delete)
            return conversation.statuses

    assert asyncio.run(converse()) == [200, 200, 204, 410, 410, 410]
    assert target.pushed == [b"1"]


async def test_answers_of_one_read_leave_in_one_write() -> None:
    async with conversing() as conversation:
        conversation.feed(post(b"1").raw * 10)

    assert conversation.transport.writes == [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 10]


async def test_refused_request_is_answered_before_its_body_comes() -> None:
    async with conversing() as conversation:
        request = refused(b"body")
        conversation.feed(request.raw[:-4])
        assert conversation.statuses == [403]
        conversation.feed(request.raw[-4:], post(b"next").raw)
        assert conversation.statuses == [403, 200]


@pytest.mark.parametrize(
    "head", [b"Content-Length: %d\r\n\r\n" % (LIMIT + 10), b"Transfer-Encoding: chunked\r\n\r\n4a\r\n"]
)
async def test_too_large_body_is_refused_before_its_end_and_kept_nowhere(head: bytes) -> None:
    async with conversing() as conversation:
        conversation.feed(POST + head, b"x" * (LIMIT + 1))
        assert conversation.statuses == [413]
        assert conversation.protocol._body == []  # type: ignore[attr-defined]
        conversation.feed(b"x" * 9 + (b"\r\n0\r\n\r\n" if b"chunked" in head else b""), post(b"next").raw)
        assert conversation.statuses == [413, 200]
        assert conversation.target.pushed == [b"next"]


async def test_client_is_told_to_go_on_only_when_its_body_is_wanted() -> None:
    expect = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    async with conversing() as conversation:
        conversation.feed(POST + expect % 2)
        assert conversation.statuses == [100]
        conversation.feed(b"hi")
        assert conversation.statuses == [100, 200]
    for head in (POST + expect % (LIMIT + 1), b"POST /other HTTP/1.1\r\nHost: x\r\n" + expect % 2):
        async with conversing() as conversation:
            conversation.feed(head)
            assert conversation.statuses in ([413], [403])


@pytest.mark.parametrize(
    "bad",
    [
        b"hello\n",
        b"\x16\x03\x01\x00\n",
        b"FOO /@connections/here HTTP/1.1\r\n",
        b"GET / HTTP/9.9\r\n",
        POST.replace(b"Host: x\r\n", b"") + b"\r\n",
        POST + b"Content-Length: x\r\n\r\n",
        POST + b"Content-Length: 99999999999999999999\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: gzip\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        POST + b"X A: b\r\n\r\n",
        POST + b"X-A: b\0\r\n\r\n",
        POST.replace(b"\r\n", b"\n") + b"\n",
    ],
)
async def test_malformed_request_is_answered_with_400_and_the_last(bad: bytes) -> None:
    async with conversing() as conversation:
        conversation.feed(post(b"before").raw + bad, b"more", post(b"after").raw)
        assert conversation.statuses == [200, 400]
        assert conversation.transport.sent.endswith(b'Connection: close\r\n\r\n{"message": "Bad Request"}')
        # Half closed, so that the answer is not lost: the client is still to read it.
        assert conversation.transport.ended
        assert not conversation.transport.closed
        assert conversation.target.pushed == [b"before"]


@pytest.mark.parametrize("http", [b"1.0", b"1.1"])
@pytest.mark.parametrize("wish", [b"", b"Connection: keep-alive\r\n", b"Connection: close\r\n"])
async def test_connection_stays_open_as_the_client_wishes(http: bytes, wish: bytes) -> None:
    async with conversing() as conversation:
        conversation.feed(POST.replace(b"1.1", http) + wish + b"\r\n")
        stays = b"keep-alive" in wish or (http == b"1.1" and not wish)
        assert conversation.transport.ended == (not stays)
        # Those who do not know by themselves are told.
        told = conversation.transport.sent.decode()
        assert ("Connection: close" in told) == (not stays)
        assert ("Connection: keep-alive" in told) == (b"keep-alive" in wish)


async def test_answer_to_head_has_no_body() -> None:
    async with conversing() as conversation:
        conversation.feed(POST.replace(b"POST", b"HEAD") + b"\r\n")
        head, _, body = conversation.transport.sent.partition(b"\r\n\r\n")
        assert b"Content-Length: 43" in head
        assert body == b""


async def test_blanks_around_a_header_do_not_count() -> None:
    async with conversing() as conversation:
        conversation.feed(
            POST.replace(b"Authorization: ", b"Authorization:  \t").replace(b"\r\nHost", b" \r\nHost")
        )
        conversation.feed(b"\r\n")
        assert conversation.statuses == [200]


async def test_trailer_is_no_header() -> None:
    async with conversing() as conversation:
        trailer = b"0\r\n" + HEADERS + b"\r\n"
        conversation.feed(
            refused(b"").raw.replace(b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n")
        )
        conversation.feed(trailer, post(b"next").raw)
        assert conversation.statuses == [403, 200]


@pytest.mark.parametrize("start", [b"", b"GET /@connections/here HTTP/1.1\r\nX-Endless: "])
async def test_endless_head_is_refused(start: bytes) -> None:
    async with conversing() as conversation:
        conversation.feed(start or b"GET /", *[b"x" * 1000] * 100)
        assert conversation.statuses == [431 if start else 414]
        assert conversation.transport.ended


async def test_head_that_is_wrong_in_two_ways_is_answered_once() -> None:
    async with conversing() as conversation:
        conversation.feed(POST + b"X-Long: ", b"x" * 70_000 + b"\0")
        assert conversation.statuses == [400]


async def test_endless_body_and_endless_trailer_are_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local.gateway_http._REQUEST_BYTES", 100_000)
    for start, answered in [(b"1000000\r\n", [413]), (b"0\r\nX-Endless: ", [])]:
        async with conversing() as conversation:
            conversation.feed(POST + b"Transfer-Encoding: chunked\r\n\r\n", start, *[b"x" * 1000] * 99)
            assert not conversation.transport.ended
            conversation.feed(*[b"x" * 1000] * 2)
            assert conversation.statuses == answered
            assert conversation.transport.ended


async def test_client_that_does_not_read_its_answers_is_not_read_from() -> None:
    async with conversing() as conversation:
        conversation.feed(post(b"1").raw)
        conversation.protocol.pause_writing()
        assert conversation.transport.paused
        conversation.protocol.resume_writing()
        assert not conversation.transport.paused


async def test_only_who_keeps_the_server_waiting_is_dropped() -> None:
    async with conversing() as conversation:
        for _ in range(3):
            conversation.feed(POST + b"Content-Length: 2\r\n\r\n")
            conversation.sweep()
            conversation.feed(b"hi")
        for _ in range(3):
            conversation.sweep()
        assert not conversation.transport.closed
        conversation.feed(POST)
        conversation.sweep()
        assert not conversation.transport.closed
        conversation.sweep()
        assert conversation.transport.aborted


async def test_who_does_not_hang_up_or_does_not_read_is_dropped_too() -> None:
    async with conversing() as conversation:
        conversation.feed(b"hello\n")
        conversation.sweep()
        conversation.sweep()
        assert conversation.transport.aborted
    async with conversing() as conversation:
        conversation.protocol.pause_writing()
        conversation.sweep()
        conversation.sweep()
        assert conversation.transport.aborted


async def test_stop_closes_idle_connections_and_lets_a_request_end() -> None:
    idle = Conversation()
    stopping = asyncio.create_task(idle.server.stop(60))
    await asyncio.sleep(0)
    assert idle.transport.closed
    idle.end()
    await stopping

    busy = Conversation()
    busy.feed(POST + b"Content-Length: 2\r\n\r\nh")
    stopping = asyncio.create_task(busy.server.stop(60))
    await asyncio.sleep(0)
    assert not busy.transport.closed
    busy.feed(b"i" + post(b"too late").raw)
    assert busy.statuses == [200]
    assert b"Connection: close" in busy.transport.sent
    assert busy.transport.ended
    assert busy.target.pushed == [b"hi"]
    busy.end()
    await stopping


async def test_stop_drops_a_request_that_does_not_end() -> None:
    conversation = Conversation()
    conversation.feed(POST + b"Content-Length: 2\r\n\r\nh")
    stopping = asyncio.create_task(conversation.server.stop(0))
    async with patience():
        await conversation.transport.aborting.wait()
    conversation.end()
    await stopping


async def test_failure_of_the_api_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        body_bytes = LIMIT
        too_large = Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

        def admit(
            self, method: bytes, target: bytes, headers: Mapping[bytes, bytes]
        ) -> Callable[[bytes], Response]:
            def answer(body: bytes) -> Response:
                raise RuntimeError("a mistake of ours")

            return answer

    with caplog.at_level(logging.ERROR):
        async with conversing(Broken()) as conversation:
            conversation.feed(post(b"1").raw, post(b"2").raw)
            assert conversation.statuses == [500]
            assert conversation.transport.ended
    assert [
        record.exc_info[1].args for record in caplog.records if record.exc_info and record.exc_info[1]
    ] == [("a mistake of ours",)]
