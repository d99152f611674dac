"""`POST /score` in areas that add scores up, keep the latest, or rank equal ones by a tie-break."""

from typing import Any

import pytest

from game.catalogue import load_catalogue
from tests.support.catalogues import edited
from tests.unit.api.player_requests import post, progress_of
from tests.unit.api.rest_scene import PLAYER, Answer, RestScene

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")

COINS = {"name": "coins", "order": "desc", "min": 0, "max": 9}


def serve(rest: RestScene, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Serve Podium's catalogue with other rules for the forest."""
    catalogue = edited(load_catalogue(), areas={"forest": changes})
    rest.replace(monkeypatch, catalogue=catalogue)


def score(rest: RestScene, points: int, *, key: str = "", **more: Any) -> Answer:
    headers = {"Idempotency_Key": key} if key else {}
    return post(rest, "/score", {"gameArea": "forest", "score": points, **more}, **headers)


def on_board(rest: RestScene, board: str) -> list[int]:
    return [entry["score"] for entry in rest.get("/leaderboard", {"gameArea": board}).json["entries"]]


def test_sum_adds_scores_up_and_counts_each_key_once(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(rest, monkeypatch, keep="sum")
    first = score(rest, 5, key="a")
    assert (first.status, first.json["best"], first.json["improved"]) == (201, 5, True)
    assert score(rest, 5, key="b").json["best"] == 10
    again = score(rest, 5, key="a")
    assert (again.status, again.json) == (201, first.json)
    assert (on_board(rest, "forest"), on_board(rest, "global")) == ([10], [10])
    assert progress_of(rest)["bests"] == {"forest": 10}


def test_sum_without_a_key_or_with_the_key_of_another_score_is_a_422(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(rest, monkeypatch, keep="sum")
    (error,) = score(rest, 5).problem(422)["errors"]
    assert error["field"] == "header.Idempotency-Key"
    assert "forest adds scores up" in error["detail"]
    score(rest, 5, key="a")
    (error,) = score(rest, 6, key="a").problem(422)["errors"]
    assert error["detail"] == "came with another request before"
    score(rest, 5, key=" ").problem(400)
    assert on_board(rest, "forest") == [5]


def test_latest_may_be_worse_and_a_key_keeps_an_earlier_one_from_coming_again(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(rest, monkeypatch, keep="latest")
    score(rest, 9, key="a")
    assert score(rest, 4).json["best"] == 4
    score(rest, 9, key="a")
    assert (on_board(rest, "forest"), on_board(rest, "global")) == ([4], [4])
    assert score(rest, 4).json["improved"] is False


def test_tiebreak_is_asked_for_within_its_bounds_where_there_is_one(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (error,) = score(rest, 5, tiebreak=1).problem(422)["errors"]
    assert error == {"field": "body.tiebreak", "detail": "forest has none: leave it out"}
    serve(rest, monkeypatch, tiebreak=COINS)
    for wrong, said in ((None, "ranks equal scores by coins"), (10, "must be from 0 to 9")):
        (error,) = score(rest, 5, tiebreak=wrong).problem(422)["errors"]
        assert error["field"] == "body.tiebreak"
        assert said in error["detail"]
    assert score(rest, 5, tiebreak=3).json["improved"] is True
    assert score(rest, 5, tiebreak=3).json["improved"] is False
    assert score(rest, 5, tiebreak=4).json["improved"] is True
    assert rest.get("/leaderboard/me", {"gameArea": "forest"}, player=PLAYER).json["score"] == 5
    assert on_board(rest, "global") == [5]
