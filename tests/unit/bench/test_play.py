"""A recording of play: the same every time, and as it is said to be."""

import statistics
from collections import Counter
from itertools import islice, pairwise

from bench.play import START, record
from game.catalogue import load_catalogue

CATALOGUE = load_catalogue()
SCORES = list(record(CATALOGUE, hours=0.5, rate=5))


def test_recording_is_the_same_every_time() -> None:
    assert list(record(CATALOGUE, hours=0.5, rate=5)) == SCORES


def test_another_seed_is_another_recording() -> None:
    assert list(islice(record(CATALOGUE, hours=0.5, seed=2), 10)) != SCORES[:10]


def test_longer_recording_begins_with_the_shorter() -> None:
    assert list(islice(record(CATALOGUE, hours=1, rate=5), len(SCORES))) == SCORES


def test_scores_come_as_a_poisson_process() -> None:
    # 9,000 are expected: within five standard deviations.
    assert abs(len(SCORES) - 9000) < 5 * 9000**0.5
    assert all(START <= score.at < START + 1800 * 1000 for score in SCORES)
    gaps = [later.at - sooner.at for sooner, later in pairwise(SCORES)]
    assert min(gaps) >= 0
    # The gaps of a Poisson process have a standard deviation like their mean.
    assert 0.9 < statistics.stdev(gaps) / statistics.mean(gaps) < 1.1


def test_everybody_scores_everywhere_within_the_bounds() -> None:
    assert len({score.player.user_id for score in SCORES}) > 990
    assert set(Counter(score.area for score in SCORES)) == set(CATALOGUE.areas)
    for score in SCORES:
        area = CATALOGUE.areas[score.area]
        assert area.min <= score.points <= area.max


def test_few_players_are_far_ahead() -> None:
    bests: dict[str, int] = {}
    for score in SCORES:
        if score.area == "forest":
            user_id = score.player.user_id
            bests[user_id] = max(bests.get(user_id, 0), score.points)
    ordered = sorted(bests.values())
    assert ordered[-len(ordered) // 100] > 3 * statistics.median(ordered)
