"""Pushing one frame to many connections through API Gateway's `@connections`.

The broadcaster's inner loop: POST the same bytes to N connections. Every id ends in one of four places:
delivered, gone (410: its rows can be deleted), failed (still throttled, timed out or refused when the time
was up: close it, so that its client comes back and asks for a snapshot), or untried (the time was up before
its turn: nothing is known against it, so give it the frame again).

    HttpPushClient   push, close            one Job a call
    job.py           Job                    which ids are to be tried, or tried again, and what became of them
    pool.py          ConnectionPool         takes ids from the jobs, in turn, as connections come free
    connection.py    Connection             one keep-alive connection, one request at a time
    pace.py          Pace                   how many requests per second
    shared_pace.py   SharedPace             the same, of a rate that other clients share
    signing.py       Stamp, Template        the bytes of a request

What is done about an answer depends on whom it is about:

    2xx, 410, other 4xx   the id: it is settled
    429                   the id, where the others are served: it waits, and is given up soon after them;
                          the account, where many are refused: the id waits, and the connection with it
    5xx                   that connection: the id waits, and the connection goes on with the next
    none, or broken off   unknown: the id waits, and the connection is replaced, later each time it fails
    closed while idle     no error: the id is sent again at once, on a new connection

Nothing grows without bound. Ids stay in the caller's collection until a connection is free; those that wait
for another try are a thousand per job at the most, and then no others are begun.
docs/push.md has the reasons.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Protocol

import aioboto3

from realtime.push.endpoint import Address, credentials_of, parse_url, region_of, tls_context
from realtime.push.job import Job, PushResult
from realtime.push.pool import ConnectionPool
from realtime.push.shared_pace import Claim
from realtime.push.signing import ConnectionsSigner, Credentials, Payload, Stamp

__all__ = ["IN_FLIGHT", "HttpPushClient", "PushClient", "PushResult", "open_push_client"]

IN_FLIGHT = 100
"""Requests under way at once, by default."""
ATTEMPT_TIMEOUT_SECONDS = 5.0
"""How long a connection, or an answer, is waited for before it is tried again."""
CLOSE_SECONDS = 10.0
"""How long a closing may take, with its wait for a connection and for the pace."""

CREDENTIALS_SECONDS = 60.0
"""How old credentials may become while a push is under way, before the session is asked again."""

logger = logging.getLogger("podium.push")


class PushClient(Protocol):
    """Sends frames to connections, wherever they are held."""

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        """Send a frame to every connection, in `within` seconds. Raises nothing for a bad connection."""

    async def close(self, connection_id: str) -> bool:
        """Close a connection. False when that failed, so that it may be open still."""


class CreateConnection(Protocol):
    """The part of `loop.create_connection` that is used."""

    def __call__(
        self,
        protocol_factory: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        *,
        ssl: ssl.SSLContext | None,
    ) -> Awaitable[object]:
        """Open a connection. Raises OSError."""


class HttpPushClient:
    """A PushClient over HTTP/1.1, for one event loop. Call `aclose` in the end.

    credentials: gives what to sign with, fresh enough to be used. Asked for each push, and
        once a minute during a long one.
    tls: what the server is verified with; None for plain HTTP.
    rate, claim, in_flight: see open_push_client.
    attempt_timeout: seconds to wait for a connection, and for an answer up to a fifth longer.
    create_connection: the event loop's own by default.
    now_s: seconds since the epoch.
    """

    def __init__(
        self,
        address: Address,
        region: str,
        credentials: Callable[[], Awaitable[Credentials]],
        *,
        tls: ssl.SSLContext | None = None,
        rate: float | None = None,
        claim: Claim | None = None,
        in_flight: int = IN_FLIGHT,
        attempt_timeout: float = ATTEMPT_TIMEOUT_SECONDS,
        create_connection: CreateConnection | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        if in_flight < 1 or (rate is not None and rate <= 0):
            raise ValueError(
                f"in_flight must be at least 1, and rate positive or None, not {in_flight} and {rate}"
            )
        create: CreateConnection = create_connection or asyncio.get_running_loop().create_connection
        self._signer = ConnectionsSigner(address.endpoint, region)
        self._load_credentials = credentials
        self._credentials: Credentials
        self._loaded_at = 0.0
        self._loading: asyncio.Task[None] | None = None
        self._stamp: Stamp | None = None
        self._stamp_for: tuple[int, Credentials] | None = None
        self._now_s = now_s
        self._shares = rate is not None and claim is not None
        self._pool = ConnectionPool(
            lambda protocol_factory: create(protocol_factory, address.host, address.port, ssl=tls),
            self._stamp_at,
            in_flight=in_flight,
            attempt_timeout=attempt_timeout,
            rate=rate,
            claim=claim,
            now_s=now_s,
        )

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        """See PushClient. Raises what the credentials raise."""
        deadline = asyncio.get_running_loop().time() + within
        job = Job(
            Payload("POST", frame.encode()),
            connection_ids,
            deadline=deadline,
            first_tries=self._pool.first_tries,
            # An answer, one of as many as there are messages of clients: a claim would cost as much as it.
            unpaced=self._shares and len(connection_ids) == 1,
        )
        await self._work_off(job)
        return job.result

    async def close(self, connection_id: str) -> bool:
        """See PushClient. One attempt, in CLOSE_SECONDS. Raises what the credentials raise."""
        deadline = asyncio.get_running_loop().time() + CLOSE_SECONDS
        job = Job(Payload("DELETE"), [connection_id], deadline=deadline, retries=False)
        await self._work_off(job)
        return not (job.result.failed or job.result.untried)

    async def aclose(self) -> None:
        """End every connection, and what is under way as at its deadline."""
        if self._loading:
            self._loading.cancel()
        await self._pool.close()

    async def _work_off(self, job: Job) -> None:
        await self._load()
        await self._pool.work_off(job)

    async def _load(self) -> None:
        self._credentials = await self._load_credentials()
        self._loaded_at = self._now_s()

    async def _reload(self) -> None:
        try:
            await self._load()
        except Exception:
            # Those at hand may be good for a while yet; where they are not, the next push says so.
            logger.exception("no new credentials during a push")
            self._loaded_at = self._now_s()
        finally:
            self._loading = None

    def _stamp_at(self, now: float) -> Stamp:
        if now - self._loaded_at >= CREDENTIALS_SECONDS and self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._reload())
        wanted = int(now), self._credentials
        if self._stamp is None or wanted != self._stamp_for:
            self._stamp = self._signer.stamp(self._credentials, now)
            self._stamp_for = wanted
        return self._stamp


@asynccontextmanager
async def open_push_client(
    session: aioboto3.Session,
    connections_url: str,
    *,
    rate: float | None = None,
    claim: Claim | None = None,
    in_flight: int = IN_FLIGHT,
) -> AsyncIterator[PushClient]:
    """Yield a push client for `https://{api}.execute-api.{region}.amazonaws.com/{stage}`, or http:// locally.

    Region, credentials and CA bundle are those of the session.

    rate: requests per second at the most; None for as many as are answered.
    claim: claims requests of the rate, where other clients share it. Pushes to a single connection do not.
    in_flight: how many requests are under way at once at the most.

    Raises ConnectionsUrlError, NoRegionError or NoCredentialsError; ValueError where nothing could be pushed.
    """
    address = parse_url(connections_url)
    # None at all is found out now, and not when something is to be pushed.
    await credentials_of(session)
    client = HttpPushClient(
        address,
        region_of(session),
        lambda: credentials_of(session),
        tls=tls_context(session) if address.secure else None,
        rate=rate,
        claim=claim,
        in_flight=in_flight,
    )
    try:
        yield client
    finally:
        await client.aclose()
