"""Which seasons' rank indexes are kept, compared and dropped: by catalogue and clock alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.catalogue import Catalogue
from game.season_ranks import (
    AT_ONCE,
    LATELY_MS,
    UNDER_WAY_MS,
    decided_keys,
    expired_keys,
    is_expired,
    open_keys,
)
from game.seasons import KEEP_LIMIT

HOUR = 3_600_000
START = 1_736_121_600_000
"""2025-01-06."""


def catalogue(every: str = "7d", **changes: Any) -> Catalogue:
    season = {"start": "2025-01-06T00:00:00Z", "every": every, "keep": 3} | changes
    prizes = [{"ranks": [1, 1], "money": 1}]
    week = {"title": "W", "areas": ["forest"], "top": 5, "season": "weekly"}
    return Catalogue.model_validate(
        {
            "areas": {"forest": {"title": "F", "order": "desc", "min": 0, "max": 9, "top": 5}},
            "boards": {"week": week | {"prizes": prizes}, "plain": week},
            "seasons": {"weekly": season},
        }
    )


def start_of(season: int) -> int:
    return START + (season - 1) * 7 * 24 * HOUR


@pytest.mark.parametrize(
    ("now", "keys"),
    [
        (START - 1, ["forest", "week#0", "plain#0"]),
        (START, ["forest", "week#1", "plain#1"]),
        (start_of(9), ["forest", "week#9", "plain#9"]),
    ],
)
def test_open_seasons_are_swept_with_the_other_boards(now: int, keys: list[str]) -> None:
    assert open_keys(catalogue(), now) == keys


@pytest.mark.parametrize(
    ("now", "keys"),
    [
        (start_of(2), []),
        (start_of(2) + 600_000 + UNDER_WAY_MS - 1, []),
        (start_of(2) + 600_000 + UNDER_WAY_MS, ["week#1"]),
        (start_of(9) - 1, ["week#7", "week#6", "week#5"]),
        (start_of(9), ["week#7", "week#6"]),
        (start_of(9) + HOUR, ["week#8", "week#7", "week#6"]),
    ],
)
def test_seasons_with_prizes_are_compared_once_no_score_can_come(now: int, keys: list[str]) -> None:
    assert [*decided_keys(catalogue(grace="10m"), now)] == keys


def test_seasons_are_compared_again_once_they_are_reviewed() -> None:
    game, end = catalogue(grace="10m", review="24h"), start_of(2) + 600_000
    first, second = end + UNDER_WAY_MS, end + 24 * HOUR + UNDER_WAY_MS
    assert decided_keys(game, first) == {"week#1": first}
    assert decided_keys(game, second - 1) == {"week#1": first}
    assert decided_keys(game, second) == {"week#1": second}


def test_nothing_has_expired_before_the_first_season_has() -> None:
    for now in (START - 1, START + HOUR, start_of(4)):
        assert [key for key in expired_keys(catalogue(), now) if not key.endswith("#0")] == []


def test_what_expired_lately_is_looked_at_by_every_sweep() -> None:
    found = [*expired_keys(catalogue(), start_of(9))]
    assert found[:2] == ["week#5", "week#4"]
    fast = [*expired_keys(catalogue("60s"), START + 1000 * 60_000)]
    # The seasons of two hours, whatever the sweeps in between did.
    assert {f"week#{number}" for number in range(998 - LATELY_MS // 60_000 + 20, 998)} <= set(fast)
    assert len(fast) <= 2 * (AT_ONCE + 1)


def test_every_expired_season_is_looked_at_in_the_course_of_time() -> None:
    now, seen = start_of(30), set[str]()
    for hour in range(KEEP_LIMIT):
        # The seasons stand still: of a board whose `keep` was lowered.
        seen |= {*expired_keys(catalogue("365d", start="1970-01-02T00:00:00Z"), now + hour * HOUR)}
    assert {f"week#{number}" for number in range(1, 52)} <= seen


@given(now=st.integers(START - HOUR, start_of(60)), keep=st.integers(1, 9))
def test_expired_are_those_that_can_be_read_no_longer(now: int, keep: int) -> None:
    game = catalogue(keep=keep)
    readable = {
        f"{board}#{number}" for board in ("week", "plain") for number in game.seasons["weekly"].readable(now)
    }
    expired = {*expired_keys(game, now)}
    assert not expired & readable
    assert all(is_expired(game, key, now) for key in expired)
    assert not any(is_expired(game, key, now) for key in readable | {"forest", "week", "gone#3", "week#x"})
    assert {*decided_keys(game, now)} <= readable
    assert {*open_keys(game, now)} - {"forest"} <= readable
