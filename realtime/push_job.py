"""One call of `push` at work: which ids are to be tried, which wait for another try, what became of them."""

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from realtime.signing import Payload, Stamp, Template

BACKOFF_BASE_SECONDS = 0.05
BACKOFF_CAP_SECONDS = 2.0

WAITING_LIMIT = 1000
"""While so many ids of a job wait for another try, no new ones are begun. What is out may come on top."""


@dataclass
class PushResult:
    """What became of one frame, by connection id."""

    delivered: int = 0
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row, 1 or more: exponential, capped, with full jitter.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    longest = BACKOFF_BASE_SECONDS * 2.0 ** min(failures - 1, 16)
    return random.uniform(0, min(BACKOFF_CAP_SECONDS, longest))


class Job:
    """One payload for many ids, until each of them is settled or the deadline has come.

    An id is in exactly one place at a time: still in the caller's collection, out on a lane, waiting until
    it is due, ready to be tried again, or in the result.

    deadline: in seconds of the event loop's clock.
    retries: False to give up an id after one try.
    """

    def __init__(
        self, payload: Payload, connection_ids: Collection[str], *, deadline: float, retries: bool = True
    ) -> None:
        self.deadline = deadline
        self.result = PushResult()
        self.open = True
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._payload = payload
        self._ids = iter(connection_ids)
        self._new = self._unsettled = len(connection_ids)
        self._retries = retries
        self._ready: deque[tuple[str, int]] = deque()
        self._waiting: list[tuple[float, int, str, int]] = []
        self._order = itertools.count()
        self._stamp: Stamp | None = None
        self._template: Template
        self._settled(0)

    def request(self, stamp: Stamp, connection_id: str) -> bytes:
        """The signed request for an id. Raises ValueError for an id that no request can name."""
        if stamp is not self._stamp:
            self._stamp = stamp
            self._template = stamp.template(self._payload)
        return self._template.request(connection_id)

    @property
    def takeable(self) -> int:
        """How many ids could be tried now."""
        return len(self._ready) + (self._new if len(self._waiting) < WAITING_LIMIT else 0)

    @property
    def due(self) -> float | None:
        """When the next waiting id is to be tried again."""
        return self._waiting[0][0] if self._waiting else None

    def take(self) -> tuple[str, int] | None:
        """An id to try now, and how often it has been tried before. None when there is none at present."""
        if self._ready:
            return self._ready.popleft()
        if not self._new or len(self._waiting) >= WAITING_LIMIT:
            return None
        try:
            connection_id = next(self._ids)
        except StopIteration:
            # The caller has taken some out meanwhile.
            self._settled(self._new)
            self._new = 0
            return None
        except Exception as error:  # noqa: BLE001 - it is the caller's collection: the caller gets the error
            self.close(error)
            return None
        self._new -= 1
        return connection_id, 0

    def delivered(self) -> None:
        """An id that is out has the payload."""
        self.result.delivered += 1
        self._settled()

    def gone(self, connection_id: str) -> None:
        """The id's connection is no more."""
        self.result.gone.append(connection_id)
        self._settled()

    def failed(self, connection_id: str) -> None:
        """The id is given up."""
        self.result.failed.append(connection_id)
        self._settled()

    def again(self, connection_id: str, *, tries: int, now: float, not_before: float = 0.0) -> None:
        """The id got no good answer in `tries` tries: it waits for the next one, or is given up."""
        due = max(not_before, now + backoff(tries))
        if self._retries and due < self.deadline:
            heapq.heappush(self._waiting, (due, next(self._order), connection_id, tries))
        else:
            self.failed(connection_id)

    def make_due(self, now: float) -> None:
        """Make those ready whose time has come."""
        while self._waiting and self._waiting[0][0] <= now:
            _, _, connection_id, tries = heapq.heappop(self._waiting)
            self._ready.append((connection_id, tries))

    def end(self, out: Collection[str]) -> None:
        """The time is up, while these ids are out: settle every id, and close."""
        if not self.open:
            return
        self.result.failed += out
        self.result.failed += [connection_id for connection_id, _ in self._ready]
        self.result.failed += [connection_id for _, _, connection_id, _ in self._waiting]
        try:
            self.result.untried += self._ids
        except Exception as error:  # noqa: BLE001 - as in `take`
            self.close(error)
        self.close()

    def close(self, error: Exception | None = None) -> None:
        """From here on nothing is taken, and nothing that comes back counts."""
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

    def _settled(self, ids: int = 1) -> None:
        self._unsettled -= ids
        if not self._unsettled:
            self.close()
