"""The simulation of a crowd, against what can be worked out without it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost.board_rates import POLL_SECONDS
from cost.staleness import (
    HAND_OVER_SECONDS,
    PUSHER_SECONDS,
    Event,
    Policy,
    Run,
    simulate,
    staleness,
    staleness_at,
    versions_a_push,
    waits,
)

events = st.builds(
    Event,
    subscribers=st.integers(1, 2_000_000),
    room=st.floats(100, 100_000),
    changes_per_second=st.floats(0.01, 20),
    window=st.floats(0, 60),
    seconds=st.floats(1, 600),
)
seeds = st.integers(0, 2**32 - 1)


def test_pushers_hand_over_as_often_as_their_functions_end() -> None:
    def fanout_seconds(subscribers: int) -> float:
        event = Event(subscribers=subscribers, room=1000, changes_per_second=1, window=0, seconds=1)
        return event.fanout_seconds

    assert fanout_seconds(round(PUSHER_SECONDS) * 1000 - 1000) == PUSHER_SECONDS - 1
    assert fanout_seconds(2_000_000) == 2000 + 3 * HAND_OVER_SECONDS


def run_of(event: Event, policy: Policy, seed: int = 1) -> Run:
    return simulate(event, policy, np.random.default_rng(seed))


def by_hand(duration: float, published: list[float], started: list[float], newest: list[int]) -> Run:
    event = Event(subscribers=round(duration * 1000), room=1000, changes_per_second=1, window=0, seconds=100)
    return Run(event, np.array(published), np.array(started), np.array(newest, dtype=np.int64))


def test_one_version_by_hand() -> None:
    """Published at 10, and on the screens from 10 to 30."""
    run = by_hand(20, [10.0], [10.0], [0])
    wait = waits(run)
    assert (wait.mean, wait.p50, wait.greatest) == pytest.approx((10, 10, 20))
    assert wait.p99 == pytest.approx(19.8)
    stale = staleness(run)
    # The client in the middle is stale for 10 of 100 seconds, 5 seconds on average.
    assert stale.mean == pytest.approx(20**2 / 6 / 100, rel=0.001)
    assert stale.p50 == 0
    # The last client at 20 has 10 seconds to go, the one in the middle gets it then.
    at = staleness_at(run, np.array([9.0, 20.0, 25.0, 31.0]))
    assert at.max(axis=0) == pytest.approx([0, 10, 15, 0])
    assert at.min(axis=0) == pytest.approx([0, 0, 0, 0])
    assert np.count_nonzero(at, axis=0) == pytest.approx([0, 50, 25, 0])


def test_version_published_during_a_fanout_by_hand() -> None:
    """The second one, at 15, waits for the first fan-out to end at 30."""
    run = by_hand(20, [10.0, 15.0], [10.0, 30.0], [0, 1])
    wait = waits(run)
    assert wait.mean == pytest.approx((10 + 15 + 10) / 2)
    assert wait.greatest == pytest.approx(35)
    # At 40 the first half has it, and the others miss it since 15.
    assert sorted(set(np.round(staleness_at(run, np.array([40.0])), 6).ravel())) == [0, 25]


@given(events, seeds)
def test_conflated_client_waits_for_at_most_two_fanouts(event: Event, seed: int) -> None:
    run = run_of(event, "conflated", seed)
    limit = 2 * event.fanout_seconds * (1 + 1e-9)
    assert waits(run).greatest <= limit
    assert staleness(run, clients=20).greatest <= limit
    times = np.linspace(0, event.seconds, 50)
    assert staleness_at(run, times, clients=20).max() <= limit


@given(events, seeds, st.sampled_from(["one by one", "conflated"]))
def test_every_version_is_pushed_in_order_and_fanouts_do_not_overlap(
    event: Event, seed: int, policy: Policy
) -> None:
    run = run_of(event, policy, seed)
    if not len(run.published):
        assert not len(run.started)
        return
    assert run.newest[-1] == len(run.published) - 1
    assert (np.diff(run.newest) >= 1).all()
    assert (np.diff(run.started) >= event.fanout_seconds * (1 - 1e-9)).all()
    # No frame tells of what is not published yet.
    assert (run.started >= run.published[run.newest] - 1e-9).all()
    assert (np.diff(run.published) >= event.gathering_seconds * (1 - 1e-9)).all()


@given(events, seeds)
def test_conflation_is_never_worse_and_never_costs_more(event: Event, seed: int) -> None:
    together, apart = run_of(event, "conflated", seed), run_of(event, "one by one", seed)
    assert together.published == pytest.approx(apart.published)
    assert len(together.started) <= len(apart.started) == len(apart.published)
    assert waits(together).mean <= waits(apart).mean * (1 + 1e-9)
    assert staleness(together, 20).mean <= staleness(apart, 20).mean * (1 + 1e-9)
    assert versions_a_push(together) >= versions_a_push(apart) == 1


@pytest.mark.parametrize("policy", ["one by one", "conflated"])
def test_below_the_quota_a_change_waits_for_half_a_fanout(policy: Policy) -> None:
    event = Event(subscribers=8_000, room=8_000, changes_per_second=0.5, window=2, seconds=3_000)
    run = run_of(event, policy)
    wait = waits(run)
    assert (wait.mean, wait.p50, wait.p99, wait.greatest) == pytest.approx((0.5, 0.5, 0.99, 1))
    # A version every 2 + 2 seconds, of which clients miss half a second on average.
    assert staleness(run).mean == pytest.approx(1 / 6 / 4 * 1, rel=0.1)


def test_far_beyond_the_quota_a_change_waits_for_a_whole_fanout_on_average() -> None:
    """The rest of one, and half of the next; and clients are that stale all the time."""
    event = Event(subscribers=800_000, room=8_000, changes_per_second=50, window=0, seconds=20_000)
    run = run_of(event, "conflated")
    wait, stale = waits(run), staleness(run)
    assert wait.mean == pytest.approx(100, rel=0.03)
    assert stale.mean == pytest.approx(100, rel=0.03)
    # Two uniform times added up: the p99 of that triangle.
    assert wait.p99 == pytest.approx(100 * (2 - np.sqrt(0.02)), rel=0.02)
    assert versions_a_push(run) == pytest.approx(100 / (POLL_SECONDS + 1 / 50), rel=0.03)


def test_one_by_one_falls_behind_without_end() -> None:
    """The k-th version waits for k fan-outs that are longer than the time in which it came."""
    event = Event(subscribers=80_000, room=8_000, changes_per_second=1, window=1, seconds=1_000)
    run = run_of(event, "one by one")
    behind = run.started - run.published
    count = np.arange(len(behind))
    assert run.started == pytest.approx(run.started[0] + 10 * count)
    assert behind[-1] > 0.99 * (10 * count[-1] - event.seconds)
    late = staleness_at(run, np.array([250.0, 500.0, 1_000.0])).mean(axis=0)
    # Clients get the changes of the first fifth: they fall behind by four seconds in five.
    assert late / np.array([250, 500, 1_000]) == pytest.approx(0.8, abs=0.05)


@given(events, seeds, st.sampled_from(["one by one", "conflated"]))
def test_spread_over_time_is_that_of_looking_often(event: Event, seed: int, policy: Policy) -> None:
    run = run_of(event, policy, seed)
    spread = staleness(run, clients=50)
    looks = staleness_at(run, np.linspace(0, event.seconds, 4_001), clients=50)
    allowed = 0.002 * spread.greatest + 2 * event.seconds / 4_000
    assert spread.mean == pytest.approx(looks.mean(), rel=0.02, abs=allowed)
    # The quantile is where the looks say it is, give or take half a percent of them.
    low, high = np.quantile(looks, [0.985, 0.995])
    assert low - allowed <= spread.p99 <= high + allowed
    assert spread.p50 <= spread.p99 <= spread.greatest + 1e-9


def test_same_seed_same_event() -> None:
    event = Event(subscribers=10, room=10, changes_per_second=1, window=0, seconds=100)
    assert run_of(event, "conflated", 7).published == pytest.approx(run_of(event, "conflated", 7).published)
    assert list(run_of(event, "conflated", 7).published) != list(run_of(event, "conflated", 8).published)


def test_event_without_changes_is_never_stale() -> None:
    event = Event(subscribers=10, room=10, changes_per_second=1e-9, window=0, seconds=10)
    run = run_of(event, "conflated")
    assert len(run.published) == 0
    assert waits(run).greatest == staleness(run).greatest == 0
    assert staleness_at(run, np.array([5.0])).max() == 0
