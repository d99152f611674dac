"""`GET /profile/export`"""

from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from store.players import EXPORT_SECONDS
from store.users import UsersUnavailableError
from tests.unit.api.player_requests import PICKUP, post, send
from tests.unit.api.rest_scene import DEPLOYMENT, PLAYER, RestScene
from tests.unit.realtime.fakes import NOW


def test_player_gets_all_that_is_stored(rest: RestScene, portraits: None) -> None:
    key = f"avatars/{PLAYER}/face/48.webp"
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(DEPLOYMENT.avatar_bucket, key, b"picture")
    rest.score(PLAYER, 40)
    rest.score("bob", 50)
    assert send(rest, "PUT", "/profile", {"name": "Lovelace"}).status == 200
    assert post(rest, *PICKUP, Idempotency_Key="k").status == 200
    answer = rest.get("/profile/export", player=PLAYER)
    assert answer.status == 200
    found = answer.json
    assert (found["userId"], found["exportedAt"], found["leftOut"]) == (PLAYER, NOW, [])
    assert found["account"] == {"sub": PLAYER, "username": "ada", "email": "ada@example.org"}
    assert found["profile"]["name"] == "Lovelace"
    assert found["progress"]["money"] == 100
    assert {one["board"]: one["entry"]["name"] for one in found["standings"]} == {
        "forest": "Lovelace",
        "forest-week#0": "Lovelace",
        "global": "Lovelace",
    }
    (picture,) = found["pictures"]
    assert (picture["key"], picture["bytes"]) == (key, 7)
    assert "X-Amz-Signature=" in picture["url"]
    (kept,) = found["answers"]
    assert kept["status"] == 200
    assert "bob" not in answer.text


def test_second_export_within_a_minute_says_when_to_come_back(rest: RestScene, portraits: None) -> None:
    assert rest.get("/profile/export", player=PLAYER).status == 200
    answer = rest.get("/profile/export", player=PLAYER)
    assert answer.problem(429)
    assert answer.headers["Retry-After"] == str(EXPORT_SECONDS)
    assert rest.get("/profile/export", player="bob").status == 200


def test_export_waits_for_the_user_pool(
    rest: RestScene, portraits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> Any:
        raise UsersUnavailableError("busy")

    rest.replace(monkeypatch, describe_user=away)
    assert rest.get("/profile/export", player=PLAYER).problem(503)
