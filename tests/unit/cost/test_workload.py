"""The inputs: described, bounded, and by default those of the code."""

import pytest
from pydantic import ValidationError

from cost.prices import load_prices
from cost.workload import Workload
from game.catalogue import load_catalogue
from infra.settings import load_settings


def test_defaults_are_those_of_the_catalogue_that_comes_with_podium() -> None:
    workload, boards = Workload(), load_catalogue().boards
    assert workload.boards == len(boards)
    assert {board.top for board in boards.values()} == {workload.top}


def test_defaults_are_those_of_a_stage_that_players_rely_on() -> None:
    workload, stage, named = Workload(), load_settings("prod"), load_prices().named
    assert workload.window == stage.live.window_seconds
    assert workload.direct_limit == stage.live.direct_limit
    assert workload.pushers == stage.live.pushers
    assert workload.log_days == stage.log_days
    assert named["lambda.gb_seconds"].unit == f"GB-seconds, {stage.architecture}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top", 101),
        ("boards_followed", 7),
        ("window", float("nan")),
        ("plyers", 1),
    ],
)
def test_bad_input_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Workload.model_validate({name: value})


def test_rates_follow_from_players() -> None:
    workload = Workload(players=86_400, sessions_per_day=2, session_minutes=30, scores_per_minute=0.2)
    assert workload.sessions == pytest.approx(2)
    assert workload.connected == pytest.approx(3_600)
    assert workload.scores == pytest.approx(12)
    assert workload.grown(172_800).scores == pytest.approx(24)


def test_scores_given_as_a_rate_count_instead_and_grow_with_the_players() -> None:
    workload = Workload(players=1_000, scores_per_second=5)
    assert workload.scores == 5
    assert workload.grown(3_000).scores == pytest.approx(15)


def test_changes_are_checked() -> None:
    with pytest.raises(ValidationError, match="boards_followed"):
        Workload(boards_followed=4).with_changes(boards=2)
