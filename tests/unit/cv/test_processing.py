from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from cv.errors import MAX_BYTES
from cv.processing import Result, process
from cv.vision import Models
from store.players import DeletedError
from store.portraits import CACHE_CONTROL, PortraitBucket
from tests.unit.cv.pictures import astronaut, picture_file

KEY = "uploads/ann/1b4e28ba-2fa1-11d2-883f-0016d3cca427"
AVATAR = "avatars/ann/1b4e28ba-2fa1-11d2-883f-0016d3cca427"
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
        return {"Body": self.bodies[-1], "ContentLength": len(self.objects[Key])}

    async def put_object(self, *, Bucket: str, Key: str, Body: bytes, **options: str) -> None:  # noqa: N803
        self.step(f"put {Key}")
        self.objects[Key] = Body
        self.written[Key] = options

    async def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.step(f"delete {Key}")
        self.objects.pop(Key, None)


@dataclass
class Scene:
    """One bucket, and what was told. `deleted_at` is the call before which the player is deleted."""

    s3: FakeS3
    models: Models
    told: list[Result] = field(default_factory=list)
    deleted_at: int | None = None

    async def require_alive(self, user_id: str) -> None:
        """The seam to the tombstone."""
        if self.deleted_at is not None and len(self.s3.calls) >= self.deleted_at:
            raise DeletedError(user_id)

    async def finish(self, result: Result) -> None:
        """The seam to the profile and the push."""
        self.s3.step("finish")
        await self.require_alive(result["userId"])
        self.told.append(result)

    async def process(self, event: dict[str, Any]) -> Result:
        """One invocation."""
        bucket = PortraitBucket(cast(Any, self.s3), "podium-avatars")
        return await process(
            event,
            bucket=bucket,
            models=self.models,
            require_alive=self.require_alive,
            finish=self.finish,
        )


@pytest.fixture
def scene(models: Models) -> Scene:
    """One good upload."""
    return Scene(FakeS3({KEY: picture_file(astronaut().pixels, "JPEG")}), models)


async def test_portrait_is_written_told_and_then_the_upload_deleted(scene: Scene) -> None:
    result = await scene.process(EVENT)
    assert result == {"userId": "ann", "key": KEY, "avatar": AVATAR, "face": True}
    assert scene.told == [result]
    assert set(scene.s3.objects) == {f"{AVATAR}/{size}.webp" for size in (512, 128, 48)}
    assert all(
        options == {"ContentType": "image/webp", "CacheControl": CACHE_CONTROL}
        for options in scene.s3.written.values()
    )
    assert scene.s3.calls[-2:] == ["finish", f"delete {KEY}"]


async def test_refused_picture_is_told_and_deleted(scene: Scene) -> None:
    scene.s3.objects[KEY] = b"<svg/>"
    result = await scene.process(EVENT)
    assert result["error"] == "unsupported_type"
    assert (
        result["message"] == "This kind of picture is not supported. Send an ordinary JPEG, PNG or WebP file."
    )
    assert scene.told == [result]
    assert scene.s3.objects == {}


async def test_too_large_upload_is_refused_unread(scene: Scene) -> None:
    scene.s3.objects[KEY] += bytes(MAX_BYTES)
    result = await scene.process(EVENT)
    assert result["error"] == "too_large"
    assert not scene.s3.bodies[0].was_read


async def test_repetition_after_the_end_tells_nothing(scene: Scene) -> None:
    await scene.process(EVENT)
    result = await scene.process(EVENT)
    assert result["error"] == "gone"
    assert len(scene.told) == 1


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
    assert scene.told
    assert all(told == result for told in scene.told)
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
    assert scene.told == []
    assert scene.s3.objects == {}


@pytest.mark.parametrize("crash_at", range(9))
async def test_player_deleted_before_the_repetition_is_left_nothing(crash_at: int, scene: Scene) -> None:
    """The container dies, deletion takes away what there is by then, and Lambda runs the event again."""
    scene.s3.crash_at = crash_at
    scene.deleted_at = 5 if crash_at > 5 else None
    with pytest.raises(CrashError):
        await scene.process(EVENT)
    scene.deleted_at = 0
    if crash_at <= 5:
        scene.s3.objects.clear()
    assert (await scene.process(EVENT))["error"] == "deleted"
    assert scene.s3.objects == {}


async def test_other_failure_of_the_bucket_is_raised(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(**_: str) -> None:
        answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(cast(Any, answer), "GetObject")

    monkeypatch.setattr(scene.s3, "get_object", refuse)
    with pytest.raises(ClientError, match="AccessDenied"):
        await scene.process(EVENT)
    assert not scene.told


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
async def test_event_that_is_none_is_refused(change: dict[str, Any], scene: Scene) -> None:
    with pytest.raises(ValidationError):
        await scene.process(EVENT | change)
    assert scene.s3.calls == []
