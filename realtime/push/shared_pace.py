"""A pace that a client shares with others: it asks for a few requests at a time, and sends when it may.

    claim   40 requests, please: from 0.12 seconds on. The budget sells one slot of time after the other
    lot     those 40, to be sent from then on, and soon: what is not sent is lost

A claim is made when half of the last one is used, so that the next slot comes before the end of the last.
A client that gets its slots at once asks for more at a time. One that waits long, because many ask, or that
does not use what it got, asks for less. So a client alone claims twenty times a second, and hundreds of
clients wait for each other for a short time only.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Claim = Callable[[int], Awaitable[float]]
"""Claims a number of requests and returns in how many seconds they may be sent."""

LARGEST_CLAIM_SECONDS = 1 / 20
SMALLEST_CLAIM_SECONDS = 1 / 200
"""Bounds of a claim, in seconds of the whole rate; one request at the least. The largest is the burst."""

USE_SECONDS = 0.25
"""How long after its slot began a request may be sent."""

SHORT_WAIT_SECONDS, LONG_WAIT_SECONDS = 0.025, 0.1
"""Slots that begin sooner, or later, make the next claim larger, or smaller."""

CLAIM_SECONDS = 1.0
"""How long a claim may take."""

SAFE_SHARE = 0.05
"""The part of the rate that a client keeps to while nothing can be claimed."""
SAFE_PAUSE_SECONDS = 0.25
"""How long it waits then before it claims again."""

logger = logging.getLogger("podium.push")


@dataclass
class _Lot:
    starts_at: float
    requests: int


class SharedPace:
    """A pace with the methods of `Pace`, by claims. Times are in seconds of the event loop's clock.

    rate: requests per second of all who share it.
    work: how many requests there are to be sent.
    granted: is told when requests may be sent.
    """

    def __init__(
        self, rate: float, claim: Claim, *, work: Callable[[], int], granted: Callable[[float], None]
    ) -> None:
        self._rate = rate
        self._claim = claim
        self._work = work
        self._granted = granted
        self._loop = asyncio.get_running_loop()
        self._most = max(1, int(rate * LARGEST_CLAIM_SECONDS))
        self._least = max(1, int(rate * SMALLEST_CLAIM_SECONDS))
        self._size = self._least
        self._lots: deque[_Lot] = deque()
        self._have = 0
        self._owed = 0
        self._claiming: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._failed_at: float | None = None

    def fill(self, now: float) -> None:
        """Forget what was not sent in time."""
        while self._lots and self._lots[0].starts_at + USE_SECONDS < now:
            self._have -= self._lots.popleft().requests
            self._size = max(self._least, self._size // 2)

    @property
    def ready(self) -> int:
        """Return how many requests may go out at once."""
        now = self._loop.time()
        self.fill(now)
        return sum(lot.requests for lot in self._lots if lot.starts_at <= now)

    def spend(self) -> None:
        """Count a request that goes out, whether `ready` or not."""
        if not self._lots:
            self._owed += 1
            return
        lot = self._lots[0]
        lot.requests -= 1
        self._have -= 1
        if not lot.requests:
            self._lots.popleft()
        self.want()

    @property
    def full_at(self) -> float | None:
        """Return when requests may go out, or may be claimed again; None where `granted` tells."""
        if self._lots:
            return self._lots[0].starts_at
        return self._not_before if not self._claiming and self._loop.time() < self._not_before else None

    def want(self) -> None:
        """Claim more, where there is more to be sent, and little is claimed already."""
        if self._have > self._size // 2:
            return
        wanted = min(self._work() - self._have, self._size)
        if wanted > 0 and self._claiming is None and self._loop.time() >= self._not_before:
            self._claiming = self._loop.create_task(self._ask(wanted))

    async def close(self) -> None:
        """Give up a claim that is under way."""
        if self._claiming is not None:
            self._claiming.cancel()
            await asyncio.gather(self._claiming, return_exceptions=True)

    async def _ask(self, wanted: int) -> None:
        try:
            async with asyncio.timeout(CLAIM_SECONDS):
                wait = await self._claim(wanted)
        except Exception as error:  # noqa: BLE001 - whatever it is, frames have to go out
            wanted, wait = self._safe(error), 0.0
        else:
            self._failed_at = None
            if wait <= SHORT_WAIT_SECONDS and wanted == self._size:
                self._size = min(self._most, self._size * 2)
            elif wait >= LONG_WAIT_SECONDS:
                self._size = max(self._least, self._size // 2)
        finally:
            self._claiming = None
        paid = min(self._owed, wanted)
        self._owed -= paid
        starts_at = self._loop.time() + wait
        if wanted > paid:
            self._lots.append(_Lot(starts_at, wanted - paid))
            self._have += wanted - paid
        self._granted(starts_at)

    def _safe(self, error: Exception) -> int:
        """Return how many requests may be sent though they could not be claimed."""
        now = self._loop.time()
        if self._failed_at is None:
            logger.warning("the push budget cannot be reached: %r", error)
        safe = self._rate * SAFE_SHARE
        pause = max(SAFE_PAUSE_SECONDS, 1 / safe)
        since = pause if self._failed_at is None else min(now - self._failed_at, pause + CLAIM_SECONDS)
        self._failed_at = now
        self._not_before = now + pause
        return max(1, int(safe * since))
