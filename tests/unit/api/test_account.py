"""`/account/merge`"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from api.routes import account
from game.merge import GUESTS_LIMIT
from runtime.token_kinds import KeySetError
from store import appearance, players
from store.database import Database, to_item
from store.deletion import delete_player
from store.profiles import Profile
from store.schema import STANDINGS
from store.users import UsersUnavailableError
from tests.unit.api.player_requests import everything, post, progress_of, send
from tests.unit.api.rest_scene import (
    CLOSED,
    DELETED_USERS,
    DEPLOYMENT,
    GUESTS,
    PLAYER,
    Answer,
    RestScene,
    request_event,
)
from tests.unit.realtime import user_pool
from tests.unit.realtime.fakes import NOW

GUEST, NAME = "0d5cbf1c-guest", "guest-0d5cbf1c"
PICKUP = {"amount": 100, "reason": "pickup"}


@pytest.fixture(autouse=True)
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One guest, and tokens that are judged at NOW."""
    user_pool.stop_time(monkeypatch)
    DELETED_USERS.clear()
    CLOSED.clear()
    GUESTS.clear()
    GUESTS.add((NAME, GUEST))
    yield
    GUESTS.clear()


def claims(guest: str = GUEST, name: str = NAME, **changes: Any) -> dict[str, Any]:
    return user_pool.ID_CLAIMS | {"sub": guest, "cognito:username": name} | changes


TOKEN = user_pool.token(claims())


def merge(rest: RestScene, token: str = TOKEN, player: str = PLAYER) -> Answer:
    return send(rest, "POST", "/account/merge", {"token": token}, player=player)


def test_caller_takes_over_a_guest(rest: RestScene, portraits: None) -> None:
    assert send(rest, "POST", "/money/add", PICKUP, player=GUEST).status == 200
    rest.score(GUEST, 40)
    rest.score(PLAYER, 30)
    for _ in range(2):
        answer = merge(rest)
        assert (answer.status, answer.json) == (200, {"state": "done"})
        GUESTS.clear()  # the user is gone by now
        progress = progress_of(rest)
        assert (progress["money"], progress["bests"]) == (100, {"forest": 40})
        assert DELETED_USERS == [(NAME, GUEST)]
    assert GUEST not in everything(rest)
    problem = send(rest, "POST", "/score", {"gameArea": "forest", "score": 90}, player=GUEST).problem(410)
    assert problem["code"] == "deleted"


def test_portrait_of_a_guest_is_copied_for_an_account_without_a_save(
    rest: RestScene, portraits: None
) -> None:
    bucket, avatar = s3_backends[DEFAULT_ACCOUNT_ID]["aws"], f"avatars/{GUEST}/face"
    for size in (48, 128, 512):
        bucket.put_object(DEPLOYMENT.avatar_bucket, f"{avatar}/{size}.webp", b"picture")

    async def wear(db: Database) -> object:
        guest = Profile(user_id=GUEST, name="Gus")
        return await appearance.change(db, guest, lambda old: old.with_portrait(avatar), NOW)

    rest.run(wear)
    rest.score(GUEST, 40)
    assert merge(rest).status == 200
    profile = send(rest, "GET", "/profile").json
    assert (profile["name"], profile["avatar"]) == ("Gus", f"avatars/{PLAYER}/face")
    assert {*bucket.buckets[DEPLOYMENT.avatar_bucket].keys} == {
        f"avatars/{PLAYER}/face/{size}.webp" for size in (48, 128, 512)
    }
    board = rest.get("/leaderboard", {"gameArea": "forest"}).json["entries"]
    assert [(one["userId"], one["name"], one["avatar"]) for one in board] == [
        (PLAYER, "Gus", f"avatars/{PLAYER}/face")
    ]


def test_merge_that_takes_longer_goes_on_with_the_next_request(
    rest: RestScene, portraits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def for_ever(*_: object) -> None:
        await asyncio.sleep(3600)

    rest.score(GUEST, 40)
    with monkeypatch.context() as patch:
        patch.setattr(account, "MERGE_SECONDS", 0.01)
        rest.replace(patch, delete_user=for_ever)
        answer = merge(rest)
        assert (answer.status, answer.json) == (202, {"state": "running"})
    assert DELETED_USERS == []
    assert send(rest, "GET", "/profile", player=GUEST).problem(410)["code"] == "deleted"
    assert merge(rest).status == 200
    assert progress_of(rest)["bests"] == {"forest": 40}


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("nonsense", "the token is not valid"),
        ("", "the token is not valid"),
        (user_pool.token(claims(exp=user_pool.NOW - 11)), "expired"),
        (user_pool.token(user_pool.ACCESS_CLAIMS | {"sub": GUEST, "username": NAME}), "use must be id"),
        (user_pool.token(claims(aud="another")), "another client's"),
        (user_pool.token(claims(), kid="key-2", signed_by="key-2"), "does not have"),
        (user_pool.token(claims(), signed_by="key-2"), "not valid"),
        (user_pool.unsigned_token(), "RS256"),
        (user_pool.token(claims(PLAYER, "ada")), "is your own"),
        (user_pool.token(claims("bob", "bob")), "no guest"),
        (user_pool.token(claims("another-sub")), "no guest"),
    ],
)
def test_token_that_is_not_a_guests_is_refused(rest: RestScene, token: str, said: str) -> None:
    before = everything(rest)
    problem = merge(rest, token).problem(422)
    (error,) = problem["errors"]
    assert error["field"] == "body.token"
    assert said in error["detail"]
    assert everything(rest) == before
    assert DELETED_USERS == []
    if len(token) > 20:
        assert token not in str(problem)


def test_guest_of_another_account_and_a_deleted_one_are_refused(rest: RestScene, portraits: None) -> None:
    assert merge(rest, player="bob").status == 200
    assert "another account" in merge(rest).problem(422)["detail"]
    GUESTS.add(("guest-deleted-1", "deleted"))
    rest.run(lambda db: players.bury(db, "deleted", NOW))
    gone = user_pool.token(claims("deleted", "guest-deleted-1"))
    assert "deleted" in merge(rest, gone).problem(422)["detail"]


def test_guest_takes_over_no_guest(rest: RestScene) -> None:
    GUESTS.add(("guest-5f1e2d3c", PLAYER))
    event = request_event("POST", "/account/merge", player=PLAYER) | {"body": f'{{"token": "{TOKEN}"}}'}
    event["requestContext"]["authorizer"]["claims"]["cognito:username"] = "guest-5f1e2d3c"
    assert rest.invoke(event).problem(409)["code"] == "guest"


def test_account_takes_over_three_guests(rest: RestScene, portraits: None) -> None:
    for number in range(GUESTS_LIMIT + 1):
        guest, name = f"guest-{number}", f"guest-number-{number}"
        GUESTS.add((name, guest))
        answer = merge(rest, user_pool.token(claims(guest, name)))
        if number < GUESTS_LIMIT:
            assert answer.status == 200
        else:
            problem = answer.problem(409)
            assert (problem["code"], str(GUESTS_LIMIT) in problem["detail"]) == ("merge_limit", True)


def test_merge_waits_while_keys_or_user_pool_do_not_answer(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> Any:
        raise KeySetError("the keys cannot be read")

    async def away(*_: object) -> Any:
        raise UsersUnavailableError("busy")

    rest.replace(monkeypatch, verify=fail)
    assert merge(rest).problem(503)
    rest.replace(monkeypatch, is_guest=away)
    assert merge(rest).problem(503)


def test_row_that_cannot_be_read_is_said_to_hold_the_merge_up(rest: RestScene, portraits: None) -> None:
    rest.score(GUEST, 40)
    damaged = to_item({"userId": PLAYER, "board": "forest", "points": "many"})
    rest.run(lambda db: db.client.put_item(TableName=STANDINGS.name, Item=damaged))
    assert "once it has been mended" in merge(rest).problem(500)["detail"]
    assert DELETED_USERS == []


def test_caller_who_is_deleted_meanwhile_is_told_so(
    rest: RestScene, portraits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest.score(GUEST, 40)

    async def delete(username: str, user_id: str) -> None:
        """Delete the caller as the guest's user is deleted, in the end."""
        if user_id == GUEST:
            await rest_delete()

    async def nothing(*_: object) -> None:
        pass

    async def rest_delete() -> None:
        backend = rest.container._resources
        assert backend is not None
        await delete_player(
            backend.db,
            backend.portraits,
            PLAYER,
            NOW,
            username="ada",
            hang_up=nothing,
            delete_user=nothing,
        )

    rest.replace(monkeypatch, delete_user=delete)
    assert merge(rest).problem(410)["code"] == "deleted"
    assert GUEST not in everything(rest)
    assert PLAYER not in everything(rest)


def test_body_needs_a_token_of_bounded_length(rest: RestScene) -> None:
    for body in ({}, {"token": 7}, {"token": "x" * (account.TOKEN_LIMIT + 1)}, {"token": "x", "more": 1}):
        assert post(rest, "/account/merge", body).problem(422)
