"""How far behind clients are, when more frames want to go out than API Gateway takes: a simulation.

One board, everybody subscribed to it, and a number of requests per second that is left for its pushes.

    changes, at random -> a version once a window at the most -> a fan-out to every subscriber, which takes
    subscribers / requests per second; the pushers share that pace, and have one fan-out of a board at a time;
    each of them hands over to the next before its function ends

What becomes of versions that are published during a fan-out is the question. Pushed one by one, in their
order, they queue up: each takes its full time, and where they come faster than that, the queue grows for as
long as the scores last. Conflated, as Podium does it (streams/fanout.py), the next fan-out takes all of them
in one frame: no client waits for more than the rest of one fan-out and all of the next.

A client is *stale* at a time by the age of the oldest published version that it has not got, and current (0)
when it has got them all. A change's *wait* is the time from the version that holds it to the client's screen.
Clients stand evenly in the pushers' order, so the figures are exact but for the random changes.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cost.board_rates import POLL_SECONDS

Policy = Literal["one by one", "conflated"]
POLICIES: tuple[Policy, ...] = ("one by one", "conflated")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PUSHER_SECONDS = 660.0
"""How long a pusher works before it hands over: its function's life (infra/realtime.py), less the time that
it keeps for that (streams/fanout.py)."""

HAND_OVER_SECONDS = 1.0
"""From a pusher's last page to the next one's first: an asynchronous invocation, perhaps a cold start."""

_BISECTIONS = 50


@dataclass(frozen=True)
class Event:
    """A board in a busy hour. `seconds` is how long the scores last; `room` is requests per second."""

    subscribers: int
    room: float
    changes_per_second: float
    window: float
    seconds: float

    @property
    def fanout_seconds(self) -> float:
        """Return how long a frame to everybody takes, with the pauses in which all pushers hand over."""
        pushing = self.subscribers / self.room
        return pushing + HAND_OVER_SECONDS * (pushing // PUSHER_SECONDS)

    @property
    def gathering_seconds(self) -> float:
        """From a change to its version: the window, and no less than Lambda's pause between two looks."""
        return max(self.window, POLL_SECONDS)


@dataclass(frozen=True)
class Run:
    """The course of an event: when versions were published, when each fan-out began, and its newest version.

    The client at place p, from 0 (first) to 1 (last), gets a frame p * `fanout_seconds` after the start.
    """

    event: Event
    published: Floats
    started: Floats
    newest: Integers


@dataclass(frozen=True)
class Spread:
    """A distribution, in seconds."""

    mean: float
    p50: float
    p99: float
    greatest: float


def simulate(event: Event, policy: Policy, rng: np.random.Generator) -> Run:
    """Let the scores come for `event.seconds`, and push until every version has been pushed."""
    published = _publications(event, rng)
    duration = event.fanout_seconds
    started, newest = [], []
    free, told = 0.0, 0
    while told < len(published):
        start = max(free, float(published[told]))
        if policy == "conflated":
            told = int(np.searchsorted(published, start, side="right"))
        else:
            told += 1
        started.append(start)
        newest.append(told - 1)
        free = start + duration
    return Run(event, published, np.array(started), np.array(newest, dtype=np.int64))


def waits(run: Run) -> Spread:
    """Return the times from a version's publication to each client's screen, over versions and clients."""
    fanouts = np.searchsorted(run.newest, np.arange(len(run.published)))
    earliest = run.started[fanouts] - run.published
    return _spread(earliest, earliest + run.event.fanout_seconds, np.ones(len(earliest)), current=0.0)


def staleness(run: Run, clients: int = 100) -> Spread:
    """Return how stale clients are, over clients and over the time in which scores come."""
    lows, highs, current = [], [], 0.0
    for place in _places(clients):
        low, high, fresh = _stale_stretches(run, place)
        lows.append(low)
        highs.append(high)
        current += fresh
    low, high = np.concatenate(lows), np.concatenate(highs)
    return _spread(low, high, high - low, current=current)


def staleness_at(run: Run, times: Floats, clients: int = 100) -> Floats:
    """Return how stale each client (a row) is at each time (a column), in seconds."""
    since = _missing_since(run)
    frames = [np.searchsorted(_received(run, place), times, side="right") for place in _places(clients)]
    return np.maximum(0.0, times - since[np.array(frames)])


def versions_a_push(run: Run) -> float:
    """Return how many versions one push to a client stands for."""
    return len(run.published) / len(run.started) if len(run.started) else 1.0


def _publications(event: Event, rng: np.random.Generator) -> Floats:
    """Return the publications: a change opens a window, which later changes join until it is over."""
    gathering = event.gathering_seconds
    published: list[float] = []
    now = 0.0
    while True:
        now += rng.exponential(1 / event.changes_per_second) + gathering
        if now > event.seconds:
            return np.array(published)
        published.append(now)


def _places(clients: int) -> Floats:
    return (np.arange(clients) + 0.5) / clients


def _received(run: Run, place: float) -> Floats:
    return run.started + place * run.event.fanout_seconds


def _missing_since(run: Run) -> Floats:
    """Return when the oldest version missing after this many frames was published; infinite when none is."""
    since: Floats = np.append(run.published, np.inf)[np.append(0, run.newest + 1)]
    return since


def _stale_stretches(run: Run, place: float) -> tuple[Floats, Floats, float]:
    """Return a client's stale stretches, how stale when they begin and end, and the rest of its time.

    Between two frames the oldest version that is missing stays the same one, so staleness grows by a second a
    second, from the moment that version is published.
    """
    frames = np.concatenate([[0.0], _received(run, place), [np.inf]])
    since = _missing_since(run)
    begin = np.minimum(frames[:-1], run.event.seconds)
    end = np.minimum(frames[1:], run.event.seconds)
    stale_from = np.clip(since, begin, end)
    stale = end > stale_from
    return (
        (stale_from - since)[stale],
        (end - since)[stale],
        float((stale_from - begin).sum()),
    )


def _spread(low: Floats, high: Floats, weight: Floats, *, current: float) -> Spread:
    """Return the spread of a mixture: uniform from `low` to `high` with these weights, 0 with `current`'s."""
    total = float(weight.sum()) + current
    if not len(low) or total <= 0:
        return Spread(0.0, 0.0, 0.0, 0.0)
    length = np.maximum(high - low, 1e-12)

    def quantile(share: float) -> float:
        if current >= share * total:
            return 0.0
        bottom, top = 0.0, float(high.max())
        for _ in range(_BISECTIONS):
            middle = (bottom + top) / 2
            below = current + float((weight * np.clip((middle - low) / length, 0, 1)).sum())
            bottom, top = (bottom, middle) if below >= share * total else (middle, top)
        return top

    mean = float((weight * (low + high)).sum()) / 2 / total
    return Spread(mean, quantile(0.5), quantile(0.99), float(high.max()))
