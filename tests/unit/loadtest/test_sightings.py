"""From states and steps to latencies: who waited for a score, and for how long."""

from collections import Counter

import pytest

from game.board import Position
from game.scoring import Order
from loadtest.messages import Attempted, ShownState, ShownStep
from loadtest.screens import TICKS
from loadtest.sightings import BoardSightings

EPOCH = 7
OTHERS = {"grace": 900, "alan": 500}


class Board:
    """A board of three, watched by one worker; `waits` counts what was recorded by (scheduled, wait)."""

    def __init__(self, order: Order = "desc") -> None:
        self.waits: Counter[tuple[float, float]] = Counter()
        self.sightings = BoardSightings("forest", order, self._record)
        self._numbers = 0

    def _record(self, scheduled: float, wait: float, count: int) -> None:
        self.waits[scheduled, round(wait, 4)] += count

    def score(self, number: int, points: int, scheduled: float, user: str = "ada") -> None:
        """A score that is accepted at once."""
        self.attempt(number, points, scheduled, user)
        self.sightings.answered(number, accepted=True)

    def attempt(self, number: int, points: int, scheduled: float, user: str = "ada") -> None:
        self.sightings.attempted(
            Attempted(number=number, user_id=user, scheduled=scheduled, points={"forest": points})
        )

    def season(self, number: int, season: int, version: int, scores: dict[str, int]) -> None:
        """A state of a season, whose epoch is its number."""
        self.sightings.state(
            0,
            ShownState(
                number=number,
                board="forest",
                season=season,
                epoch=season,
                version=version,
                size=3,
                digest=str(sorted(scores.items())),
                scores=scores,
            ),
        )

    def state(
        self, number: int, version: int, scores: dict[str, int], worker: int = 0, digest: str = ""
    ) -> None:
        self.sightings.state(
            worker,
            ShownState(
                number=number,
                board="forest",
                epoch=EPOCH,
                version=version,
                size=3,
                digest=digest or str(sorted(scores.items())),
                scores=scores,
            ),
        )

    def step(self, before: int, after: int, *seen: tuple[int, float, int], worker: int = 0) -> None:
        """Screens take a step; each of `seen` is (watching since, when, how many)."""
        ticks = [(since, round(at * TICKS), count) for since, at, count in seen]
        self.sightings.step(worker, ShownStep(board="forest", before=before, after=after, seen=ticks))

    def close(self, version: int) -> None:
        self.sightings.close(Position(EPOCH, version))


@pytest.fixture
def board() -> Board:
    """Version 1, in state 1: only players that this run does not simulate."""
    board = Board()
    board.state(1, 1, OTHERS)
    return board


def test_wait_is_from_when_the_score_was_due_until_each_screen_shows_it(board: Board) -> None:
    board.score(1, 700, scheduled=2.0)
    board.state(2, 2, OTHERS | {"ada": 700})
    board.step(1, 2, (0, 2.5, 3), (1, 2.75, 1))
    assert board.waits == {(2.0, 0.5): 3, (2.0, 0.75): 1}
    board.close(2)
    assert board.sightings.fates == {"shown": 1}


def test_a_better_score_of_the_same_player_ends_the_wait_of_both(board: Board) -> None:
    board.score(1, 600, scheduled=1.0)
    board.score(2, 700, scheduled=2.0)
    board.state(2, 2, OTHERS | {"ada": 700})
    board.step(1, 2, (0, 3.0, 1))
    assert board.waits == {(1.0, 2.0): 1, (2.0, 1.0): 1}
    board.close(2)
    assert board.sightings.fates == {"shown": 1, "outdone": 1}


def test_a_score_is_waited_for_until_its_own_is_shown(board: Board) -> None:
    board.score(1, 600, scheduled=1.0)
    board.score(2, 700, scheduled=2.0)
    board.state(2, 2, OTHERS | {"ada": 600})
    board.state(3, 3, OTHERS | {"ada": 700})
    board.step(1, 2, (0, 3.0, 1))
    board.step(2, 3, (0, 4.0, 1))
    assert board.waits == {(1.0, 2.0): 1, (2.0, 2.0): 1}


def test_score_below_the_top_is_not_awaited() -> None:
    board = Board()
    full = OTHERS | {"alan": 400, "tim": 450}
    board.state(1, 1, full)
    board.score(1, 300, scheduled=1.0)
    board.score(2, 400, scheduled=1.0)  # as good as the last: the first stays
    board.state(2, 2, full | {"grace": 950})
    board.step(1, 2, (0, 3.0, 1))
    assert not board.waits
    board.close(2)
    assert board.sightings.fates == {"below": 2}


def test_a_score_that_is_pushed_off_the_board_before_it_shows_is_settled_by_that(board: Board) -> None:
    board.score(1, 450, scheduled=1.0)
    board.state(2, 2, OTHERS | {"tim": 460})
    board.step(1, 2, (0, 1.5, 2))
    assert board.waits == {(1.0, 0.5): 2}
    board.close(2)
    assert board.sightings.fates == {"below": 1}


def test_fewer_points_are_better_on_an_asc_board() -> None:
    board = Board("asc")
    board.state(1, 1, {"grace": 100, "alan": 200, "tim": 300})
    board.score(1, 250, scheduled=1.0)
    board.score(2, 310, scheduled=1.0, user="radia")
    board.state(2, 2, {"grace": 100, "alan": 200, "ada": 240})
    board.step(1, 2, (0, 2.0, 1))
    assert board.waits == {(1.0, 1.0): 1}
    board.close(2)
    assert board.sightings.fates == {"outdone": 1, "below": 1}


def test_only_who_was_watching_when_it_was_due_has_waited(board: Board) -> None:
    board.score(1, 700, scheduled=2.5)
    board.state(2, 2, OTHERS | {"ada": 700})
    board.step(1, 2, (2, 3.0, 1), (3, 3.0, 5))
    assert board.waits == {(2.5, 0.5): 1}


def test_a_step_before_the_score_was_due_is_no_sighting(board: Board) -> None:
    board.state(2, 2, OTHERS | {"tim": 600})
    board.score(1, 450, scheduled=2.0)
    board.step(1, 2, (0, 1.0, 1))
    assert not board.waits


def test_what_was_seen_before_the_answer_counts_once_it_is_accepted(board: Board) -> None:
    board.attempt(1, 700, scheduled=2.0)
    board.state(2, 2, OTHERS | {"ada": 700})
    board.step(1, 2, (0, 2.5, 3))
    assert not board.waits
    board.close(2)
    assert not board.sightings.fates
    board.sightings.answered(1, accepted=True)
    assert board.waits == {(2.0, 0.5): 3}
    board.close(2)
    assert board.sightings.fates == {"shown": 1}


def test_a_score_that_was_not_accepted_counts_for_nothing(board: Board) -> None:
    board.attempt(1, 600, scheduled=1.0)
    board.score(2, 700, scheduled=2.0)
    board.state(2, 2, OTHERS | {"ada": 700})
    board.step(1, 2, (0, 3.0, 1))
    board.sightings.answered(1, accepted=False)
    board.sightings.answered(99, accepted=True)  # on another board
    assert board.waits == {(2.0, 1.0): 1}


def test_a_score_is_open_until_the_oldest_screen_settles_it(board: Board) -> None:
    board.score(1, 700, scheduled=2.0)
    board.state(2, 2, OTHERS | {"ada": 700})
    board.state(1, 1, OTHERS, worker=1)
    board.state(2, 2, OTHERS | {"ada": 700}, worker=1)
    board.step(1, 2, (0, 2.5, 1))
    board.close(1)
    assert board.sightings.awaited == 1
    board.step(1, 2, (0, 4.0, 1), worker=1)
    board.close(2)
    assert board.sightings.awaited == 0
    assert board.waits == {(2.0, 0.5): 1, (2.0, 2.0): 1}


def test_score_on_a_board_without_subscribers_is_not_awaited(board: Board) -> None:
    board.score(1, 700, scheduled=2.0)
    board.sightings.close(None)
    assert board.sightings.awaited == 0


def test_score_of_a_season_is_not_settled_by_what_an_earlier_one_shows() -> None:
    board = Board()
    board.season(1, 1, 5, OTHERS | {"ada": 800})
    board.attempt(1, 700, scheduled=1.0)
    board.sightings.answered(1, accepted=True, season=2)
    board.season(2, 2, 0, {})
    board.season(3, 2, 1, {"ada": 700})
    board.step(1, 2, (0, 1.5, 4))
    assert not board.waits
    board.step(2, 3, (0, 1.75, 4))
    assert board.waits == {(1.0, 0.75): 4}
    board.sightings.close(Position(2, 1))
    assert board.sightings.fates == {"shown": 1}


@pytest.mark.parametrize("answered_first", [True, False])
def test_score_whose_season_ends_before_a_screen_shows_it_has_no_latency(answered_first: bool) -> None:
    board = Board()
    board.season(1, 1, 5, OTHERS)
    board.attempt(1, 700, scheduled=1.0)
    board.season(2, 2, 0, {})
    board.season(3, 2, 1, {"ada": 900})
    if answered_first:
        board.sightings.answered(1, accepted=True, season=1)
    board.step(1, 2, (0, 1.5, 4))
    board.step(2, 3, (0, 1.75, 4))
    if not answered_first:
        board.sightings.answered(1, accepted=True, season=1)
    board.sightings.close(Position(2, 1))
    assert not board.waits
    assert board.sightings.fates == {"over": 1}


def test_versions_are_counted_once_and_not_those_from_before_the_play(board: Board) -> None:
    board.state(2, 2, OTHERS | {"ada": 700})
    board.state(1, 1, OTHERS, worker=1)
    board.state(2, 2, OTHERS | {"ada": 700}, worker=1)
    board.state(3, 4, OTHERS | {"ada": 710}, worker=1)
    assert board.sightings.versions == 2
    assert not board.sightings.broken


def test_one_version_that_two_workers_show_differently_is_told(board: Board) -> None:
    board.state(1, 1, OTHERS | {"grace": 901}, worker=1)
    assert list(board.sightings.broken) == [
        f"forest: version 1 of epoch {EPOCH} is not the same on all screens"
    ]


def test_forgotten_states_are_gone(board: Board) -> None:
    board.score(1, 700, scheduled=2.0)
    board.state(2, 2, OTHERS | {"ada": 700})
    board.sightings.forget(0, [1])
    board.step(1, 2, (0, 2.5, 1))
    assert not board.waits
