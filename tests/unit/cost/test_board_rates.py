"""How likely it is that the sweep visits a board."""

import pytest

from cost.board_rates import active_share, board_rates
from cost.workload import Workload


def test_boards_of_a_large_game_are_all_active() -> None:
    workload = Workload(players=1_000_000)
    assert [active_share(workload, board) for board in board_rates(workload)] == [pytest.approx(1)] * 2


def test_board_that_is_never_played_is_not_visited() -> None:
    workload = Workload(players=100, boards_followed=1, scores_per_minute=0)
    _, area = board_rates(workload)
    assert active_share(workload, area) == 0


def test_boards_that_few_follow_are_visited_seldom() -> None:
    few, many = (Workload(players=players, boards=97) for players in (10, 1000))
    shares = [active_share(workload, board_rates(workload)[1]) for workload in (few, many)]
    assert 0 < shares[0] < 0.5 < shares[1]
