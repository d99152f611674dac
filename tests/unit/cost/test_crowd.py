"""The comparisons of a crowd at one board."""

import pytest
from pydantic import ValidationError

from cost.crowd import QUOTAS, WINDOWS, Crowd, study
from cost.staleness import POLICIES

CROWD = Crowd(subscribers=200_000, event_minutes=10)


def test_study_has_every_policy_window_quota_and_size() -> None:
    found = study(CROWD, quota=10_000, window=1)
    assert [(outcome.policy, outcome.event.window) for outcome in found.by_window] == [
        (policy, window) for policy in POLICIES for window in WINDOWS
    ]
    assert [outcome.event.room for outcome in found.by_quota] == [quota * 0.8 for quota in QUOTAS]
    assert [course.policy for course in found.courses] == list(POLICIES)
    for outcomes in (*found.by_size, found.one_by_one_by_size):
        sizes = [outcome.event.subscribers for outcome in outcomes]
        assert sizes == sorted(sizes)
        assert (sizes[0], sizes[-1]) == (1_000, CROWD.subscribers)


def test_conflation_keeps_a_crowd_within_two_fanouts_and_the_quota_sets_how_long_they_are() -> None:
    found = study(CROWD, quota=10_000, window=1)
    for outcome in found.by_window:
        assert outcome.event.fanout_seconds == pytest.approx(25)
        if outcome.policy == "conflated":
            assert outcome.wait.greatest <= 50
        elif outcome.event.window < 25:
            assert outcome.wait.p50 > 50
    waits = [outcome.wait.mean for outcome in found.by_quota]
    assert waits == sorted(waits, reverse=True)
    (one_by_one, conflated) = found.courses
    assert one_by_one.p50[-1] > 200 > 50 > conflated.p99.max()
    assert (conflated.p50 <= conflated.p99).all()


def test_crowded_boards_share_the_requests() -> None:
    crowd = CROWD.model_copy(update={"crowded_boards": 4})
    assert crowd.event(quota=10_000, window=1).fanout_seconds == pytest.approx(100)
    found = study(crowd, quota=10_000, window=1)
    assert [outcome.event.room for outcome in found.by_quota] == [quota * 0.2 for quota in QUOTAS]


def test_seed_decides() -> None:
    small = Crowd(subscribers=2_000, event_minutes=1, seed=7)
    first, second, other = (
        study(crowd, quota=10_000, window=1).by_window
        for crowd in (small, small, small.model_copy(update={"seed": 8}))
    )
    assert first == second != other


@pytest.mark.parametrize(
    ("name", "value"), [("subscribers", 10), ("rest_share", 1), ("changes_per_second", 0), ("seed", -1)]
)
def test_bad_crowd_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Crowd.model_validate({name: value})
