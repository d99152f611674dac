"""Bad requests to the routes that act on progress: each is refused by name, and nothing is touched."""

import json
from typing import Any

import pytest

from api.validation import BODY_LIMIT
from tests.unit.api.player_requests import SUCCESSES, Body, Success, post, send
from tests.unit.api.rest_scene import RestScene

each_route = pytest.mark.parametrize("success", SUCCESSES, ids=lambda success: success.path)


@each_route
def test_action_needs_a_player(rest: RestScene, success: Success) -> None:
    answer = send(rest, "POST", success.path, success.body, player=None)
    assert "Authorization" in answer.problem(401)["detail"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert rest.log == []


@each_route
def test_body_that_is_no_json_object_is_refused(rest: RestScene, success: Success) -> None:
    bodies: list[tuple[Body, int]] = [
        (None, 400),
        ("", 400),
        ("null", 400),
        ("[]", 400),
        (json.dumps([success.body]), 400),
        (json.dumps(success.body)[:-1], 400),
        ('{"amount":NaN}', 400),
        ("x" * (BODY_LIMIT + 1), 413),
        ("{}", 422),
    ]
    for body, status in bodies:
        assert "body" in post(rest, success.path, body).problem(status)["detail"]
    post(rest, success.path, success.body, Content_Type="text/plain").problem(415)
    assert rest.log == [], "nothing is read or written"


@each_route
def test_each_field_is_needed_unless_it_has_a_default(rest: RestScene, success: Success) -> None:
    for name in success.body.keys() - {"quantity"}:
        body = {other: value for other, value in success.body.items() if other != name}
        problem = post(rest, success.path, body).problem(422)
        assert [error["field"] for error in problem["errors"]] == [f"body.{name}"]


@each_route
def test_unknown_field_is_refused(rest: RestScene, success: Success) -> None:
    for name in ("userId", "money", "task_id"):
        problem = post(rest, success.path, success.body | {name: 1}).problem(422)
        assert [error["field"] for error in problem["errors"]] == [f"body.{name}"]


WRONG_VALUES: dict[str, list[Any]] = {
    "level": [0, -1, 1.0, 1.5, "1", True, None, 10**12 + 1, 10**400],
    "xp": [-1, 1.0, "1", True, None, [], 10**12 + 1, 10**400],
    "version": [-1, 0.0, "0", False, None, {}, 10**12 + 1],
    "id": [1, None, [], {}, True],
    "taskId": [1, None, [], {}, True],
    "amount": [0, -1, 1.0, "1", True, None, 10**12 + 1, 10**400],
    "reason": [1, None, [], {}],
    "itemId": [1, None, [], {}],
    "quantity": [0, -1, 1.0, "1", True, None, 1001, 10**400],
}


@each_route
def test_wrong_value_is_named(rest: RestScene, success: Success) -> None:
    for name in success.body.keys() - {"checkpoint"}:
        for value in WRONG_VALUES[name]:
            problem = post(rest, success.path, success.body | {name: value}).problem(422)
            assert {error["field"] for error in problem["errors"]} == {f"body.{name}"}
            assert len(problem["detail"]) < 500
    assert rest.log == [], "nothing is read or written"


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/unlock", {"id": "\ud800"}, 404),
        ("/task/complete", {"taskId": "\ud800"}, 404),
        ("/shop/buy", {"itemId": "\ud800"}, 404),
        ("/money/add", {"amount": 1, "reason": "\ud800"}, 422),
        ("/unlock", {"id": "\x00" * 10_000}, 404),
    ],
)
def test_text_that_is_no_name_is_refused(
    rest: RestScene, path: str, body: dict[str, Any], status: int, key: str | None
) -> None:
    headers = {"Idempotency_Key": key} if key else {}
    problem = post(rest, path, body, **headers).problem(status)
    assert len(problem["detail"]) < 300
