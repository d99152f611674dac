"""`POST /score`"""

import json
from typing import Any

import pytest

from api.validation import BODY_LIMIT
from game.catalogue import load_catalogue
from tests.support.catalogues import edited
from tests.unit.api.rest_scene import PLAYER, RestScene
from tests.unit.events import recorded


def body(**fields: Any) -> str:
    return json.dumps({"gameArea": "forest", "score": 420} | fields)


def test_recorded_event_is_a_score(rest: RestScene, capsys: pytest.CaptureFixture[str]) -> None:
    answer = rest.invoke(recorded("rest_score"))
    assert answer.status == 201
    assert answer.json == {
        "gameArea": "forest",
        "score": 420,
        "best": 420,
        "improved": True,
        "verdict": "accepted",
        "boards": [
            {"gameArea": "forest", "points": 420, "improved": True},
            {"gameArea": "global", "points": 420, "improved": True},
            {"gameArea": "forest-week", "season": 0, "points": 420, "improved": True},
        ],
    }
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert '"ScoresAccepted":[1.0]' in capsys.readouterr().out.replace(" ", "")
    page = rest.get("/leaderboard", {"gameArea": "forest"}).json
    assert [(one["userId"], one["name"], one["score"]) for one in page["entries"]] == [(PLAYER, "ada", 420)]


def test_worse_score_keeps_the_best(rest: RestScene) -> None:
    rest.post("/score", body(score=420))
    answer = rest.post("/score", body(score=7))
    assert (answer.status, answer.json["best"], answer.json["improved"]) == (201, 420, False)
    assert answer.json["boards"][0] == {"gameArea": "forest", "points": 420, "improved": False}


def test_lower_time_is_the_better_one(rest: RestScene) -> None:
    rest.post("/score", body(gameArea="sprint", score=61_250))
    assert rest.post("/score", body(gameArea="sprint", score=60_000)).json["improved"] is True
    assert rest.post("/score", body(gameArea="sprint", score=60_000)).json["improved"] is False


@pytest.mark.parametrize("score", [0, 1_000_000])
def test_bounds_are_included(rest: RestScene, score: int) -> None:
    assert rest.post("/score", body(score=score)).status == 201


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_json_content_type_is_accepted_in_any_form(rest: RestScene, content_type: str) -> None:
    assert rest.post("/score", body(), content_type=content_type).status == 201


@pytest.mark.parametrize(
    ("text", "status", "named"),
    [
        (body(score=1_000_001), 422, "body.score"),
        (body(score=-1), 422, "body.score"),
        (body(score=10**400), 422, "body.score"),
        (body(score=-(10**400)), 422, "body.score"),
        (body(score=1e400), 400, "body"),
        (body(score=4.5), 422, "body.score"),
        (body(score=420.0), 422, "body.score"),
        (body(score="420"), 422, "body.score"),
        (body(score=True), 422, "body.score"),
        (body(score=None), 422, "body.score"),
        (body(score=[420]), 422, "body.score"),
        (body(score={"$gt": 0}), 422, "body.score"),
        (body(gameArea=7), 422, "body.gameArea"),
        (body(gameArea=None), 422, "body.gameArea"),
        (body(colour="red"), 422, "body.colour"),
        (body(userId="another player"), 422, "body.userId"),
        ('{"score":420}', 422, "body.gameArea"),
        ('{"gameArea":"forest"}', 422, "body.score"),
        ("{}", 422, "body.gameArea"),
        ('{"game_area":"forest","score":420}', 422, "body.gameArea"),
        ('{"gameArea":"forest","points":420}', 422, "body.score"),
        (body(gameArea="swamp"), 404, "gameArea"),
        (body(gameArea="global"), 404, "gameArea"),
        (body(gameArea=""), 404, "gameArea"),
        (body(gameArea="x" * 10_000), 404, "gameArea"),
        (body(gameArea="\ud800"), 404, "gameArea"),
        ('{"gameArea":"forest","score":NaN}', 400, "body"),
        ('{"gameArea":"forest","score":1,"score":2}', 400, "'score'"),
        ('{"gameArea":"forest","score":420', 400, "body"),
        ("", 400, "body"),
        (None, 400, "body"),
        ("null", 400, "body"),
        ("[]", 400, "body"),
        ('[{"gameArea":"forest","score":420}]', 400, "body"),
        ("[" * 100_000, 413, "body"),
        (body(gameArea="x" * 300_000), 413, "body"),
        ("gameArea=forest&score=420", 400, "body"),
    ],
)
def test_bad_body_is_refused_by_name(rest: RestScene, text: str | None, status: int, named: str) -> None:
    problem = rest.post("/score", text).problem(status)
    if status == 422:
        assert named in {error["field"] for error in problem["errors"]}
    assert named in problem["detail"]
    assert len(problem["detail"]) < 2000
    assert "TransactWriteItems" not in " ".join(rest.log), "nothing is written"


def test_every_wrong_field_is_named(rest: RestScene) -> None:
    problem = rest.post("/score", '{"gameArea":7,"score":"x","colour":1}').problem(422)
    assert [error["field"] for error in problem["errors"]] == ["body.gameArea", "body.score", "body.colour"]


def test_list_of_wrong_fields_is_cut(rest: RestScene) -> None:
    problem = rest.post("/score", body(**{f"field-{n}-{'x' * 300}": n for n in range(50)})).problem(422)
    assert len(problem["errors"]) == 10
    assert all(len(error["field"]) <= 100 for error in problem["errors"])


@pytest.mark.parametrize("filling", ["x", "é"])
def test_body_is_measured_in_bytes(rest: RestScene, filling: str) -> None:
    room = BODY_LIMIT - len('{"gameArea":""}')
    largest = '{"gameArea":"%s"}' % (filling * (room // len(filling.encode())))
    rest.post("/score", largest).problem(422)
    problem = rest.post("/score", largest + "  ").problem(413)
    assert str(BODY_LIMIT) in problem["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"],
)
def test_other_content_type_is_refused(rest: RestScene, content_type: str) -> None:
    problem = rest.post("/score", body(), content_type=content_type).problem(415)
    assert "Content-Type" in problem["detail"]


def test_score_needs_a_player(rest: RestScene) -> None:
    answer = rest.post("/score", body(), player=None)
    assert "Authorization" in answer.problem(401)["detail"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert rest.log == []


@pytest.mark.parametrize("claim", [{"token_use": "access"}, {"token_use": None}, {"aud": "another-game"}])
def test_token_of_another_use_is_refused_although_the_authorizer_accepts_it(
    rest: RestScene, claim: dict[str, str | None]
) -> None:
    event = recorded("rest_score")
    event["requestContext"]["authorizer"]["claims"] |= claim
    assert "Authorization" in rest.invoke(event).problem(401)["detail"]
    assert rest.log == []


def test_token_is_asked_for_before_the_body_is_read(rest: RestScene) -> None:
    rest.post("/score", "garbage", player=None).problem(401)


def test_base64_body_is_decoded(rest: RestScene) -> None:
    event = recorded("rest_score") | {
        "body": "eyJnYW1lQXJlYSI6ImZvcmVzdCIsInNjb3JlIjo0MjB9",
        "isBase64Encoded": True,
    }
    assert rest.invoke(event).status == 201


@pytest.mark.parametrize("encoded", ["/////w==", "not base64!"])
def test_body_that_decodes_to_no_text_is_refused(rest: RestScene, encoded: str) -> None:
    event = recorded("rest_score") | {"body": encoded, "isBase64Encoded": True}
    assert "body" in rest.invoke(event).problem(400)["detail"]


RICH = edited(
    load_catalogue(),
    areas={
        "forest": {
            "tiebreak": {"name": "coins", "order": "desc", "min": 0, "max": 10_000},
            "metadata": 32,
        }
    },
)


@pytest.fixture
def rich(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> RestScene:
    """Scores in the forest have a tie-break, and may have metadata."""
    rest.replace(monkeypatch, catalogue=RICH)
    return rest


def test_tiebreak_and_metadata_of_the_run_are_shown_with_the_entry(rich: RestScene) -> None:
    run = {"tiebreak": 7, "metadata": {"car": "röt", "laps": [1.5, True]}}
    assert rich.post("/score", body(**run)).status == 201
    (entry,) = rich.get("/leaderboard", {"gameArea": "forest"}).json["entries"]
    assert {name: entry[name] for name in run} == run
    (total,) = rich.get("/leaderboard", {"gameArea": "global"}).json["entries"]
    assert not total.keys() & run.keys(), "a sum is of no one run"


def test_better_tiebreak_of_equal_points_improves(rich: RestScene) -> None:
    answers = [rich.post("/score", body(tiebreak=tiebreak)).json for tiebreak in (5, 5, 4, 6)]
    assert [answer["improved"] for answer in answers] == [True, False, False, True]


@pytest.mark.parametrize(
    ("run", "named"),
    [
        ({}, ["body.tiebreak"]),
        ({"tiebreak": 10_001}, ["body.tiebreak"]),
        ({"tiebreak": -1, "score": -1}, ["body.score", "body.tiebreak"]),
        ({"tiebreak": "5"}, ["body.tiebreak"]),
        ({"tiebreak": 5.0}, ["body.tiebreak"]),
        ({"tiebreak": True}, ["body.tiebreak"]),
        ({"tiebreak": 5, "metadata": "x" * 31}, ["body.metadata"]),
        ({"tiebreak": 5, "metadata": "\ud800"}, ["body.metadata"]),
        ({"tiebreak": 5, "metadata": [[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}, ["body.metadata"]),
        ({"gameArea": "desert", "tiebreak": 5, "metadata": 1}, ["body.tiebreak", "body.metadata"]),
    ],
)
def test_run_that_does_not_fit_its_area_is_refused_by_its_fields(
    rich: RestScene, run: dict[str, Any], named: list[str]
) -> None:
    answer = rich.post("/score", body(**run))
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == named
    assert rich.get("/leaderboard", {"gameArea": "forest"}).json["entries"] == []


def test_number_too_large_for_json_is_refused_in_metadata_too(rich: RestScene) -> None:
    rich.post("/score", body(tiebreak=5).replace("}", ', "metadata": 1e999}')).problem(422)
