"""A crowd at one board: staleness by what is done with waiting versions, by window, quota and size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cost.staleness import (
    POLICIES,
    Event,
    Floats,
    Policy,
    Run,
    Spread,
    simulate,
    staleness,
    staleness_at,
    versions_a_push,
    waits,
)
from game.account import REQUEST_RATE, REST_SHARE

WINDOWS = (0.0, 1.0, 5.0, 30.0)
QUOTAS = tuple(float(times * REQUEST_RATE) for times in (1, 2, 5, 10))
FEWEST_SUBSCRIBERS = 1_000

_SIZES = 13
_MOMENTS = 241


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

    def event(self, *, quota: float, window: float, subscribers: int | None = None) -> Event:
        """Return the event under a quota and a window; with another number of subscribers, if given."""
        return Event(
            subscribers=self.subscribers if subscribers is None else subscribers,
            room=quota * (1 - self.rest_share) / self.crowded_boards,
            changes_per_second=self.changes_per_second,
            window=window,
            seconds=self.event_minutes * 60,
        )


@dataclass(frozen=True)
class Outcome:
    """The staleness that clients of an event saw."""

    policy: Policy
    event: Event
    versions: int
    fanouts: int
    versions_a_push: float
    staleness: Spread
    wait: Spread


@dataclass(frozen=True)
class Course:
    """Staleness over an event, at `minutes`: in the middle of the clients, and of the 99th in a hundred."""

    policy: Policy
    minutes: Floats
    p50: Floats
    p99: Floats


@dataclass(frozen=True)
class CrowdStudy:
    """Every comparison. `by_size` is for the windows in turn, each from few subscribers to all of them."""

    crowd: Crowd
    quota: float
    window: float
    by_window: Sequence[Outcome]
    by_quota: Sequence[Outcome]
    by_size: Sequence[Sequence[Outcome]]
    one_by_one_by_size: Sequence[Outcome]
    courses: Sequence[Course]


def study(crowd: Crowd, *, quota: float, window: float) -> CrowdStudy:
    """Simulate the event in all its variations; the same scores in each."""
    sizes = np.geomspace(FEWEST_SUBSCRIBERS, crowd.subscribers, _SIZES).round().astype(int)

    def outcome(policy: Policy, event: Event) -> Outcome:
        return _outcome(policy, _run(crowd, policy, event))

    def sized(policy: Policy, window: float) -> list[Outcome]:
        return [
            outcome(policy, crowd.event(quota=quota, window=window, subscribers=int(size))) for size in sizes
        ]

    return CrowdStudy(
        crowd=crowd,
        quota=quota,
        window=window,
        by_window=[
            outcome(policy, crowd.event(quota=quota, window=each)) for policy in POLICIES for each in WINDOWS
        ],
        by_quota=[outcome("conflated", crowd.event(quota=each, window=window)) for each in QUOTAS],
        by_size=[sized("conflated", each) for each in WINDOWS],
        one_by_one_by_size=sized("one by one", window),
        courses=[_course(crowd, policy, crowd.event(quota=quota, window=window)) for policy in POLICIES],
    )


def _run(crowd: Crowd, policy: Policy, event: Event) -> Run:
    return simulate(event, policy, np.random.default_rng(crowd.seed))


def _outcome(policy: Policy, run: Run) -> Outcome:
    return Outcome(
        policy=policy,
        event=run.event,
        versions=len(run.published),
        fanouts=len(run.started),
        versions_a_push=versions_a_push(run),
        staleness=staleness(run),
        wait=waits(run),
    )


def _course(crowd: Crowd, policy: Policy, event: Event) -> Course:
    times = np.linspace(0, event.seconds, _MOMENTS)
    stale = staleness_at(_run(crowd, policy, event), times)
    return Course(policy, times / 60, np.percentile(stale, 50, axis=0), np.percentile(stale, 99, axis=0))
