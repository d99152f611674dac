"""A push with clients among the subscribers that never read: who waits for them, and for how long.

Our push client sends a frame to 2,000 connections on an endpoint that answers after 40 milliseconds, for some
of them with 429 for ever, as API Gateway does when a client's buffer is full. Two times are taken: until the
last of the others has the frame, and until the call returns, which is what a batch of the stream waits for.
The peer is the same without such clients. Endpoint and client share this process: both do little but wait.
"""

import asyncio
import time
from functools import partial
from typing import cast
from urllib.parse import unquote

import aioboto3
import httptools

from bench.figure import Figure
from bench.processes import MADE_UP_CREDENTIALS
from bench.rounds import Scale, interleaved
from local.gateway.events import new_id
from local.settings import REGION
from realtime.push.client import PushClient, open_push_client

SUBSCRIBERS = 2000
NEVER_READING = (1, 100)
UNTIL = ("until the last of the others has it", "until the call returns")
NONE = "0 never reading"
ANSWER_SECONDS = 0.04

_QUICK_SUBSCRIBERS = 1000
_WITHIN_SECONDS = 20
"""The time that a board with this number of subscribers is given (streams/fanout.py)."""


class SlowBenchError(Exception):
    """The others have not got their frames, or clients that do not read were not reported."""


class Clients:
    """The endpoint's connections: which of them do not read, and when the others got their first frame."""

    def __init__(self) -> None:
        self.slow: set[str] = set()
        self.told_at: dict[str, float] = {}

    def status(self, connection_id: str) -> int:
        """Return the answer to a frame."""
        if connection_id in self.slow:
            return 429
        self.told_at.setdefault(connection_id, time.monotonic())
        return 200


class _Connection(asyncio.Protocol):
    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_message_complete(self) -> None:
        connection_id = unquote(self._path.rpartition(b"/")[2].decode())
        self._path = b""
        asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._answer, connection_id)

    def _answer(self, connection_id: str) -> None:
        if not self._transport.is_closing():
            status = self._clients.status(connection_id)
            self._transport.write(b"HTTP/1.1 %d \r\nContent-Length: 0\r\n\r\n" % status)


async def run(scale: Scale) -> list[Figure]:
    """Measure both times, with each number of clients that never read, beside none."""
    everybody = [new_id() for _ in range(_QUICK_SUBSCRIBERS if scale.quick else SUBSCRIBERS)]
    clients = Clients()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(clients), "127.0.0.1", 0, backlog=1024)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/production"
    key_id, secret = MADE_UP_CREDENTIALS.values()
    session = aioboto3.Session(key_id, secret, region_name=REGION)
    async with server, open_push_client(session, url) as client:
        await _push(client, clients, everybody, 0)
        times = await interleaved(
            {slow: partial(_push, client, clients, everybody, slow) for slow in (0, *NEVER_READING)},
            scale.rounds,
        )
    figures = []
    for slow in NEVER_READING:
        both = zip(UNTIL, _median(times[slow]), _median(times[0]), strict=True)
        for until, ours, none in both:
            case = f"{len(everybody):,} subscribers, {slow} never reading, {until}"
            figures.append(Figure("slow", case, ours, none, NONE, "s", "less"))
    return figures


def _median(runs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the median of each time by itself."""
    told, returned = (sorted(values)[len(runs) // 2] for values in zip(*runs, strict=True))
    return told, returned


async def _push(client: PushClient, clients: Clients, everybody: list[str], slow: int) -> tuple[float, float]:
    """Return the seconds until the last of the others has the frame, and until the call returns."""
    never = everybody[:: len(everybody) // slow if slow else 1][:slow]
    clients.slow, clients.told_at = set(never), {}
    started = time.monotonic()
    result = await client.push('{"type":"diff"}', everybody, within=_WITHIN_SECONDS)
    returned = time.monotonic() - started
    told, others = len(clients.told_at), len(everybody) - slow
    if told != others or set(result.failed) != clients.slow:
        raise SlowBenchError(
            f"{told} of {others} have the frame, and {len(result.failed)} of {slow} were told to take none"
        )
    return max(clients.told_at.values()) - started, returned
