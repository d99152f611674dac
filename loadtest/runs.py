"""The runs of a player: begun in time, spent with a score, and never with one that the rules refuse.

A player who plays by the rules begins a run when they begin to play. In the simulation that is after the
score before: so a run has lasted for as long as the player was idle when the next score is due. Where an area
wants a run that none has lasted long enough for, the score is due when one has.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from loadtest.arenas import Arena
from loadtest.rest import Rest, RestError

_PAUSE_SECONDS = 5.0
"""How long a player stays away from an area that gave no run: there may be no attempt left."""
_LATE_SECONDS = 0.05
"""Lengths are by the server's clock, of which milliseconds are cut off."""


@dataclass(frozen=True)
class Begun:
    """A run. `at` is when its ticket arrived, in seconds since the start of play: it began before."""

    ticket: str
    at: float
    expires: float


class Runs:
    """The runs that a player has begun and not spent, one per area. `now` as in `Begun`."""

    def __init__(
        self, rest: Rest, now: Callable[[], float], rng: random.Random, counts: Counter[str]
    ) -> None:
        self._rest = rest
        self._now = now
        self._rng = rng
        self._counts = counts
        self._begun: dict[str, Begun] = {}
        self._closed: dict[str, float] = {}

    def ready_at(self, arena: Arena) -> float | None:
        """Return from when on a score may be submitted in an area; None where it needs a run first."""
        if arena.area.rules.run != "required":
            return 0.0
        run = self._held(arena)
        return None if run is None else _ripe_at(arena, run)

    def is_open(self, arena: Arena) -> bool:
        """Return whether runs may be begun there as far as is known."""
        return self._closed.get(arena.id, 0.0) <= self._now()

    def spend(self, arena: Arena, points: int) -> tuple[str | None, int]:
        """Return the ticket for a score of now, if there is one, and the points that the pace allows."""
        run, pace = self._held(arena), arena.area.rules.pace
        # A timer may be early by as much as its clock is coarse.
        if run is None or self._now() < _ripe_at(arena, run) - _LATE_SECONDS / 2:
            return None, points
        del self._begun[arena.id]
        if pace is not None:
            # Both clocks run alike, and the server's has run for longer.
            points = max(arena.area.min, min(points, int(pace * (self._now() - run.at))))
        return run.ticket, points

    async def begin(self, arena: Arena, token: str) -> None:
        """Begin a run, unless one is held, or the area takes none. Raises RestError."""
        wanted = arena.area.rules.run
        if wanted == "off" or self._held(arena) is not None or not self.is_open(arena):
            return
        if wanted == "optional" and self._rng.random() < 0.5:
            return
        try:
            run = await self._rest.begin_run(token, arena.id)
        except RestError as error:
            self._closed[arena.id] = self._now() + _PAUSE_SECONDS
            if error.code != "no_attempts":
                raise
            self._counts["runs refused: no attempt left"] += 1
            return
        self._counts["runs begun"] += 1
        now = self._now()
        self._begun[arena.id] = Begun(run.run, now, now + (run.expires_at - run.started_at) / 1000)

    def _held(self, arena: Arena) -> Begun | None:
        run = self._begun.get(arena.id)
        # A margin for the way to the server.
        return run if run is not None and self._now() < run.expires - 1 else None


def _ripe_at(arena: Arena, run: Begun) -> float:
    """Return from when on a run may be spent."""
    return run.at + (arena.area.rules.min_time or 0) / 1000 + _LATE_SECONDS
