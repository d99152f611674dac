"""The hours of a day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost.day import MOMENTS, activity


@given(st.floats(1, 20))
def test_day_has_mean_one_and_its_peak_first(peak_factor: float) -> None:
    day = activity(peak_factor)
    assert len(day) == MOMENTS
    assert sum(day) / MOMENTS == pytest.approx(1)
    assert day[0] == max(day) == pytest.approx(peak_factor)
    assert min(day) == day[MOMENTS // 2] >= 0


def test_even_day_is_equally_busy_at_all_moments() -> None:
    assert activity(1) == pytest.approx((1.0,) * MOMENTS)
