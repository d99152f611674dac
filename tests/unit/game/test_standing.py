"""What a run makes of what a player has: best, sum and latest, with and without a tie-break."""

from typing import Any

import pytest

from game.catalogue import Area
from game.scoring import POINTS_LIMIT
from game.standing import Held, PointsLimitError, Run, after_run

AREA: dict[str, Any] = {"title": "A", "order": "desc", "min": 0, "max": 100, "top": 3}
COINS = {"name": "coins", "order": "desc", "min": 0, "max": 9}


def area(**changes: Any) -> Area:
    return Area.model_validate(AREA | changes)


@pytest.mark.parametrize("keep", ["best", "sum", "latest"])
def test_first_run_is_what_a_player_has(keep: str) -> None:
    assert after_run(area(keep=keep), None, Run(5), 1000) == Held(5, 1000)


@pytest.mark.parametrize(
    ("rules", "held", "run", "after"),
    [
        ({}, Held(5, 1), Run(6), Held(6, 9)),
        ({}, Held(5, 1), Run(5), None),
        ({}, Held(5, 1), Run(4), None),
        ({"order": "asc"}, Held(5, 1), Run(4), Held(4, 9)),
        ({"order": "asc"}, Held(5, 1), Run(6), None),
        ({"keep": "sum"}, Held(5, 1), Run(4), Held(9, 9)),
        ({"keep": "sum"}, Held(5, 1), Run(0), None),
        ({"keep": "latest"}, Held(5, 1), Run(4), Held(4, 9)),
        ({"keep": "latest"}, Held(5, 1), Run(5), None),
    ],
)
def test_further_run(rules: dict[str, Any], held: Held, run: Run, after: Held | None) -> None:
    assert after_run(area(**rules), held, run, 9) == (after or held)


@pytest.mark.parametrize(
    ("held", "run", "improves"),
    [
        (Held(5, 1, 3), Run(5, 4), True),
        (Held(5, 1, 3), Run(5, 3), False),
        (Held(5, 1, 3), Run(5, 2), False),
        (Held(5, 1, 3), Run(4, 9), False),
        (Held(5, 1, 3), Run(6, 0), True),
        (Held(5, 1), Run(5, 0), True),
    ],
)
def test_tiebreak_decides_between_equal_points_and_belongs_to_their_run(
    held: Held, run: Run, improves: bool
) -> None:
    new = after_run(area(tiebreak=COINS), held, run, 9)
    assert new == (Held(run.points, 9, run.tiebreak) if improves else held)


def test_tiebreak_has_an_order_of_its_own() -> None:
    rules = area(tiebreak=COINS | {"order": "asc"})
    assert after_run(rules, Held(5, 1, 3), Run(5, 2), 9) == Held(5, 9, 2)
    assert after_run(rules, Held(5, 1, 3), Run(5, 4), 9) == Held(5, 1, 3)


def test_sum_beyond_what_boards_can_sort_is_refused() -> None:
    held = Held(POINTS_LIMIT - 2, 1)
    assert after_run(area(keep="sum"), held, Run(1), 9).points == POINTS_LIMIT - 1
    with pytest.raises(PointsLimitError, match=str(POINTS_LIMIT)):
        after_run(area(keep="sum"), held, Run(2), 9)
