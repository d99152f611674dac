"""`GET /seasons`, and `season=` on the reads of boards"""

import json
from collections.abc import Callable

import pytest

from tests.support.seasons import GRACE_MS, SEASON_MS, with_seasons
from tests.unit.api.rest_scene import PLAYER, Answer, RestScene, request_event
from tests.unit.realtime.fakes import NOW

BOUNDARY = NOW + SEASON_MS

At = Callable[[int], None]


@pytest.fixture
def at(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> At:
    """Set the clock, in milliseconds since the epoch; season 1 begins at NOW."""

    def move(now: int) -> None:
        rest.replace(monkeypatch, catalogue=with_seasons(NOW), now_ms=lambda: now)

    move(NOW)
    return move


def submit(rest: RestScene, points: int, player: str = PLAYER) -> Answer:
    return rest.post("/score", json.dumps({"gameArea": "forest", "score": points}), player=player)


def page(rest: RestScene, season: int | None = None, **query: object) -> Answer:
    chosen = {} if season is None else {"season": season}
    return rest.get("/leaderboard", {"gameArea": "week", **chosen, **query})


def test_seasons_are_listed_newest_first_with_their_state(rest: RestScene, at: At) -> None:
    at(BOUNDARY + GRACE_MS + 4_999)
    assert rest.get("/seasons", {"gameArea": "week"}).json == {
        "gameArea": "week",
        "current": 2,
        "seasons": [
            {"season": 2, "startsAt": BOUNDARY, "endsAt": BOUNDARY + SEASON_MS, "state": "open"},
            {"season": 1, "startsAt": NOW, "endsAt": BOUNDARY, "state": "review"},
        ],
    }
    at(BOUNDARY + GRACE_MS + 5_000)
    assert [one["state"] for one in rest.get("/seasons", {"gameArea": "week"}).json["seasons"]] == [
        "open",
        "closed",
    ]


def test_only_boards_have_seasons_and_not_all_of_them(rest: RestScene, at: At) -> None:
    assert "there is no 'nowhere'" in rest.get("/seasons", {"gameArea": "nowhere"}).problem(404)["detail"]
    assert "has no seasons" in rest.get("/seasons", {"gameArea": "forest"}).problem(404)["detail"]
    (error,) = rest.get("/leaderboard", {"gameArea": "forest", "season": 1}).problem(422)["errors"]
    assert error == {"field": "query.season", "detail": "forest has no seasons: leave it out"}


def test_answer_to_a_score_names_each_board_and_its_season(rest: RestScene, at: At) -> None:
    at(BOUNDARY)
    assert submit(rest, 7).json["boards"][-2:] == [
        {"gameArea": "week", "season": 2, "points": 7, "improved": True},
        {"gameArea": "cup", "season": 2, "points": 7, "improved": True},
    ]


def test_past_season_is_read_as_it_ended(rest: RestScene, at: At) -> None:
    at(BOUNDARY - 1)
    submit(rest, 9)
    at(BOUNDARY)
    submit(rest, 5, "bob")
    assert [(one["userId"], one["score"]) for one in page(rest).json["entries"]] == [("bob", 5)]
    past = page(rest, 1).json
    assert (past["season"], past["version"]) == (1, 0)
    assert [(one["userId"], one["score"]) for one in past["entries"]] == [(PLAYER, 9)]
    own = rest.get("/leaderboard/me", {"gameArea": "week", "season": 1}, player=PLAYER).json
    assert (own["season"], own["rank"], own["of"]) == (1, 1, 1)
    rest.get("/leaderboard/me", {"gameArea": "week"}, player=PLAYER).problem(404)
    rank = rest.get("/leaderboard/rank", {"gameArea": "week", "season": 1, "score": 9}).json
    assert (rank["season"], rank["rank"]) == (1, 2)


@pytest.mark.parametrize("season", [0, 3, -1, 10**9])
def test_season_that_has_not_begun_is_a_404(rest: RestScene, at: At, season: int) -> None:
    at(BOUNDARY)
    assert "it has 1 to 2" in page(rest, season).problem(404)["detail"]


def test_season_past_its_time_is_absent_though_its_rows_are_there(rest: RestScene, at: At) -> None:
    submit(rest, 9)
    at(BOUNDARY + 3 * SEASON_MS - 1)
    assert len(page(rest, 1).json["entries"]) == 1
    at(BOUNDARY + 3 * SEASON_MS)
    assert "it has 2 to 5" in page(rest, 1).problem(404)["detail"]


def test_cursor_belongs_to_a_season(rest: RestScene, at: At) -> None:
    for name in ("ada", "bob", "cleo"):
        submit(rest, 5, name)
    cursor = page(rest, limit=1).json["nextCursor"]
    at(BOUNDARY)
    (error,) = page(rest, cursor=cursor).problem(422)["errors"]
    assert error["field"] == "query.cursor"
    assert error["detail"] == "not a cursor of this board in season 2: send the season of the page before"
    assert [one["rank"] for one in page(rest, 1, cursor=cursor).json["entries"]] == [2, 3]


def test_task_that_needs_a_score_on_a_board_means_the_open_season(
    rest: RestScene, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = with_seasons(NOW).model_dump(by_alias=True, exclude_unset=True)
    file["tasks"] = {
        "weekly": {
            "title": "Score this week",
            "requires": {"area": "week", "points": 5},
            "money": 5,
            "xp": 0,
            "repeat": "daily",
        }
    }
    catalogue = type(with_seasons(NOW)).model_validate(file)
    submit(rest, 9)
    task = json.dumps({"taskId": "weekly"})
    rest.replace(monkeypatch, catalogue=catalogue, now_ms=lambda: BOUNDARY)
    rest.post("/task/complete", task).problem(409)
    rest.replace(monkeypatch, catalogue=catalogue, now_ms=lambda: BOUNDARY - 1)
    assert rest.post("/task/complete", task).json["money"] == 5


def test_score_sent_again_under_its_key_counts_in_its_first_season_alone(rest: RestScene, at: At) -> None:
    def send(key: str | None) -> Answer:
        event = request_event("POST", "/score", player=PLAYER)
        event["body"] = json.dumps({"gameArea": "forest", "score": 9})
        if key is not None:
            event["headers"]["Idempotency-Key"] = key
            event["multiValueHeaders"]["Idempotency-Key"] = [key]
        return rest.invoke(event)

    at(BOUNDARY - 1)
    first = send("sunday")
    at(BOUNDARY + 5)
    assert send("sunday").json == first.json, "the answer was lost, and the client tries again"
    assert page(rest).json["entries"] == []
    assert send(None).json["boards"][-1]["season"] == 2
