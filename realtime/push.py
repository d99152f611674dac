"""Pushing one frame to many connections through API Gateway's `@connections`.

The broadcaster's inner loop: POST the same bytes to N connections. Every id ends in one of four places:
delivered, gone (410: its rows can be deleted), failed (still throttled, timed out or refused when the time
was up: close it, so that its client comes back and asks for a snapshot), or untried (the time was up before
its turn: nothing is known against it, so give it the frame again).

    HttpPushClient   push, close            one Job a call
    push_job.py      Job                    which ids are to be tried, or tried again, and what became of them
    push_lanes.py    Lanes                  takes ids from the jobs, in turn, as lanes come free
    push_lane.py     Lane                   one keep-alive connection, one request at a time
    signing.py       Stamp, Template        the bytes of a request

What is done about an answer depends on whom it is about:

    2xx, 410, other 4xx   the id: it is settled
    429                   us: the id waits, and the lane with it
    5xx                   that connection: the id waits, and the lane goes on with the next
    none, or broken off   nobody knows: the id waits, and the lane is replaced, later each time it fails
    closed while idle     nobody: at once again, on a new lane

Nothing grows without bound. Ids stay in the caller's collection until a lane is free; those that wait for
another try are a thousand a job at the most, and then no others are begun. docs/push.md has the reasons.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Protocol

import aioboto3

from realtime.push_endpoint import Address, credentials_of, parse_url, region_of, tls_context
from realtime.push_job import Job, PushResult
from realtime.push_lanes import Lanes
from realtime.signing import ConnectionsSigner, Credentials, Payload, Stamp

__all__ = ["IN_FLIGHT", "HttpPushClient", "PushClient", "PushResult", "open_push_client"]

IN_FLIGHT = 100
"""Requests under way at once."""

ATTEMPT_TIMEOUT_SECONDS = 5.0
CLOSE_SECONDS = 10.0
"""How long a closing may take, its wait for a lane included."""

CREDENTIALS_SECONDS = 60.0
"""How old the credentials may become while a push is under way."""

logger = logging.getLogger("podium.push")


class PushClient(Protocol):
    """Sends frames to connections, wherever they are held."""

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        """Send a frame to every connection, in `within` seconds. Raises nothing for a bad connection."""

    async def close(self, connection_id: str) -> bool:
        """Close a connection. False when that failed, so that it may be open still."""


class Connect(Protocol):
    """As `loop.create_connection`."""

    def __call__(
        self,
        protocol_factory: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        *,
        ssl: ssl.SSLContext | None,
    ) -> Awaitable[object]: ...


class HttpPushClient:
    """A PushClient over HTTP/1.1. Use it inside one event loop, as a context manager."""

    def __init__(
        self,
        address: Address,
        region: str,
        credentials: Callable[[], Awaitable[Credentials]],
        *,
        tls: ssl.SSLContext | None = None,
        rate: float | None = None,
        in_flight: int = IN_FLIGHT,
        attempt_timeout: float = ATTEMPT_TIMEOUT_SECONDS,
        connect: Connect | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = ConnectionsSigner(address.endpoint, region)
        self._read_credentials = credentials
        self._credentials: Credentials
        self._credentials_at = float("-inf")
        self._stamp: tuple[int, Credentials, Stamp] | None = None
        self._clock = clock
        open_connection: Connect = connect or asyncio.get_running_loop().create_connection
        self._lanes = Lanes(
            lambda protocol_factory: open_connection(protocol_factory, address.host, address.port, ssl=tls),
            self._stamp_at,
            in_flight=in_flight,
            attempt_timeout=attempt_timeout,
            rate=rate,
            clock=clock,
        )

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        """See PushClient. Raises BotoCoreError when there are no credentials."""
        deadline = asyncio.get_running_loop().time() + within
        job = Job(Payload("POST", frame.encode()), connection_ids, deadline=deadline)
        await self._work_off(job)
        return job.result

    async def close(self, connection_id: str) -> bool:
        """See PushClient. One attempt; but for it to begin, a free lane is waited for."""
        deadline = asyncio.get_running_loop().time() + CLOSE_SECONDS
        job = Job(Payload("DELETE"), [connection_id], deadline=deadline, retries=False)
        await self._work_off(job)
        return not (job.result.failed or job.result.untried)

    async def aclose(self) -> None:
        await self._lanes.close()

    async def _work_off(self, job: Job) -> None:
        self._credentials = await self._read_credentials()
        await self._lanes.work_off(job)

    def _stamp_at(self, now: float) -> Stamp:
        if self._stamp is None or self._stamp[:2] != (int(now), self._credentials):
            self._stamp = int(now), self._credentials, self._signer.stamp(self._credentials, now)
        return self._stamp[2]


@asynccontextmanager
async def open_push_client(
    session: aioboto3.Session, connections_url: str, *, rate: float | None = None, in_flight: int = IN_FLIGHT
) -> AsyncIterator[PushClient]:
    """A push client for `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, or http:// on the laptop.

    Region, credentials and CA bundle are those of the session.

    rate: requests a second at the most; None for as many as are answered.
    in_flight: how many requests are under way at once at the most.

    Raises ConnectionsUrlError, NoRegionError or NoCredentialsError.
    """
    address = parse_url(connections_url)
    client = HttpPushClient(
        address,
        region_of(session),
        lambda: credentials_of(session),
        tls=tls_context(session) if address.secure else None,
        rate=rate,
        in_flight=in_flight,
    )
    try:
        yield client
    finally:
        await client.aclose()
