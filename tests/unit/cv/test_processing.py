import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from cv.errors import PictureError
from cv.processing import Result, process
from cv.vision import Models
from game.pictures import MAX_BYTES
from store.errors import RequestError
from store.players import DeletedError
from store.portraits import CACHE_CONTROL, PortraitBucket
from store.profiles import Outcome, Profile
from tests.unit.cv.pictures import admiral, astronaut, picture_file

KEY = "uploads/ann/1b4e28ba-2fa1-11d2-883f-0016d3cca427"
AVATAR = re.compile(r"avatars/ann/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EVENT = {"userId": "ann", "key": KEY, "background": "none"}


class CrashError(Exception):
    """The container dies here."""


class Body:
    """A streaming body that tells whether it was read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.was_read = False

    async def __aenter__(self) -> "Body":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def read(self) -> bytes:
        self.was_read = True
        return self.content


@dataclass
class FakeS3:
    """The bucket in memory; `crash_at` is the call, counted from 0, before which the container dies."""

    objects: dict[str, bytes]
    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    crash_at: int | None = None

    def step(self, name: str) -> None:
        """One call."""
        if len(self.calls) == self.crash_at:
            self.crash_at = None
            raise CrashError(name)
        self.calls.append(name)

    async def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - S3's own names
        self.step(f"get {Key}")
        if Key not in self.objects:
            answer = {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(cast(Any, answer), "GetObject")
        self.bodies.append(Body(self.objects[Key]))
        return {"Body": self.bodies[-1], "ContentLength": len(self.objects[Key]), "ETag": self.etag(Key)}

    async def put_object(self, *, Bucket: str, Key: str, Body: bytes, **options: str) -> None:  # noqa: N803
        self.step(f"put {Key}")
        self.objects[Key] = Body
        self.written[Key] = options

    async def delete_object(self, *, Bucket: str, Key: str, IfMatch: str) -> None:  # noqa: N803
        self.step(f"delete {Key}")
        status = 404 if Key not in self.objects else 412 if self.etag(Key) != IfMatch else None
        if status:
            answer = {"ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(cast(Any, answer), "DeleteObject")
        del self.objects[Key]

    async def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        for item in Delete["Objects"]:
            self.step(f"delete {item['Key']}")
            self.objects.pop(item["Key"], None)
        return {}

    def get_paginator(self, operation: str) -> "FakeS3":
        assert operation == "list_objects_v2"
        return self

    async def paginate(self, *, Bucket: str, Prefix: str) -> AsyncIterator[dict[str, Any]]:  # noqa: N803
        found = [key for key in self.objects if key.startswith(Prefix)]
        yield {"Contents": [{"Key": key, "LastModified": datetime.now(UTC)} for key in found]}

    def etag(self, key: str) -> str:
        """As S3 makes it, where an object is sent in one piece."""
        return f'"{hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()}"'


@dataclass
class Scene:
    """One bucket, and a profile. `deleted_at` is the call before which the player is deleted."""

    s3: FakeS3
    models: Models
    profile: Profile = field(default_factory=lambda: Profile(user_id="ann", name="Ann"))
    finished: list[Outcome] = field(default_factory=list)
    deleted_at: int | None = None

    async def load(self, user_id: str) -> Profile:
        """Return the seam to the profile and the tombstone."""
        if self.deleted_at is not None and len(self.s3.calls) >= self.deleted_at:
            raise DeletedError(user_id)
        return self.profile

    async def finish(self, user_id: str, outcome: Outcome) -> None:
        """The seam to the profile and the boards."""
        self.s3.step("finish")
        await self.load(user_id)
        self.profile = self.profile.with_outcome(outcome)
        self.finished.append(outcome)

    async def process(self, event: dict[str, Any]) -> Result:
        """One invocation."""
        bucket = PortraitBucket(cast(Any, self.s3), "podium-avatars")
        return await process(event, bucket=bucket, models=self.models, load=self.load, finish=self.finish)


@pytest.fixture
def scene(models: Models) -> Scene:
    """One good upload."""
    return Scene(FakeS3({KEY: picture_file(astronaut().pixels, "JPEG")}), models)


async def test_portrait_is_written_recorded_and_then_the_upload_deleted(scene: Scene) -> None:
    result = await scene.process(EVENT)
    avatar = result["avatar"]
    assert AVATAR.fullmatch(avatar)
    assert result == {"userId": "ann", "key": KEY, "avatar": avatar, "face": True}
    assert (scene.profile.avatar, scene.profile.portraits) == (avatar, (avatar,))
    assert set(scene.s3.objects) == {f"{avatar}/{size}.webp" for size in (512, 128, 48)}
    assert all(
        options == {"ContentType": "image/webp", "CacheControl": CACHE_CONTROL}
        for options in scene.s3.written.values()
    )
    assert scene.s3.calls[-2:] == ["finish", f"delete {KEY}"]


async def test_refused_picture_is_recorded_and_deleted(scene: Scene) -> None:
    scene.s3.objects[KEY] = b"<svg/>"
    result = await scene.process(EVENT)
    message = str(PictureError("unsupported_type"))
    assert result == {"userId": "ann", "key": KEY, "error": "unsupported_type", "message": message}
    assert (scene.profile.problem, scene.profile.avatar) == (message, None)
    assert scene.s3.objects == {}


async def test_too_large_upload_is_refused_unread(scene: Scene) -> None:
    scene.s3.objects[KEY] += bytes(MAX_BYTES)
    result = await scene.process(EVENT)
    assert result["error"] == "too_large"
    assert not scene.s3.bodies[0].was_read
    assert scene.s3.objects == {}


@pytest.mark.parametrize("content", [None, b"<svg/>"])
async def test_repetition_of_a_finished_event_returns_the_same_and_changes_nothing(
    content: bytes | None, scene: Scene
) -> None:
    if content is not None:
        scene.s3.objects[KEY] = content
    result = await scene.process(EVENT)
    profile, objects = scene.profile, dict(scene.s3.objects)
    assert await scene.process(EVENT) == result
    assert len(scene.finished) == 1
    assert (scene.profile, scene.s3.objects) == (profile, objects)


async def test_late_repetition_does_not_undo_what_the_player_has_chosen_since(scene: Scene) -> None:
    scene.s3.crash_at = 5
    with pytest.raises(CrashError, match=f"delete {KEY}"):
        await scene.process(EVENT)
    scene.profile = scene.profile.model_copy(update={"avatar": "avatars/ann/chosen"})
    result = await scene.process(EVENT)
    assert result["avatar"] == scene.profile.portraits[-1]
    assert scene.profile.avatar == "avatars/ann/chosen"
    assert KEY not in scene.s3.objects


async def test_upload_of_which_nothing_is_known_is_gone(scene: Scene) -> None:
    del scene.s3.objects[KEY]
    result = await scene.process(EVENT)
    assert result["error"] == "gone"
    assert scene.finished == []


async def test_another_picture_under_the_same_address_has_another_portrait(scene: Scene) -> None:
    first = (await scene.process(EVENT))["avatar"]
    images = dict(scene.s3.objects)
    scene.s3.objects[KEY] = picture_file(admiral().pixels, "JPEG")
    second = (await scene.process(EVENT))["avatar"]
    assert second != first
    assert scene.s3.objects.items() >= images.items()
    assert (scene.profile.avatar, scene.profile.portraits) == (second, (first, second))
    assert (await scene.process(EVENT))["avatar"] == second


async def test_another_background_has_another_portrait(scene: Scene) -> None:
    content = scene.s3.objects[KEY]
    first = (await scene.process(EVENT))["avatar"]
    scene.s3.objects[KEY] = content
    assert (await scene.process(EVENT | {"background": "#00ff00"}))["avatar"] != first


async def test_upload_that_is_replaced_while_it_is_worked_on_is_left_to_its_own_event(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, other = scene.finish, picture_file(admiral().pixels, "JPEG")

    async def replace_and_finish(user_id: str, outcome: Outcome) -> None:
        scene.s3.objects[KEY] = other
        await finish(user_id, outcome)

    monkeypatch.setattr(scene, "finish", replace_and_finish)
    first = (await scene.process(EVENT))["avatar"]
    assert scene.s3.objects[KEY] == other
    monkeypatch.setattr(scene, "finish", finish)
    second = (await scene.process(EVENT))["avatar"]
    assert scene.profile.portraits == (first, second)
    assert KEY not in scene.s3.objects


@pytest.mark.parametrize(
    ("content", "crash_at"), [(None, call) for call in range(6)] + [(b"text", call) for call in range(3)]
)
async def test_crash_anywhere_is_mended_by_the_repetition(
    content: bytes | None, crash_at: int, scene: Scene
) -> None:
    if content is not None:
        scene.s3.objects[KEY] = content
    scene.s3.crash_at = crash_at
    with pytest.raises(CrashError):
        await scene.process(EVENT)
    result = await scene.process(EVENT)
    (outcome,) = scene.finished
    assert (result.get("avatar"), result.get("error")) == (outcome.avatar("ann"), outcome.error)
    assert KEY not in scene.s3.objects


@pytest.mark.parametrize("content", [None, b"text"])
@pytest.mark.parametrize("deleted_at", range(5))
async def test_player_deleted_meanwhile_is_left_nothing_and_told_nothing(
    content: bytes | None, deleted_at: int, scene: Scene
) -> None:
    if content is not None:
        scene.s3.objects[KEY] = content
        deleted_at = min(deleted_at, 1)
    scene.deleted_at = deleted_at
    result = await scene.process(EVENT)
    assert result["error"] == "deleted"
    assert scene.finished == []
    assert scene.s3.objects == {}


@pytest.mark.parametrize("crash_at", range(9))
async def test_player_deleted_before_the_repetition_is_left_nothing(crash_at: int, scene: Scene) -> None:
    """The container dies, deletion takes away what there is by then, and Lambda runs the event again."""
    scene.s3.crash_at = crash_at
    scene.deleted_at = 5 if crash_at > 5 else None
    with pytest.raises(CrashError):
        await scene.process(EVENT)
    scene.deleted_at = 0
    # An address that was handed out before is good for some minutes yet, and a portrait was being written.
    scene.s3.objects["uploads/ann/late"] = b"picture"
    assert (await scene.process(EVENT))["error"] == "deleted"
    assert scene.s3.objects == {}


async def test_other_failure_of_the_bucket_is_raised(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(**_: str) -> None:
        answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(cast(Any, answer), "GetObject")

    monkeypatch.setattr(scene.s3, "get_object", refuse)
    with pytest.raises(RequestError, match="AccessDenied"):
        await scene.process(EVENT)
    assert not scene.finished


@pytest.mark.parametrize(
    "change",
    [
        {"key": "uploads/bob/1b4e28ba"},
        {"key": "avatars/ann/1b4e28ba"},
        {"key": "uploads/ann/"},
        {"key": "uploads/ann/../bob/1b4e28ba"},
        {"key": "uploads/ann/a/b"},
        {"key": "uploads/ann/.."},
        {"userId": "", "key": "uploads//x"},
        {"userId": "ann/..", "key": "uploads/ann/../x"},
        {"background": "red"},
        {"background": "#12345"},
        {"background": None},
        {"size": 512},
    ],
)
async def test_malformed_event_is_refused(change: dict[str, Any], scene: Scene) -> None:
    with pytest.raises(ValidationError):
        await scene.process(EVENT | change)
    assert scene.s3.calls == []
