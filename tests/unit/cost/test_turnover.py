"""How often a board changes: the formulas against players who play."""

import heapq
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost.turnover import change_share, harmonic, improving_share


def played(players: int, scores: int, top: int, *, unequal: bool, seed: int) -> tuple[float, float]:
    """The shares of scores that were their player's best, and that changed the top K, of a whole season."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(players), scores))
    skill = np.exp(rng.normal(size=players)) if unequal else np.ones(players)
    points = rng.exponential(size=len(who)) * skill[who]
    best = np.full(players, -np.inf)
    improved = changed = 0
    bar = -np.inf
    for player, reached in zip(who.tolist(), points.tolist(), strict=True):
        if reached <= best[player]:
            continue
        improved += 1
        if reached > bar:
            changed += 1
        best[player] = reached
        if reached > bar:
            bar = _bar(best, top)
    return improved / len(who), changed / len(who)


def _bar(best: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], top: int) -> float:
    return float(heapq.nlargest(top, best)[-1])


@pytest.mark.parametrize("unequal", [False, True], ids=["equals", "unequals"])
@pytest.mark.parametrize(("players", "scores", "top"), [(400, 10, 10), (400, 10, 50), (1_000, 4, 50)])
def test_shares_are_those_of_players_who_play(players: int, scores: int, top: int, unequal: bool) -> None:
    seasons = [played(players, scores, top, unequal=unequal, seed=seed) for seed in range(5)]
    improved, changed = np.mean(seasons, axis=0)
    assert improving_share(scores) == pytest.approx(improved, rel=0.05)
    assert change_share(top, players * scores) == pytest.approx(changed, rel=0.12)


@given(st.integers(1, 5_000))
def test_harmonic_number(n: int) -> None:
    assert harmonic(n) == pytest.approx(sum(1 / k for k in range(1, n + 1)), abs=0.01)


@given(st.integers(1, 100), st.floats(0, 1e12), st.floats(1, 10))
def test_shares_are_shares_and_fall_with_time(top: int, scores: float, later: float) -> None:
    assert 0 < change_share(top, scores * later) <= change_share(top, scores) <= 1
    assert 0 < improving_share(scores * later) <= improving_share(scores) <= 1


@given(st.integers(1, 100), st.floats(0, 1e12))
def test_larger_boards_change_more_often(top: int, scores: float) -> None:
    assert change_share(top + 1, scores) >= change_share(top, scores) * (1 - 1e-12)


def test_boards_that_are_not_full_change_with_every_score() -> None:
    assert change_share(50, 50) == 1
    assert improving_share(1) == improving_share(0.2) == 1
