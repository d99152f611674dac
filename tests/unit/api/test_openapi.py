"""The API's description names every error, and what a client may send."""

from typing import Any

import pytest

from tests.unit.api.player_requests import SUCCESSES
from tests.unit.api.rest_scene import RestScene

Operations = dict[str, dict[str, Any]]


@pytest.fixture
def operations(rest: RestScene) -> Operations:
    """Return every operation, as `POST /score`."""
    paths = rest.get("/openapi.json").json["paths"]
    return {
        f"{method.upper()} {path}": one for path, methods in paths.items() for method, one in methods.items()
    }


def statuses(operation: dict[str, Any]) -> set[int]:
    return {int(status) for status in operation["responses"]}


def test_status_of_a_bad_body_is_documented(operations: Operations) -> None:
    with_body = {name for name, operation in operations.items() if "requestBody" in operation}
    assert with_body == {name for name in operations if name.startswith(("POST", "PUT"))}
    for name in with_body:
        assert {400, 413, 415, 422} <= statuses(operations[name]), name
        assert operations[name]["requestBody"]["required"] is True, name


def test_status_of_a_bad_query_is_documented(operations: Operations) -> None:
    for name, operation in operations.items():
        if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
            assert 422 in statuses(operation), name


def test_status_of_a_missing_token_is_documented_where_one_is_needed(operations: Operations) -> None:
    for name, operation in operations.items():
        assert (401 in statuses(operation)) is (operation.get("security") == [{"idToken": []}]), name
    free = {name for name, operation in operations.items() if not operation.get("security")}
    assert free == {
        "GET /leaderboard",
        "GET /leaderboard/global",
        "GET /leaderboard/rank",
        "GET /seasons",
        "GET /avatar/view",
        "GET /health",
        "GET /client-config.json",
        "GET /catalogue",
    }


def test_every_error_is_a_problem_and_every_answer_has_a_schema(operations: Operations) -> None:
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                (content_type, content), *more = response["content"].items()
                assert (content_type, more) == ("application/problem+json", []), name
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
            elif status in {"204", "302", "304"}:
                assert not response.get("content"), name
            else:
                assert "$ref" in response["content"]["application/json"]["schema"], name


def test_idempotency_key_is_documented_for_every_action(operations: Operations) -> None:
    actions = {"POST /score", "POST /rewards/claim", *(f"POST {success.path}" for success in SUCCESSES)}
    for name, operation in operations.items():
        headers = [one["name"].lower() for one in operation.get("parameters", []) if one["in"] == "header"]
        assert ("idempotency-key" in headers) is (name in actions), name
