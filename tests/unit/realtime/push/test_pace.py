"""The token bucket, by hand."""

import pytest

from realtime.push.pace import BURST_SECONDS, Pace


def test_burst_is_a_hundredth_of_a_second() -> None:
    pace = Pace(10_000, now=5)
    assert pace.ready == 10_000 * BURST_SECONDS
    for _ in range(100):
        pace.spend()
    assert pace.ready == 0
    assert pace.full_at == pytest.approx(5 + BURST_SECONDS)
    pace.fill(5 + BURST_SECONDS / 2)
    assert pace.ready == 50
    pace.fill(500)
    assert pace.ready == 100


def test_slow_pace_lets_one_request_out_at_a_time() -> None:
    pace = Pace(0.5, now=0)
    assert pace.ready == 1
    pace.spend()
    pace.fill(1.9)
    assert pace.ready == 0
    pace.fill(pace.full_at)
    assert pace.ready == 1


def test_request_that_could_not_wait_is_made_up_for() -> None:
    pace = Pace(1, now=0)
    for _ in range(4):
        pace.spend()
    assert pace.ready == 0
    assert pace.full_at == 4
    pace.fill(3)
    assert pace.ready == 0
    pace.fill(4)
    assert pace.ready == 1
