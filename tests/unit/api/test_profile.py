"""`/profile`"""

import json
from typing import Any

import pytest

from store import connections
from store.database import Database
from store.users import UsersUnavailableError
from tests.unit.api.player_requests import everything, post, send
from tests.unit.api.rest_scene import CLOSED, DELETED_USERS, PLAYER, Answer, RestScene, request_event
from tests.unit.realtime.fakes import NOW

NEW: dict[str, Any] = {
    "userId": PLAYER,
    "name": "ada",
    "avatar": None,
    "portraits": [],
    "portraitProblem": None,
    "createdAt": None,
    "updatedAt": None,
}


def put_name(rest: RestScene, name: object) -> Answer:
    return send(rest, "PUT", "/profile", {"name": name})


def profile_of(rest: RestScene) -> dict[str, Any]:
    answer = rest.get("/profile", player=PLAYER)
    assert answer.status == 200
    profile: dict[str, Any] = answer.json
    return profile


def test_new_player_is_shown_as_the_token_says(rest: RestScene) -> None:
    assert profile_of(rest) == NEW


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"cognito:username": "google_107691503500060066000"}, f"Player {PLAYER[:8]}"),
        (
            {"cognito:username": "OurCompany_ada77", "identities": '[{"userId":"ada77"}]'},
            f"Player {PLAYER[:8]}",
        ),
        ({"cognito:username": "google_107691503500060066000", "name": "Ada L."}, "Ada L."),
        ({"name": "ada@example.com"}, "ada"),
        ({"cognito:username": PLAYER}, f"Player {PLAYER[:8]}"),
    ],
)
def test_player_without_a_name_is_never_shown_by_a_providers_identifier(
    rest: RestScene, claims: dict[str, str], name: str
) -> None:
    event = request_event("GET", "/profile", player=PLAYER)
    event["requestContext"]["authorizer"]["claims"] |= claims
    assert rest.invoke(event).json == NEW | {"name": name}


def test_name_is_changed_on_the_profile_and_the_boards(rest: RestScene) -> None:
    rest.score(PLAYER, 40)
    answer = put_name(rest, "Lovelace")
    assert answer.status == 200, answer.text
    assert answer.json == NEW | {"name": "Lovelace", "createdAt": NOW, "updatedAt": NOW}
    assert profile_of(rest) == answer.json
    for board in ("forest", "global"):
        (entry,) = rest.get("/leaderboard", {"gameArea": board}).json["entries"]
        assert (entry["name"], entry["score"]) == ("Lovelace", 40)


def test_score_after_the_change_has_the_new_name(rest: RestScene) -> None:
    put_name(rest, "Lovelace")
    post(rest, "/score", {"gameArea": "forest", "score": 7})
    (entry,) = rest.get("/leaderboard", {"gameArea": "forest"}).json["entries"]
    assert entry["name"] == "Lovelace"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada   Lovelace", "Ada Lovelace"),
        (" " * 500 + "Ada" + " " * 400, "Ada"),
        ("\U0001f3c6" * 24, "\U0001f3c6" * 24),
        ("<b>&\"'", "<b>&\"'"),
    ],
)
def test_name_is_trimmed(rest: RestScene, name: str, shown: str) -> None:
    assert put_name(rest, name).json["name"] == shown
    assert profile_of(rest)["name"] == shown


@pytest.mark.parametrize(
    "name",
    ["", "\u3164\u3164\u3164", "x" * 25, "Ada\ud800", "x" * 60_000, None, 7, True, ["Ada"], {"first": "Ada"}],
)
def test_name_that_will_not_do_is_refused(rest: RestScene, name: object) -> None:
    problem = put_name(rest, name).problem(422)
    assert [error["field"] for error in problem["errors"]] == ["body.name"]
    assert len(problem["detail"]) < 300
    assert rest.log == [], "nothing is read or written"


@pytest.mark.parametrize(
    ("body", "status", "mention"),
    [
        (None, 400, "body"),
        ("", 400, "body"),
        ('["Ada"]', 400, "body"),
        ('{"name":"Ada"', 400, "body"),
        ("{}", 422, "body.name"),
        ('{"name":"Ada","userId":"bob"}', 422, "body.userId"),
        ('{"name":"Ada","avatar":"avatars/bob/1"}', 422, "body.avatar"),
        (json.dumps({"name": "x" * 1_000_000}), 413, "body"),
    ],
)
def test_bad_body_is_refused(rest: RestScene, body: str | None, status: int, mention: str) -> None:
    assert mention in send(rest, "PUT", "/profile", body).problem(status)["detail"]
    assert rest.log == []


def test_other_content_type_is_refused(rest: RestScene) -> None:
    send(rest, "PUT", "/profile", {"name": "Ada"}, Content_Type="text/plain").problem(415)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_profile_needs_a_player(rest: RestScene, method: str) -> None:
    answer = send(rest, method, "/profile", {"name": "Ada"}, player=None)
    answer.problem(401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert rest.log == []


def test_name_is_the_callers_own(rest: RestScene) -> None:
    send(rest, "PUT", "/profile", {"name": "Bobby"}, player="bob")
    assert profile_of(rest) == NEW


def test_deleted_player_leaves_nothing_and_the_user_is_deleted(rest: RestScene, portraits: None) -> None:
    rest.score(PLAYER, 40)
    rest.score("bob", 30)
    put_name(rest, "Lovelace")
    post(rest, "/money/add", {"amount": 5, "reason": "pickup"}, Idempotency_Key="k")
    DELETED_USERS.clear()
    answer = send(rest, "DELETE", "/profile")
    assert (answer.status, answer.text) == (204, "")
    assert PLAYER not in everything(rest)
    assert DELETED_USERS == [("ada", PLAYER)]
    (entry,) = rest.get("/leaderboard", {"gameArea": "forest"}).json["entries"]
    assert entry["userId"] == "bob"
    assert send(rest, "DELETE", "/profile").status == 204, "there is nothing to delete, and that is no error"
    assert len(DELETED_USERS) == 2, "asked again, for the pool may not have answered before"


def test_pool_that_does_not_answer_is_a_503_and_the_rest_is_deleted(
    rest: RestScene, portraits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(username: str, user_id: str) -> None:
        raise UsersUnavailableError(f"the pool does not say who {user_id} is")

    rest.score(PLAYER, 40)
    rest.replace(monkeypatch, delete_user=fail)
    answer = send(rest, "DELETE", "/profile")
    answer.problem(503)
    assert "Retry-After" in answer.headers
    assert PLAYER not in everything(rest)


def test_deleted_player_is_hung_up_on(rest: RestScene, portraits: None) -> None:
    async def connect(db: Database) -> None:
        for connection_id, player in (("phone", PLAYER), ("tablet", PLAYER), ("bobs", "bob")):
            await connections.open_connection(db, connection_id, player, NOW)

    rest.run(connect)
    before = len(CLOSED)
    send(rest, "DELETE", "/profile")
    assert sorted(CLOSED[before:]) == ["phone", "tablet"]
