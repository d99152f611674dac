"""A gateway on a free port with handlers that record what they are asked, and a clock that tests move."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, get_args

from aiohttp import ClientResponse, ClientSession
from yarl import URL

from game.live import Action
from local.gateway.server import Event, Gateway, Handler, Limits
from tests.support.waiting import patience

ROUTES = ("$connect", "$disconnect", "$default", *get_args(Action))

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
"""A client's, as bytes."""

SIGNED = {
    "X-Amz-Date": "20261122T000000Z",
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0a' * 32}"
    ),
}


def policy(effect: str = "Allow", resource: str = "*", **context: object) -> dict[str, Any]:
    """Return a Lambda authorizer's answer."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "player-1", "policyDocument": document, "context": context}


class FakeTransport(asyncio.Transport):
    """One end of a TCP connection, for a protocol that is called by hand: remembers what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.ended = self.closed = self.paused = False
        self.aborting = asyncio.Event()

    @property
    def sent(self) -> bytes:
        return b"".join(self.writes)

    @property
    def aborted(self) -> bool:
        return self.aborting.is_set()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.writes.append(bytes(data))

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True
        self.aborting.set()

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class FakeClock:
    """Seconds since the epoch; `sleep` lasts until `advance` has moved the clock far enough."""

    def __init__(self) -> None:
        self.now = 1_763_812_800.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for until, woken in self._sleepers:
            if until <= self.now and not woken.done():
                woken.set_result(None)


class Backend:
    """Records the events of every route, and answers with `answers[route]`: a handler or a plain answer."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"authorizer": policy()}
        self.events: dict[str, list[Event]] = defaultdict(list)
        self._arrived: dict[str, asyncio.Queue[Event]] = defaultdict(asyncio.Queue)

    def handler(self, route: str) -> Handler:
        async def handle(event: Event) -> Mapping[str, Any] | None:
            self.events[route].append(event)
            self._arrived[route].put_nowait(event)
            answer = self.answers.get(route, {"statusCode": 200})
            if isinstance(answer, Exception):
                raise answer
            result: Mapping[str, Any] | None = await answer(event) if callable(answer) else answer
            return result

        return handle

    async def next(self, route: str) -> Event:
        """Return the next event of a route not yet asked for; waits for it."""
        async with patience():
            return await self._arrived[route].get()

    async def next_id(self) -> str:
        """Return the id of the connection that `$connect` saw next."""
        event = await self.next("$connect")
        connection_id: str = event["requestContext"]["connectionId"]
        return connection_id


@asynccontextmanager
async def running(backend: Backend, limits: Limits | None = None, **settings: Any) -> AsyncIterator[Gateway]:
    """Yield a gateway over `backend`, on a port of the system's choice."""
    routes = {route: backend.handler(route) for route in ROUTES}
    gateway = Gateway(authorizer=backend.handler("authorizer"), routes=routes, limits=limits, **settings)
    await gateway.start("127.0.0.1", 0)
    try:
        yield gateway
    finally:
        await gateway.stop()


def http_url(gateway: Gateway, path: str) -> URL:
    """Return the address of a raw, already encoded path."""
    return URL(f"http://127.0.0.1:{gateway.port}{path}", encoded=True)


@asynccontextmanager
async def request(gateway: Gateway, method: str, path: str, **options: Any) -> AsyncIterator[ClientResponse]:
    """One signed HTTP request."""
    options.setdefault("headers", SIGNED)
    async with (
        ClientSession() as session,
        session.request(method, http_url(gateway, path), **options) as response,
    ):
        yield response
