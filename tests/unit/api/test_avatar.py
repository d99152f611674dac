"""`/avatar`"""

import base64
import json
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from api.backend import Backend
from game.pictures import CONTENT_TYPES, MAX_BYTES
from store import appearance
from store.portraits import UPLOAD_SECONDS, VIEW_CACHE_SECONDS, VIEW_SECONDS
from store.profiles import PORTRAITS_AN_HOUR, PORTRAITS_KEPT, Outcome, Profile
from tests.unit.api.player_requests import post, send
from tests.unit.api.rest_scene import DEPLOYMENT, PLAYER, PROCESSED, RestScene
from tests.unit.realtime.fakes import NOW

pytestmark = pytest.mark.usefixtures("portraits")

JPEG = {"contentType": "image/jpeg", "contentLength": 1000}
UPLOADS = f"uploads/{PLAYER}/"
PORTRAIT = f"avatars/{PLAYER}/one"
OTHER = f"avatars/{PLAYER}/two"


def upload(rest: RestScene, player: str = PLAYER) -> str:
    """Return the key of a picture that has been uploaded."""
    key: str = send(rest, "POST", "/avatar/presign", JPEG, player=player).json["key"]
    put(key)
    return key


def put(key: str) -> None:
    """Something lies there. Directly: the SDK streams an object's content, and moto here takes bytes."""
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(DEPLOYMENT.avatar_bucket, key, b"picture")


def keys(rest: RestScene) -> set[str]:
    async def work(backend: Backend) -> set[str]:
        listed = await backend.portraits.client.list_objects_v2(Bucket=backend.portraits.name)
        return {item["Key"] for item in listed.get("Contents", [])}

    return rest.container.run(work)


def finish(rest: RestScene, *portraits: str) -> None:
    """The portraits are made, and the last one is shown."""

    async def work(backend: Backend) -> None:
        await appearance.change(
            backend.db,
            Profile(user_id=PLAYER, name="ada"),
            lambda profile: profile.model_copy(update={"portraits": portraits, "avatar": portraits[-1]}),
            NOW,
        )

    rest.container.run(work)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_upload_is_signed_for_exactly_one_key_type_and_size(rest: RestScene, content_type: str) -> None:
    answer = post(rest, "/avatar/presign", {"contentType": content_type, "contentLength": MAX_BYTES})
    assert answer.status == 200, answer.text
    presigned = answer.json
    assert presigned.keys() == {"url", "fields", "key", "expiresIn"}
    assert presigned["expiresIn"] == UPLOAD_SECONDS == 300
    assert presigned["key"].startswith(f"uploads/{PLAYER}/")
    assert DEPLOYMENT.avatar_bucket in presigned["url"]
    fields = presigned["fields"]
    assert (fields["key"], fields["Content-Type"]) == (presigned["key"], content_type)
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert {"key": presigned["key"]} in policy["conditions"]
    assert {"Content-Type": content_type} in policy["conditions"]
    assert ["content-length-range", 1, MAX_BYTES] in policy["conditions"]
    assert {"bucket": DEPLOYMENT.avatar_bucket} in policy["conditions"]


def test_upload_is_signed_for_no_more_bytes_than_were_announced(rest: RestScene) -> None:
    policy = json.loads(base64.b64decode(post(rest, "/avatar/presign", JPEG).json["fields"]["policy"]))
    assert ["content-length-range", 1, JPEG["contentLength"]] in policy["conditions"]


def test_every_upload_has_a_key_of_its_own(rest: RestScene) -> None:
    uploads = {post(rest, "/avatar/presign", JPEG).json["key"] for _ in range(3)}
    assert len(uploads) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"contentType": "image/jxl"}, "contentType"),
        ({"contentType": "video/mp4"}, "contentType"),
        ({"contentType": "image/svg+xml"}, "contentType"),
        ({"contentType": "IMAGE/JPEG"}, "contentType"),
        ({"contentType": "image/jpeg; charset=x"}, "contentType"),
        ({"contentType": ""}, "contentType"),
        ({"contentType": None}, "contentType"),
        ({"contentLength": 0}, "contentLength"),
        ({"contentLength": -1}, "contentLength"),
        ({"contentLength": MAX_BYTES + 1}, "contentLength"),
        ({"contentLength": "1000"}, "contentLength"),
        ({"contentLength": 1.5}, "contentLength"),
        ({"contentLength": True}, "contentLength"),
        ({"key": "uploads/bob/1"}, "key"),
    ],
)
def test_bad_upload_request_is_refused_by_field(rest: RestScene, change: dict[str, Any], field: str) -> None:
    problem = post(rest, "/avatar/presign", JPEG | change).problem(422)
    assert [error["field"] for error in problem["errors"]] == [f"body.{field}"]


def test_refusal_says_which_limit_and_what_to_do(rest: RestScene) -> None:
    large = post(rest, "/avatar/presign", JPEG | {"contentLength": MAX_BYTES + 1}).problem(422)["detail"]
    assert "at most 20 MB" in large
    assert "smaller" in large
    other = post(rest, "/avatar/presign", JPEG | {"contentType": "image/svg+xml"}).problem(422)["detail"]
    assert "send a JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF file" in other


@pytest.mark.parametrize("background", ["none", "blur", "#00ff7F"])
def test_upload_is_handed_on_to_be_worked_on(rest: RestScene, background: str) -> None:
    key = upload(rest)
    answer = post(rest, "/avatar/process", {"key": key, "background": background})
    assert (answer.status, answer.json) == (202, {"key": key, "status": "processing"})
    assert PROCESSED[-1] == (PLAYER, key, background)


def test_background_is_kept_unless_asked_for(rest: RestScene) -> None:
    key = upload(rest)
    assert post(rest, "/avatar/process", {"key": key}).status == 202
    assert PROCESSED[-1] == (PLAYER, key, "none")


@pytest.mark.parametrize("background", ["", "red", "#fff", "#00ff7g", "blur\n", "#00ff7f00", None, 1])
def test_other_background_is_refused(rest: RestScene, background: object) -> None:
    problem = post(rest, "/avatar/process", {"key": upload(rest), "background": background}).problem(422)
    assert [error["field"] for error in problem["errors"]] == ["body.background"]


def test_portraits_of_a_player_are_limited_by_the_hour(rest: RestScene) -> None:
    key = upload(rest)
    for _ in range(PORTRAITS_AN_HOUR):
        assert post(rest, "/avatar/process", {"key": key}).status == 202
    answer = post(rest, "/avatar/process", {"key": key})
    assert f"at most {PORTRAITS_AN_HOUR} portraits per hour" in answer.problem(429)["detail"]
    assert 0 < int(answer.headers["Retry-After"]) <= 3601
    assert len(PROCESSED) == PORTRAITS_AN_HOUR
    # Another player has an hour of their own, and what is not there is not counted.
    assert send(rest, "POST", "/avatar/process", {"key": upload(rest, "bob")}, player="bob").status == 202
    post(rest, "/avatar/process", {"key": f"{UPLOADS}missing"}).problem(404)


FOREIGN = [
    "",
    "x",
    "uploads/",
    "uploads/bob/1",
    f"uploads/{PLAYER}",
    f"uploads/{PLAYER}x/1",
    f"/uploads/{PLAYER}/1",
    f"avatars/bob/../{PLAYER}/1",
]


@pytest.mark.parametrize("key", [*FOREIGN, PORTRAIT])
def test_upload_of_others_is_not_worked_on(rest: RestScene, key: str) -> None:
    before = list(PROCESSED)
    assert "key" in post(rest, "/avatar/process", {"key": key}).problem(403)["detail"]
    assert before == PROCESSED


@pytest.mark.parametrize(
    "key", [f"uploads/{PLAYER}/", f"uploads/{PLAYER}/missing", f"uploads/{PLAYER}/../bob/1"]
)
def test_upload_that_is_not_there_is_not_worked_on(rest: RestScene, key: str) -> None:
    before = list(PROCESSED)
    post(rest, "/avatar/process", {"key": key}).problem(404)
    assert before == PROCESSED


def test_upload_whose_outcome_is_known_is_asked_for_again_and_told_again(rest: RestScene) -> None:
    """The answer to the first request was lost; the container has deleted the upload since."""
    key = f"{UPLOADS}done"
    outcome = Outcome(upload=key, picture="one", face=True)

    async def make(backend: Backend) -> None:
        await appearance.change(
            backend.db,
            Profile(user_id=PLAYER, name="ada"),
            lambda profile: profile.with_outcome(outcome),
            NOW,
        )

    rest.container.run(make)
    before = len(PROCESSED)
    assert post(rest, "/avatar/process", {"key": key}).status == 202
    assert PROCESSED[before:] == [(PLAYER, key, "none")]


def test_portrait_is_chosen_among_the_players_own(rest: RestScene) -> None:
    rest.score(PLAYER, 40)
    finish(rest, PORTRAIT, OTHER)
    answer = post(rest, "/avatar/update", {"key": PORTRAIT})
    assert (answer.status, answer.json["avatar"]) == (200, PORTRAIT)
    assert rest.get("/profile", player=PLAYER).json == answer.json
    for board in ("forest", "global"):
        (entry,) = rest.get("/leaderboard", {"gameArea": board}).json["entries"]
        assert entry["avatar"] == PORTRAIT


@pytest.mark.parametrize("key", ["", "x", "avatars/bob/1", f"uploads/{PLAYER}/1", f"avatars/{PLAYER}x/1"])
def test_portrait_of_others_is_not_chosen(rest: RestScene, key: str) -> None:
    finish(rest, PORTRAIT)
    post(rest, "/avatar/update", {"key": key}).problem(403)
    assert rest.get("/profile", player=PLAYER).json["avatar"] == PORTRAIT


@pytest.mark.parametrize("key", [f"avatars/{PLAYER}/", OTHER, f"{PORTRAIT}/128.webp"])
def test_portrait_that_was_not_made_is_not_chosen(rest: RestScene, key: str) -> None:
    finish(rest, PORTRAIT)
    post(rest, "/avatar/update", {"key": key}).problem(404)


def test_portrait_that_is_no_longer_kept_is_not_chosen(rest: RestScene) -> None:
    outcomes = [Outcome(upload=UPLOADS, picture=str(number)) for number in range(PORTRAITS_KEPT + 1)]

    async def make(backend: Backend) -> None:
        for outcome in outcomes:
            change = partial(Profile.with_outcome, outcome=outcome)
            ada = Profile(user_id=PLAYER, name="ada")
            await appearance.change(backend.db, ada, change, NOW)

    rest.container.run(make)
    dropped, kept = (f"avatars/{PLAYER}/{number}" for number in (0, 1))
    detail = post(rest, "/avatar/update", {"key": dropped}).problem(404)["detail"]
    assert f"the last {PORTRAITS_KEPT} are" in detail
    assert post(rest, "/avatar/update", {"key": kept}).json["avatar"] == kept


def test_portrait_that_is_dropped_meanwhile_is_not_chosen(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(rest, PORTRAIT, OTHER)
    change = appearance.change

    async def drop_and_change(*arguments: Any) -> Profile:
        monkeypatch.setattr(appearance, "change", change)
        db, default, _, now = arguments
        await change(
            db,
            default,
            lambda profile: profile.model_copy(update={"portraits": (OTHER,)}),
            now,
        )
        return await change(*arguments)

    monkeypatch.setattr(appearance, "change", drop_and_change)
    post(rest, "/avatar/update", {"key": PORTRAIT}).problem(404)
    assert rest.get("/profile", player=PLAYER).json["avatar"] == OTHER


def test_portrait_of_a_player_without_a_profile_is_not_there(rest: RestScene) -> None:
    post(rest, "/avatar/update", {"key": PORTRAIT}).problem(404)


@pytest.mark.parametrize("path", ["/avatar/process", "/avatar/update"])
@pytest.mark.parametrize(
    "key", [None, 1, ["x"], "x" * 301, f"{UPLOADS}\ud800", f"{UPLOADS}\x00", f"{UPLOADS}é", f"{UPLOADS}1\n"]
)
def test_malformed_key_is_refused(rest: RestScene, path: str, key: object) -> None:
    problem = post(rest, path, {"key": key}).problem(422)
    assert [error["field"] for error in problem["errors"]] == ["body.key"]


@pytest.mark.parametrize("path", ["/avatar/presign", "/avatar/process", "/avatar/update"])
def test_portraits_need_a_player_and_json(rest: RestScene, path: str) -> None:
    send(rest, "POST", path, JPEG, player=None).problem(401)
    post(rest, path, "[]").problem(400)
    post(rest, path, "{}").problem(422)
    post(rest, path, JPEG, Content_Type="image/jpeg").problem(415)
    post(rest, path, "x" * 70_000).problem(413)
    assert rest.log == []


@pytest.mark.parametrize("size", ["48", "128", "512", None])
def test_view_redirects_to_the_picture(rest: RestScene, size: str | None) -> None:
    answer = rest.get("/avatar/view", {"key": PORTRAIT} | ({"size": size} if size else {}))
    assert answer.status == 302
    address = urlsplit(answer.headers["Location"])
    assert address.path.endswith(f"{PORTRAIT}/{size or 128}.webp")
    assert parse_qs(address.query)["X-Amz-Expires"] == [str(VIEW_SECONDS)]
    assert answer.headers["Cache-Control"] == f"max-age={VIEW_CACHE_SECONDS}"


def test_portrait_address_outlasts_cached_redirects_and_not_its_credentials() -> None:
    assert 2 * VIEW_CACHE_SECONDS <= VIEW_SECONDS
    # The SDK waits for new credentials once the old ones have so long to live.
    waits: Any = AioRefreshableCredentials
    assert waits._mandatory_refresh_timeout >= VIEW_SECONDS


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"key": PORTRAIT, "size": "64"}, "size"),
        ({"key": PORTRAIT, "size": "0128"}, "size"),
        ({"key": PORTRAIT, "size": ""}, "size"),
        ({}, "key"),
        ({"key": ""}, "key"),
        ({"key": f"uploads/{PLAYER}/1"}, "key"),
        ({"key": f"avatars/{PLAYER}/../1"}, "key"),
        ({"key": f"{PORTRAIT}/128.webp"}, "key"),
        ({"key": f"{PORTRAIT}\n"}, "key"),
        ({"key": f"avatars/{'x' * 129}/1"}, "key"),
    ],
)
def test_bad_view_query_is_refused_by_field(rest: RestScene, query: dict[str, str], field: str) -> None:
    problem = rest.get("/avatar/view", query).problem(422)
    assert [error["field"] for error in problem["errors"]] == [f"query.{field}"]


def test_deleted_player_leaves_no_picture(rest: RestScene) -> None:
    upload(rest)
    bobs = upload(rest, "bob")
    put(f"{PORTRAIT}/128.webp")
    assert send(rest, "DELETE", "/profile").status == 204
    assert keys(rest) == {bobs}
