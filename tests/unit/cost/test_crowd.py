"""The simulation of a crowd, against what can be worked out without it."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cost.board_rates import POLL_SECONDS
from cost.crowd import (
    HAND_OVER_SECONDS,
    POLICIES,
    PUSHER_SECONDS,
    QUOTAS,
    WINDOWS,
    Crowd,
    Outcome,
    Policy,
    fanout_seconds,
    simulate,
    stale,
    study,
    waits,
)

CROWD = Crowd(subscribers=200_000, event_minutes=10)
PLACES = np.array([[0.25], [0.75]])
"""Two clients, a quarter and three quarters through each fan-out."""


def simulated(policy: Policy = "conflated", window: float = 1, **changes: Any) -> Outcome:
    return simulate(CROWD.model_copy(update=changes), policy, 10_000, window)


def test_pushers_hand_over_as_often_as_their_functions_end() -> None:
    def seconds(subscribers: int) -> float:
        return fanout_seconds(Crowd(subscribers=subscribers, rest_share=0), 1000)

    assert seconds(round(PUSHER_SECONDS) * 1000 - 1000) == PUSHER_SECONDS - 1
    assert seconds(2_000_000) == 2000 + 3 * HAND_OVER_SECONDS


def test_version_that_waits_for_a_fanout_by_hand() -> None:
    """Published at 10 and 15; the fan-outs, of 20 seconds, begin at 10 and 30."""
    published, received = np.array([10.0, 15.0]), np.array([10.0, 30.0]) + 20 * PLACES
    assert waits(published, [0, 1], received).tolist() == [[5, 20], [15, 30]]
    # Both within one fan-out, which brings the second alone.
    assert waits(published, [1], received[:, :1]).tolist() == [[5, 0], [15, 10]]
    found = stale(published, [0, 1], received, np.array([9.0, 14.0, 16.0, 24.0, 34.0, 46.0]))
    # The first version is on the screens at 15 and 25, the second one at 35 and 45.
    assert found.tolist() == [[0, 4, 1, 9, 19, 0], [0, 4, 6, 14, 19, 0]]


@pytest.mark.parametrize("window", WINDOWS)
def test_conflated_no_client_waits_longer_than_two_fanouts(window: float) -> None:
    outcome = simulated(window=window)
    assert outcome.fanout_seconds == pytest.approx(25)
    assert outcome.wait.p99 <= 2 * outcome.fanout_seconds
    assert outcome.versions_a_push >= 1
    if outcome.fanout_seconds > 10 * window:
        # Scores come at any time of a fan-out: the wait is the rest of one, and a part of the next.
        assert outcome.wait.mean == pytest.approx(25, rel=0.15)
        assert outcome.staleness.mean < outcome.fanout_seconds


def test_one_by_one_waits_grow_as_long_as_the_scores_last() -> None:
    outcome = simulated("one by one")
    assert outcome.versions_a_push == 1
    # The last version waits until all of them have been pushed.
    assert outcome.wait.p99 == pytest.approx(outcome.versions * 25 - 600, rel=0.05)
    assert outcome.staleness.p99 > 500


def test_below_the_quota_every_version_goes_out_at_once() -> None:
    outcomes = [simulated(policy, subscribers=2_000, changes_per_second=0.01) for policy in POLICIES]
    for outcome in outcomes:
        assert outcome.wait.mean == pytest.approx(outcome.fanout_seconds / 2, rel=0.05)
        assert outcome.staleness.p50 == 0


def test_window_sets_the_pace_of_versions_and_no_scores_make_none() -> None:
    busy = simulated(window=5, changes_per_second=1000)
    assert busy.versions == pytest.approx(600 / 5, abs=1)
    assert simulated(window=0, changes_per_second=1000).versions == pytest.approx(
        600 / POLL_SECONDS, rel=0.01
    )
    silent = simulated(changes_per_second=1e-9)
    assert (silent.versions, silent.wait.p99, silent.staleness.mean) == (0, 0, 0)


def test_study_has_every_policy_window_and_quota_of_the_same_scores() -> None:
    found = study(CROWD, quota=10_000, window=1)
    assert [(outcome.policy, outcome.window) for outcome in found.by_window] == [
        (policy, window) for policy in POLICIES for window in WINDOWS
    ]
    assert [outcome.quota for outcome in found.by_quota] == list(QUOTAS)
    means = [outcome.wait.mean for outcome in found.by_quota]
    assert means == sorted(means, reverse=True)
    assert study(CROWD, quota=10_000, window=1) == found
    assert study(CROWD.model_copy(update={"seed": 8}), quota=10_000, window=1) != found


def test_crowded_boards_share_the_requests() -> None:
    assert fanout_seconds(CROWD.model_copy(update={"crowded_boards": 4}), 10_000) == pytest.approx(100)


def test_bad_crowd_is_refused() -> None:
    with pytest.raises(ValidationError, match="subscribers"):
        Crowd(subscribers=10)
