"""A world whose boards have seasons, and what must be true of it: worked out from what players did alone."""

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from game.catalogue import Catalogue
from store import boards, idempotency
from store.errors import StoreError
from store.profiles import Profile
from store.submission import SeasonOverError, Submission, submit
from streams.report import Report
from tests.simulation.clock import EPOCH, now
from tests.simulation.faults import InvocationError
from tests.simulation.world import SETTLE_SECONDS, World

HOUR_MS, SHORT_MS = 60 * 60 * 1000, 40 * 60 * 1000
FIRST_END = EPOCH + 10_000
"""The end of the first season of both kinds."""
KEEP = 3
FAR_MS = 5 * 60 * 1000
"""So long before the end of a season nothing has to do with it."""
FIRST_BIT = 12
"""The points of the n-th score in coins are 2 to the power of n and this: their sum tells which are in it."""


class Kind(NamedTuple):
    """Seasons, as arithmetic has them. Times are in milliseconds."""

    length: int
    grace: int

    @property
    def start(self) -> int:
        """When season 1 begins."""
        return FIRST_END - self.length

    def number(self, at: int) -> int:
        """Return the season that is open at a time."""
        return (at - self.start) // self.length + 1

    def begins(self, number: int) -> int:
        """Return when a season begins."""
        return self.start + (number - 1) * self.length

    def counts_for(self, started_at: int | None, at: int) -> int | None:
        """Return the season of a score; None where it is too late for it."""
        begun, received = self.number(at if started_at is None else started_at), self.number(at)
        in_time = begun >= received or at < self.begins(begun + 1) + self.grace
        return min(begun, received) if in_time else None


KINDS = {"hour": Kind(HOUR_MS, 20_000), "short": Kind(SHORT_MS, 5_000)}


def _definition(kind: Kind) -> dict[str, Any]:
    return {
        "start": datetime.fromtimestamp(kind.start / 1000, UTC),
        "every": f"{kind.length // 1000}s",
        "grace": f"{kind.grace // 1000}s",
        "review": "60s",
        "keep": KEEP,
    }


_AREA = {"order": "desc", "min": 0}
CATALOGUE = Catalogue.model_validate(
    {
        "seasons": {name: _definition(kind) for name, kind in KINDS.items()},
        "areas": {
            "forest": {**_AREA, "title": "F", "max": 2**FIRST_BIT - 1, "top": 3},
            # No board of its own, and every score counts.
            "coins": {**_AREA, "title": "C", "max": 2**45, "keep": "sum"},
        },
        "boards": {
            "both": {"title": "Both", "areas": ["forest", "coins"], "top": 2},
            "forest-hour": {"title": "FH", "areas": ["forest"], "top": 2, "season": "hour"},
            "both-hour": {"title": "BH", "areas": ["forest", "coins"], "top": 3, "season": "hour"},
            "coins-short": {"title": "CS", "areas": ["coins"], "top": 2, "season": "short"},
        },
    }
)
SEASONAL = {"forest-hour": "hour", "both-hour": "hour", "coins-short": "short"}
ONE_AREA = {"forest-hour": "forest", "coins-short": "coins"}


class Attempt(NamedTuple):
    """A request with a score, as a function received it; its clock may differ from the true time."""

    at: int
    started_at: int | None

    def seasons(self) -> dict[str, int | None]:
        """Return the season that it counts for, by their kind; None where it is too late."""
        return {name: kind.counts_for(self.started_at, self.at) for name, kind in KINDS.items()}


@dataclass
class Submitted:
    """A score that a player wants to have counted once, and what came of it."""

    player: str
    area: str
    points: int
    attempts: list[Attempt] = field(default_factory=list)
    answers: list[Submission] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """The kinds of seasons that the area's boards have."""
        return sorted({SEASONAL[one.id] for one in CATALOGUE.boards_of(self.area) if one.id in SEASONAL})

    def possible(self) -> list[dict[str, int]]:
        """Return the seasons that it may be counted in, by each attempt: in all of them, or not at all."""
        found = []
        for attempt in self.attempts:
            seasons = {kind: attempt.seasons()[kind] for kind in self.kinds}
            counted = {kind: number for kind, number in seasons.items() if number is not None}
            if len(counted) == len(seasons):
                found.append(counted)
        return found


class SeasonsWorld(World):
    """A world of `CATALOGUE`, in which players send each score until they have an answer, sometimes twice."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.submitted: list[Submitted] = []
        self.withdrawn = False
        """Whether any board was taken back once, by an operator."""
        self._numbers = itertools.count()

    async def play(self, player: str, area: str, value: int, run_seconds: float | None, tries: int) -> None:
        """A player's device sends a score, up to `tries` times, until it has an answer.

        run_seconds: how long its run has lasted, by the server's clock; None: it has none.
        """
        number = next(self._numbers)
        points = value * 100 + number if area == "forest" else 2 ** (FIRST_BIT + number)
        one = Submitted(player, area, points)
        self.submitted.append(one)
        begun = None if run_seconds is None else self._any(self._clocks)() - int(run_seconds * 1000)
        key = idempotency.request_key(player, str(number), area, str(points))
        for _ in range(tries):
            if self._faults.random.random() < 0.2:
                self.background.start(self._send_score(one, begun, key))
            if await self._send_score(one, begun, key):
                break
            await asyncio.sleep(self._faults.random.choice((0, 0.5, 5, 21)))
        self.deliver(split=self._faults.random.random() < 0.3, shuffle=self._faults.random.random() < 0.3)

    async def _send_score(self, one: Submitted, begun: int | None, key: idempotency.RequestKey) -> bool:
        """Return whether there was an answer."""
        attempt = Attempt(self._any(self._clocks)(), begun)
        one.attempts.append(attempt)
        profile = Profile(user_id=one.player, name=one.player)
        try:
            with self._faults.invocation(StoreError):
                answer = await self._submit(one, attempt, profile, key)
        except InvocationError:
            return False
        if isinstance(answer, SeasonOverError):
            kind = SEASONAL[answer.board]
            assert attempt.seasons()[kind] is None
            assert answer.current == KINDS[kind].number(attempt.at)
        else:
            one.answers.append(answer)
        return True

    async def _submit(
        self, one: Submitted, attempt: Attempt, profile: Profile, key: idempotency.RequestKey
    ) -> Submission | SeasonOverError:
        at, started_at = attempt
        try:
            return await submit(
                self._db,
                self._catalogue,
                profile,
                one.area,
                one.points,
                at,
                started_at=started_at,
                key=key,
            )
        except SeasonOverError as error:
            return error

    async def turn_seasons(self) -> None:
        """The scheduler says that a season has begun; the sweep does what fails."""
        with suppress(InvocationError), self._faults.invocation(StoreError):
            await self._any(self._broadcasters).turn(Report())

    async def withdraw(self, board: str) -> None:
        """An operator takes a published board back."""
        self.withdrawn = True
        await boards.withdraw(self.direct, board)

    async def wait_for_boundary(self, offset: float) -> None:
        """Let time pass until a season has ended for `offset` seconds; less than 0: until before its end."""
        from_now = now() - int(offset * 1000)
        await asyncio.sleep((next_end(from_now) - from_now) / 1000)

    async def settle(self) -> None:
        """Wait until nothing happens any more, far from any boundary."""
        for client in self.clients:
            client.wake()
        await super().settle()
        while next_end(now()) - now() < FAR_MS:
            await self.wait_for_boundary(10)
        await self.come_to_rest()

    async def come_to_rest(self) -> None:
        """Let the sweep come, and every client ask that still has to."""
        for client in self.clients:
            client.ping()
        await self.background.settle(SETTLE_SECONDS)
        await self.sweep()
        # Until the last client has asked when the new season ends.
        await asyncio.sleep(150)
        await self.background.settle(SETTLE_SECONDS)
        self.background.check()


def next_end(at: int) -> int:
    """Return when the next season ends of any kind, in milliseconds since the epoch."""
    return min(kind.begins(kind.number(at) + 1) for kind in KINDS.values())
