"""A deleted player's token, which lives on for an hour, is good for nothing but deleting what is left."""

from typing import Any, NamedTuple

import pytest

from store import players
from tests.unit.api.player_requests import LANTERN, PICKUP, SAVE, TASK, everything, post, send
from tests.unit.api.rest_scene import PLAYER, PROCESSED, RestScene
from tests.unit.realtime.fakes import NOW


class Asked(NamedTuple):
    """A good request."""

    body: dict[str, Any] | None = None
    query: dict[str, Any] | None = None


ASKED: dict[str, Asked] = {
    "POST /score": Asked({"gameArea": "forest", "score": 7}),
    "POST /run": Asked({"gameArea": "forest"}),
    "POST /server/scores": Asked(
        {"scores": [{"key": "k", "userId": PLAYER, "gameArea": "forest", "score": 7}]}
    ),
    "GET /admin/held": Asked(),
    "GET /leaderboard/me": Asked(query={"gameArea": "forest"}),
    "GET /rewards": Asked(),
    "POST /rewards/claim": Asked({"gameArea": "forest-week", "season": 1}),
    "GET /profile": Asked(),
    "PUT /profile": Asked({"name": "Lovelace"}),
    "GET /profile/export": Asked(),
    "POST /account/merge": Asked({"token": "of a guest"}),
    "GET /progress": Asked(),
    "POST /progress": Asked(SAVE),
    "POST /unlock": Asked(LANTERN[1]),
    "POST /task/complete": Asked(TASK[1]),
    "POST /money/add": Asked(PICKUP[1]),
    "POST /shop/buy": Asked({"itemId": "torch", "quantity": 1}),
    "POST /avatar/presign": Asked({"contentType": "image/png", "contentLength": 100}),
    "POST /avatar/process": Asked({"key": f"uploads/{PLAYER}/1"}),
    "POST /avatar/update": Asked({"key": f"avatars/{PLAYER}/1"}),
}
EXEMPT = {"GET /shop", "DELETE /profile"}
"""The first says nothing of the caller; the second is how to delete what a crash left."""


def ask(rest: RestScene, name: str, **headers: str) -> Any:
    method, path = name.split()
    asked = ASKED[name]
    if asked.query:
        return rest.get(path, asked.query, player=PLAYER)
    return send(rest, method, path, asked.body, **headers)


def test_every_route_of_a_player_is_in_the_table(rest: RestScene) -> None:
    paths = rest.get("/openapi.json").json["paths"]
    protected = {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation.get("security")
    }
    assert protected.keys() == ASKED.keys() | EXEMPT
    assert {name for name, operation in protected.items() if "410" in operation["responses"]} == ASKED.keys()


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("name", ASKED)
def test_request_after_deletion_is_refused_and_writes_nothing(
    rest: RestScene, portraits: None, name: str, key: str | None
) -> None:
    assert send(rest, "DELETE", "/profile").status == 204
    answer = ask(rest, name, **({"Idempotency_Key": key} if key else {}))
    assert answer.problem(410)["code"] == "deleted"
    assert "WWW-Authenticate" not in answer.headers
    assert PLAYER not in everything(rest)
    assert PROCESSED == []


def test_answer_given_before_is_not_given_again(rest: RestScene, portraits: None) -> None:
    assert post(rest, *PICKUP, Idempotency_Key="k").status == 200
    # Deletion has begun, and not yet reached the answer.
    rest.run(lambda db: players.bury(db, PLAYER, NOW))
    assert post(rest, *PICKUP, Idempotency_Key="k").problem(410)["code"] == "deleted"


@pytest.mark.parametrize(("path", "folder"), [("/avatar/process", "uploads"), ("/avatar/update", "avatars")])
def test_key_of_another_player_is_refused_as_everything_is(
    rest: RestScene, portraits: None, path: str, folder: str
) -> None:
    send(rest, "DELETE", "/profile")
    assert post(rest, path, {"key": f"{folder}/bob/1"}).problem(410)["code"] == "deleted"


def test_score_that_is_no_better_is_refused_too(rest: RestScene) -> None:
    rest.score(PLAYER, 40)
    rest.run(lambda db: players.bury(db, PLAYER, NOW))
    assert ask(rest, "POST /score").problem(410)["code"] == "deleted"


def test_deletion_leaves_other_players_alone(rest: RestScene, portraits: None) -> None:
    send(rest, "DELETE", "/profile")
    assert send(rest, "GET", "/profile", player="bob").status == 200
    assert send(rest, "POST", "/score", {"gameArea": "forest", "score": 7}, player="bob").status == 201
