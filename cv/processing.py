"""One upload: read it, make the portrait, store it, change the profile, and delete the upload.

Lambda may run an event twice, and again after a crash at any point; a player may ask twice. So the profile
remembers the outcome of an upload, and the upload is deleted last. While the upload is there, a repetition
finds the outcome in the profile, or makes the same portrait under the same key. Once it is gone, the profile
has the outcome, and the repetition returns it again.

An upload's address is good for five minutes, so another picture may come to the same key at any moment. A
portrait's key is made of the upload's key, the background and every byte that was read: another picture has
another key. The upload is deleted only if it still is the one that was read. A newer one is left to the event
that was sent for it.

A player may be deleted meanwhile. Deletion writes a tombstone and then deletes the pictures that there are.
So the tombstone is looked for before the portrait is written, and again when the profile is changed: a player
who was deleted loses here whatever pictures have come since.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NotRequired, TypedDict

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cv.portrait import Background, Models, PictureError, make_portrait
from store.players import DeletedError
from store.portraits import PortraitBucket, UploadGoneError, UploadTooLargeError, upload_prefix
from store.profiles import Outcome, Profile, avatar_prefix

logger = Logger(service="podium", child=True)


class Result(TypedDict):
    """The outcome of an upload: `avatar` and `face`, or the word `error` and a sentence for the player."""

    userId: str
    key: str
    avatar: NotRequired[str]
    face: NotRequired[bool]
    error: NotRequired[str]
    message: NotRequired[str]


Load = Callable[[str], Awaitable[Profile | None]]
"""Returns a player's stored profile, if any, by the player's id. Raises DeletedError."""

Finish = Callable[[str, Outcome], Awaitable[None]]
"""Stores what became of a player's upload; may be called with the same outcome again. Raises DeletedError."""

Word = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,128}$")]


class PortraitRequest(BaseModel):
    """The event: the player, the key of the upload, and what replaces the background."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: Word = Field(alias="userId")
    key: str
    background: Background = "none"

    @model_validator(mode="after")
    def _own_upload(self) -> "PortraitRequest":
        prefix, name = upload_prefix(self.user_id), self.key.rpartition("/")[2]
        if self.key != prefix + name or not name.replace("-", "").isalnum():
            raise ValueError(f"key: must be {prefix}<uuid>")
        return self

    def picture(self, content: bytes) -> str:
        """Return the last part of the portrait's key: a UUID of the upload's key, background and content."""
        digest = hashlib.sha256(f"{self.key}\n{self.background}\n".encode())
        digest.update(content)
        return str(uuid.UUID(bytes=digest.digest()[:16]))


async def process(
    event: Mapping[str, Any], *, bucket: PortraitBucket, models: Models, load: Load, finish: Finish
) -> Result:
    """Make the portrait that the event asks for, pass its outcome to `finish`, and return it.

    A picture that is refused is an outcome too. An event whose outcome is known is not worked on again. Two
    results are not passed to `finish`: that the upload is gone and the profile has no outcome of it, and that
    the player was deleted, whose pictures are then deleted too. Raises pydantic's ValidationError for a
    malformed event.
    """
    request = PortraitRequest.model_validate(event)
    try:
        return await _process(request, bucket, models, load, finish)
    except DeletedError:
        logger.info("The player was deleted", extra={"key": request.key})
        await bucket.delete_all(request.user_id)
        return {
            "userId": request.user_id,
            "key": request.key,
            "error": "deleted",
            "message": "The player was deleted.",
        }


async def _process(
    request: PortraitRequest, bucket: PortraitBucket, models: Models, load: Load, finish: Finish
) -> Result:
    profile = await load(request.user_id)
    content: bytes | None = None
    try:
        upload = await bucket.read_upload(request.key)
        content, etag, picture = upload.content, upload.etag, request.picture(upload.content)
    except UploadTooLargeError as error:
        etag, picture = error.etag, request.picture(error.etag.encode())
    except UploadGoneError as error:
        # Read again: another run may have finished, and deleted the upload, after the profile was read.
        profile = await load(request.user_id)
        known = profile and profile.outcome(request.key)
        if known:
            return _result(request, known)
        logger.warning("The upload is gone", extra={"key": request.key})
        return {"userId": request.user_id, "key": request.key, "error": "gone", "message": str(error)}
    outcome = profile and profile.outcome(request.key, picture)
    if not outcome:
        outcome = await _make(request, bucket, models, content, picture)
        await finish(request.user_id, outcome)
    await bucket.delete_upload(request.key, etag)
    return _result(request, outcome)


async def _make(
    request: PortraitRequest, bucket: PortraitBucket, models: Models, content: bytes | None, picture: str
) -> Outcome:
    try:
        if content is None:
            raise PictureError("too_large")
        portrait = make_portrait(content, background=request.background, models=models)
    except PictureError as error:
        logger.info("Picture refused", extra={"key": request.key, "reason": error.reason})
        return Outcome(upload=request.key, picture=picture, error=error.reason, message=str(error))
    outcome = Outcome(upload=request.key, picture=picture, face=portrait.face)
    await bucket.write_portrait(f"{avatar_prefix(request.user_id)}{picture}", portrait.images)
    return outcome


def _result(request: PortraitRequest, outcome: Outcome) -> Result:
    told: Result = {"userId": request.user_id, "key": request.key}
    avatar = outcome.avatar(request.user_id)
    if avatar is None:
        return {**told, "error": outcome.error or "", "message": outcome.message or ""}
    return {**told, "avatar": avatar, "face": bool(outcome.face)}
