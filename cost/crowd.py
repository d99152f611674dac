"""How far behind clients are when more frames want to go out than API Gateway takes: a simulation.

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
Clients stand evenly in the pushers' order; a hundred of them are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cost.board_rates import POLL_SECONDS
from game.account import REQUEST_RATE, REST_SHARE

WINDOWS = (0.0, 1.0, 5.0, 30.0)
QUOTAS = tuple(float(times * REQUEST_RATE) for times in (1, 2, 5, 10))

Policy = Literal["one by one", "conflated"]
POLICIES: tuple[Policy, ...] = ("one by one", "conflated")

Floats = NDArray[np.float64]

PUSHER_SECONDS = 660.0
"""How long a pusher works before it hands over: its function's life (infra/realtime.py), less the time that
it keeps for that (streams/fanout.py)."""

HAND_OVER_SECONDS = 1.0
"""From a pusher's last page to the next one's first: an asynchronous invocation, perhaps a cold start."""

_PLACES = (np.arange(100) + 0.5) / 100
_MOMENTS = 5_000
_VERSIONS = 2_000
"""Moments of an event, and versions, that are looked at."""


class Crowd(BaseModel):
    """An event that everybody watches. Each field is an option of `python -m cost`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    subscribers: int = Field(1_000_000, ge=2_000, le=10**8, description="clients that watch the one board")
    changes_per_second: float = Field(
        2, gt=0, le=1000, description="scores per second that change its top K, at random times"
    )
    rest_share: float = Field(
        REST_SHARE,
        ge=0,
        lt=1,
        description="share of API Gateway's quota that goes to everything but its pushes",
    )
    crowded_boards: int = Field(
        1, ge=1, le=2_500, description="boards with such a crowd at the same time, which share the pushes"
    )
    event_minutes: float = Field(30, gt=0, le=1440, description="minutes that the scores last")
    seed: int = Field(1, ge=0, description="of the random times")


@dataclass(frozen=True)
class Spread:
    """A distribution, in seconds."""

    mean: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Outcome:
    """What clients of an event saw, with this quota and window. A fan-out takes `fanout_seconds`."""

    policy: Policy
    quota: float
    window: float
    fanout_seconds: float
    versions: int
    versions_a_push: float
    staleness: Spread
    wait: Spread


@dataclass(frozen=True)
class CrowdStudy:
    """The event with every policy and window, and conflated with every quota; the same scores in each."""

    crowd: Crowd
    quota: float
    window: float
    by_window: Sequence[Outcome]
    by_quota: Sequence[Outcome]


def study(crowd: Crowd, *, quota: float, window: float) -> CrowdStudy:
    """Simulate the event in all its variations."""
    return CrowdStudy(
        crowd=crowd,
        quota=quota,
        window=window,
        by_window=[simulate(crowd, policy, quota, each) for policy in POLICIES for each in WINDOWS],
        by_quota=[simulate(crowd, "conflated", each, window) for each in QUOTAS],
    )


def fanout_seconds(crowd: Crowd, quota: float) -> float:
    """Return how long a frame to everybody takes, with the pauses in which all pushers hand over."""
    pushing = crowd.subscribers / (quota * (1 - crowd.rest_share) / crowd.crowded_boards)
    return pushing + HAND_OVER_SECONDS * (pushing // PUSHER_SECONDS)


def simulate(crowd: Crowd, policy: Policy, quota: float, window: float) -> Outcome:
    """Let the scores come, and push until every version has been pushed."""
    published = _publications(crowd, window)
    duration = fanout_seconds(crowd, quota)
    started: list[float] = []
    newest: list[int] = []
    free, told = 0.0, 0
    while told < len(published):
        start = max(free, float(published[told]))
        told = int(np.searchsorted(published, start, side="right")) if policy == "conflated" else told + 1
        started.append(start)
        newest.append(told - 1)
        free = start + duration
    # The client at place p, from 0 (first) to 1 (last), gets a frame p * duration after the fan-out's start.
    received = np.array(started) + duration * _PLACES[:, np.newaxis]
    moments = np.linspace(0, crowd.event_minutes * 60, _MOMENTS)
    return Outcome(
        policy=policy,
        quota=quota,
        window=window,
        fanout_seconds=duration,
        versions=len(published),
        versions_a_push=len(published) / len(started) if started else 1.0,
        staleness=_spread(stale(published, newest, received, moments)),
        wait=_spread(waits(published, newest, received)),
    )


def stale(published: Floats, newest: Sequence[int], received: Floats, moments: Floats) -> Floats:
    """Return how stale each client (a row) is at these moments (columns), in seconds.

    `newest` is the last version of each fan-out, `received` when each client (a row) got it.
    """
    # When the oldest version that is missing after each frame was published; never, after the last.
    since = np.append(published, np.inf)[np.append(0, np.array(newest, dtype=int) + 1)]
    frames = np.array([np.searchsorted(row, moments, side="right") for row in received])
    ages: Floats = np.maximum(0.0, moments - since[frames])
    return ages


def waits(published: Floats, newest: Sequence[int], received: Floats) -> Floats:
    """Return the times from a version's publication (columns) to each client's screen (rows)."""
    versions = np.arange(0, len(published), max(1, len(published) // _VERSIONS))
    waited: Floats = received[:, np.searchsorted(newest, versions)] - published[versions]
    return waited


def _publications(crowd: Crowd, window: float) -> Floats:
    """Return the publications: a change opens a window, which later changes join until it is over."""
    rng = np.random.default_rng(crowd.seed)
    # The window, and no less than Lambda's pause between two looks.
    gathering = max(window, POLL_SECONDS)
    published: list[float] = []
    now = 0.0
    while True:
        now += rng.exponential(1 / crowd.changes_per_second) + gathering
        if now > crowd.event_minutes * 60:
            return np.array(published)
        published.append(now)


def _spread(values: Floats) -> Spread:
    if not values.size:
        return Spread(0.0, 0.0, 0.0)
    p50, p99 = np.percentile(values, [50, 99])
    return Spread(float(values.mean()), float(p50), float(p99))
