"""One call of `push` at work: which ids are to be tried, which wait for another try, what became of them.

It also decides who is given up before the deadline, so that a client that does not read holds up no other.
A 429 means the account's rate, or that this client's buffer is full; a 5xx or silence means the endpoint, or
this connection. The other ids tell which. If a failure were common to all, an id would fail in a try as often
as ids fail in their first one, the `share`, and n times in a row with the probability `share ** n`. Below one
in a million, the failures are the id's own. It gets a grace after the others were served: half as long as
they took, and half a second. Then it is given up.

No client is given up because the account is throttled: with a large share that takes more tries than there is
time for. And a throttled account serves some ids at their second try or later; each of them begins the grace
again.
"""

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from realtime.push.signing import Payload, Stamp, Template

BACKOFF_BASE_SECONDS = 0.05
BACKOFF_CAP_SECONDS = 2.0

WAITING_LIMIT = 1000
"""Ids of a job that wait for another try; from this number on no new ones are begun."""

GRACE_SECONDS = 0.5
"""How long a failing id is tried after the others were served, beyond half the time that those took."""
LEAST_TRIES = 3
"""Failed tries of an id before it may be given up."""
SILENT_TRIES = 3
"""Failed tries that one without any answer counts for: it has taken a whole attempt's time."""
CHANCE = 1e-6
"""The probability below which an id's failures are its own."""

THROTTLED_SHARE = 0.2
"""From this share of failed first tries on, a 429 is about the account."""

EARLY_BASE_SECONDS = 0.2
"""The longest first pause while new ids are left: who waits holds up no other, and who is tried does."""

LATE_CAP_SECONDS = 0.25
"""The longest pause once no new ids are left: those that wait hold up the caller."""
LATE_CAP_PER_ID = 0.0025
"""The same per waiting id, where that is longer: together they make 800 requests per second."""
LATE_FEW = 10
"""So few waiting ids are tried that often even where the account may be throttled."""


@dataclass
class FirstTries:
    """The first tries of ids by a client: how many have ended, and how many of them failed."""

    ended: int = 0
    failed: int = 0


@dataclass
class PushResult:
    """The outcome of one frame, by connection id."""

    delivered: int = 0
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)


def backoff(failures: int, *, base: float = BACKOFF_BASE_SECONDS, cap: float = BACKOFF_CAP_SECONDS) -> float:
    """Return seconds to wait after `failures` in a row, 1 or more: exponential, capped, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    longest = base * 2.0 ** min(failures - 1, 16)
    return random.uniform(0, min(cap, longest))


class Job:
    """One payload for many ids, until each of them is settled or the deadline has come.

    An id is in exactly one place at a time: still in the caller's collection, out on a connection, waiting
    until it is due, ready to be tried again, or in the result.

    deadline: in seconds of the event loop's clock.
    retries: False to give up an id after one try.
    first_tries: of all jobs of the client; only what is added while this one is at work is evidence.
    unpaced: whether its requests go out whatever the client's pace is.
    """

    def __init__(
        self,
        payload: Payload,
        connection_ids: Collection[str],
        *,
        deadline: float,
        retries: bool = True,
        first_tries: FirstTries | None = None,
        unpaced: bool = False,
    ) -> None:
        self.deadline = deadline
        self.result = PushResult()
        self.open = True
        self.unpaced = unpaced
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._payload = payload
        self._ids = iter(connection_ids)
        self._new = self._unsettled = len(connection_ids)
        self._retries = retries
        self._first_tries = first_tries or FirstTries()
        self._ended_before, self._failed_before = self._first_tries.ended, self._first_tries.failed
        self._began_at = self._served_at = self._loop.time()
        self._ready: deque[tuple[str, int]] = deque()
        self._waiting: list[tuple[float, int, str, int, float]] = []
        self._turn_of_new = False
        self._order = itertools.count()
        self._stamp: Stamp | None = None
        self._template: Template
        self._settled(0)

    def request(self, stamp: Stamp, connection_id: str) -> bytes:
        """Return the signed request for an id. Raises ValueError for an id that no request can name."""
        if stamp is not self._stamp:
            self._stamp = stamp
            self._template = stamp.template(self._payload)
        return self._template.request(connection_id)

    @property
    def takeable(self) -> int:
        """The number of ids that could be tried now."""
        return len(self._ready) + (self._new if len(self._waiting) < WAITING_LIMIT else 0)

    @property
    def throttled(self) -> bool:
        """Whether a 429 is about the account rather than about one client."""
        return self._share >= THROTTLED_SHARE

    @property
    def due(self) -> float | None:
        """The time at which the next waiting id is to be tried again."""
        return self._waiting[0][0] if self._waiting else None

    @property
    def late(self) -> bool:
        """Whether all ids have been tried."""
        return not self._new

    def take(self) -> tuple[str, int] | None:
        """Return an id to try now, and how often it was tried before; None when there is none at present.

        Ids that were tried before and new ones take turns: neither holds up the other.
        """
        new = self._new and len(self._waiting) < WAITING_LIMIT
        if self._ready and not (new and self._turn_of_new):
            self._turn_of_new = True
            return self._ready.popleft()
        if not new:
            return None
        self._turn_of_new = False
        try:
            connection_id = next(self._ids)
        except StopIteration:
            # The caller has taken some out meanwhile.
            missing = self._new
            self._all_are_tried()
            self._settled(missing)
            return self._ready.popleft() if self._ready else None
        except Exception as error:  # noqa: BLE001 - it is the caller's collection: the caller gets the error
            self.close(error)
            return None
        self._new -= 1
        if not self._new:
            self._all_are_tried()
        return connection_id, 0

    def delivered(self, *, tries: int = 1) -> None:
        """Note that an id that is out has the payload, at its `tries`-th try."""
        self.result.delivered += 1
        if tries > 1 or not self._new:
            self._served_at = self._loop.time()
        self._settled()

    def gone(self, connection_id: str) -> None:
        """Settle the id: its connection is no more."""
        self.result.gone.append(connection_id)
        self._settled()

    def failed(self, connection_id: str) -> None:
        """Settle the id: it is given up."""
        self.result.failed.append(connection_id)
        self._settled()

    def again(
        self, connection_id: str, *, tries: int, now: float, not_before: float = 0.0, counts_for: int = 1
    ) -> None:
        """Let an id that got no good answer in `tries` tries wait for the next one, or give it up.

        counts_for: how many failed tries the last one stands for.
        """
        due = max(not_before, now + self._pause(tries))
        if self._retries and due < self.deadline and not self._is_past_hope(tries + counts_for - 1, now):
            if len(self._waiting) == WAITING_LIMIT - 1 and self._served_at == self._began_at:
                self._served_at = now
            heapq.heappush(self._waiting, (due, next(self._order), connection_id, tries, not_before))
        else:
            self.failed(connection_id)

    def make_due(self, now: float) -> None:
        """Make those ready whose time has come."""
        while self._waiting and self._waiting[0][0] <= now:
            _, _, connection_id, tries, _ = heapq.heappop(self._waiting)
            self._ready.append((connection_id, tries))

    def end(self, out: Collection[str]) -> None:
        """End at the deadline, while these ids are out: settle every id, and close."""
        if not self.open:
            return
        self.result.failed += out
        self.result.failed += [connection_id for connection_id, _ in self._ready]
        self.result.failed += [waiting[2] for waiting in self._waiting]
        try:
            self.result.untried += self._ids
        except Exception as error:  # noqa: BLE001 - as in `take`
            self.close(error)
        self.close()

    def close(self, error: Exception | None = None) -> None:
        """Close: from here on nothing is taken, and nothing that comes back counts."""
        self.open = False
        self._new = 0
        self._ready.clear()
        self._waiting.clear()
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)

    @property
    def _share(self) -> float:
        """The part of first tries that failed since the job began; 1 where nothing is known."""
        ended = self._first_tries.ended - self._ended_before
        return max(1, self._first_tries.failed - self._failed_before) / ended if ended else 1.0

    def _all_are_tried(self) -> None:
        """Shorten the pauses of waiting ids: from here on they hold up the caller."""
        self._new = 0
        now = self._served_at = self._loop.time()
        self._waiting = [
            (min(due, max(not_before, now + self._pause(tries))), order, connection_id, tries, not_before)
            for due, order, connection_id, tries, not_before in self._waiting
        ]
        heapq.heapify(self._waiting)

    def _pause(self, tries: int) -> float:
        if self._new:
            return backoff(tries, base=EARLY_BASE_SECONDS)
        waiting = len(self._waiting)
        if self._share == 1 or (waiting > LATE_FEW and self.throttled):
            return backoff(tries)
        cap = max(LATE_CAP_SECONDS, LATE_CAP_PER_ID * waiting)
        return backoff(tries, cap=min(BACKOFF_CAP_SECONDS, cap))

    def _is_past_hope(self, tries: int, now: float) -> bool:
        """Return whether an id that failed so often is given up before the deadline."""
        if self._new and len(self._waiting) < WAITING_LIMIT:
            # It holds up no other id.
            return False
        took = self._served_at - self._began_at
        if tries < LEAST_TRIES or now < self._served_at + took / 2 + GRACE_SECONDS:
            return False
        return bool(self._share**tries < CHANCE)

    def _settled(self, ids: int = 1) -> None:
        self._unsettled -= ids
        if not self._unsettled:
            self.close()
