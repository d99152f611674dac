"""From what screens showed to how long scores took to get there: score to screen.

A worker reports the states that its screens showed, and the steps between them with the times at which
screens took them. A SCORE ON A BOARD is awaited by every client that was watching the board when the score
was scheduled. A client's wait is over with the first step to a state that SETTLES the score:

- the player's entry is this score or a better one of theirs: where several scores come at once, the board
  shows the last of them, and there is no other to wait for
- the player is not on the board, it is full, and its last entry is better: the score is below the top K

On a board with seasons these hold for a state of the season that the score counted for, which its answer
says. A state of a later one settles it too, but is no sighting: the season was over before a screen showed
it, or the score counted for a season that was over, because its run began in it.

What a state already settles when the score is scheduled is not awaited. So a score that never gets onto
the board (it does not improve, or is below the K-th entry) has no latency, and is counted instead.

A client that loses its connection goes on waiting: a backend that hangs up is not rewarded with the silence
that follows. Only a client that left by itself does not wait.

Whether a score was accepted is known when its request is answered, which may be after screens have shown it;
so what was seen of it is kept until then.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from game.board import Position
from game.scoring import Order, better
from loadtest.messages import Attempted, ShownState, ShownStep
from loadtest.screens import TICKS, not_the_same

Fate = Literal["shown", "outdone", "below", "over"]
"""The outcome of an accepted score: on a screen; only a better one of its player; not among the top K; its
season was over before a screen showed it."""

Record = Callable[[float, float, int], None]
"""Takes when a score was scheduled, the seconds that screens waited for it, and how many did."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A state: what it settles."""

    position: Position
    season: int | None
    scores: dict[str, int]
    last: int | None
    """The K-th entry's score; None where the board is not full."""

    @classmethod
    def of(cls, state: ShownState, order: Order) -> "_Seen":
        last = None
        if len(state.scores) >= state.size:
            last = (min if order == "desc" else max)(state.scores.values())
        return cls(Position(state.epoch, state.version), state.season, state.scores, last)


@dataclass(slots=True)
class _Awaited:
    user_id: str
    points: int
    scheduled: float
    accepted: bool | None = None
    season: int | None = None
    seen: list[tuple[_Seen, tuple[tuple[int, int, int], ...]]] = field(default_factory=list)
    """What screens showed that settles it, and when, until its answer says whether it counts, and where."""
    shown: bool = False
    outdone: bool = False


class BoardSightings:
    """The scores on one board and what screens showed of them. States are known by worker and number."""

    def __init__(self, board: str, order: Order, record: Record) -> None:
        self.fates: Counter[Fate] = Counter()
        self.versions = 0
        """Versions that were published while a client was subscribed."""
        self.changes = 0
        """Scores that changed the board, as far as screens can tell."""
        self.broken: Counter[str] = Counter()
        self._board = board
        self._order = order
        self._record = record
        self._states: dict[tuple[int, int], _Seen] = {}
        self._digests: dict[Position, str] = {}
        self._newest: Position | None = None
        self._awaited: dict[int, _Awaited] = {}

    @property
    def awaited(self) -> int:
        """Accepted scores that some screen still has to settle."""
        return sum(score.accepted is True for score in self._awaited.values())

    def attempted(self, attempt: Attempted) -> None:
        """Note a submitted score that will be on this board if it is accepted."""
        points = attempt.points[self._board]
        self._awaited[attempt.number] = _Awaited(attempt.user_id, points, attempt.scheduled)

    def answered(self, number: int, accepted: bool, season: int | None = None) -> None:
        """Note that the score was accepted, or not; nothing happens where it is not awaited.

        season: the one that it counted for, on a board that has any.
        """
        score = self._awaited.get(number)
        if score is None:
            return
        if not accepted:
            del self._awaited[number]
            return
        score.accepted, score.season = True, season
        for seen, sightings in score.seen:
            self._saw(score, seen, sightings)
        score.seen.clear()

    def state(self, worker: int, state: ShownState) -> None:
        """Note a state of this board that a worker's screens had not shown before."""
        seen = self._states[worker, state.number] = _Seen.of(state, self._order)
        if self._newest is None:
            # What was there before the play began.
            self._newest = seen.position
        elif seen.position > self._newest:
            self._newest = seen.position
            self.versions += 1
        if self._digests.setdefault(seen.position, state.digest) != state.digest:
            self.broken[f"{self._board}: {not_the_same(seen.position)}"] += 1

    def step(self, worker: int, step: ShownStep) -> None:
        """Note that screens of a worker went from one state to another."""
        before, after = self._states.get((worker, step.before)), self._states.get((worker, step.after))
        if before is None or after is None:
            return
        for score in self._awaited.values():
            if self._settles(after, score) and not self._settles(before, score):
                if score.accepted:
                    self._saw(score, after, step.seen)
                else:
                    score.seen.append((after, tuple(step.seen)))

    def forget(self, worker: int, numbers: Iterable[int]) -> None:
        """Forget states that a worker will not mention again."""
        for number in numbers:
            self._states.pop((worker, number), None)

    def close(self, oldest: Position | None) -> None:
        """End what this settles: no screen shows anything older (None: no client watches)."""
        states = [seen for seen in self._states.values() if seen.position == oldest]
        for number, score in list(self._awaited.items()):
            if score.accepted and (not states or self._settles(states[0], score)):
                del self._awaited[number]
                self.fates[_fate(score, states[0] if states else None)] += 1
        if oldest is not None:
            for position in [position for position in self._digests if position < oldest]:
                del self._digests[position]

    def _settles(self, seen: _Seen, score: _Awaited) -> bool:
        if score.season is not None and seen.season is not None and seen.season != score.season:
            return seen.season > score.season
        held = seen.scores.get(score.user_id)
        if held is not None:
            return held == score.points or better(self._order, held, score.points)
        return seen.last is not None and not better(self._order, score.points, seen.last)

    def _saw(self, score: _Awaited, seen: _Seen, sightings: Iterable[tuple[int, int, int]]) -> None:
        if seen.season != score.season:
            # Another score's, of another season.
            return
        held = seen.scores.get(score.user_id)
        if held is not None and not (score.shown or score.outdone):
            self.changes += 1
        score.shown |= held == score.points
        score.outdone |= held is not None and held != score.points
        for since, tick, count in sightings:
            wait = tick / TICKS - score.scheduled
            if since <= score.scheduled and wait >= 0:
                self._record(score.scheduled, wait, count)


def _fate(score: _Awaited, oldest: _Seen | None) -> Fate:
    if score.shown:
        return "shown"
    if score.outdone:
        return "outdone"
    return "below" if oldest is None or oldest.season == score.season else "over"
