"""One upload: read it, make the portrait, put it where it belongs, tell, and clean up.

Lambda may run an event twice, and again after a crash at any point. So the upload goes last: while it is
there, a repetition makes the same bytes and tells the same; once it is gone, everything has been told.

A player may be deleted meanwhile. Deletion writes a tombstone and then deletes the pictures that there are.
So the tombstone is looked for before the portrait is written, and again when the profile is changed: a player
who was deleted in between loses the portrait here.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NotRequired, TypedDict

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cv.portrait import SIZES, Background, Models, PictureError, make_portrait
from store.players import DeletedError
from store.portraits import (
    PortraitBucket,
    UploadGoneError,
    UploadTooLargeError,
    avatar_prefix,
    upload_prefix,
)

logger = Logger(service="podium", child=True)


class Result(TypedDict):
    """What became of an upload: `avatar` and `face`, or the word `error` and a sentence for the player."""

    userId: str
    key: str
    avatar: NotRequired[str]
    face: NotRequired[bool]
    error: NotRequired[str]
    message: NotRequired[str]


Finish = Callable[[Result], Awaitable[None]]
"""Stores and pushes a result; may be called with the same one again. Raises DeletedError."""

RequireAlive = Callable[[str], Awaitable[None]]
"""Raises DeletedError if the player, by id, was deleted."""

Word = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,128}$")]


class PortraitRequest(BaseModel):
    """The event: whose upload lies where, and what becomes of its background."""

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

    @property
    def avatar(self) -> str:
        """Where its portrait goes: `avatars/<userId>/<uuid>`."""
        return avatar_prefix(self.user_id) + self.key.rpartition("/")[2]


async def process(
    event: Mapping[str, Any],
    *,
    bucket: PortraitBucket,
    models: Models,
    require_alive: RequireAlive,
    finish: Finish,
) -> Result:
    """Make the portrait that the event asks for, and `finish` with the result, which is also returned.

    A picture that is refused is a result too. Two results are not passed to `finish`: an upload that is not
    there, for the event was a repetition, and the player has been told; and a player who was deleted, of whom
    neither upload nor portrait is left. Raises pydantic's ValidationError for another event.
    """
    request = PortraitRequest.model_validate(event)
    try:
        await require_alive(request.user_id)
        return await _process(request, bucket, models, finish)
    except DeletedError:
        logger.info("The player was deleted", extra={"key": request.key})
        await bucket.delete_portrait(request.avatar, SIZES)
        await bucket.delete_upload(request.key)
        return {
            "userId": request.user_id,
            "key": request.key,
            "error": "deleted",
            "message": "The player was deleted.",
        }


async def _process(
    request: PortraitRequest, bucket: PortraitBucket, models: Models, finish: Finish
) -> Result:
    told: Result = {"userId": request.user_id, "key": request.key}
    try:
        portrait = make_portrait(
            await _read(bucket, request.key), background=request.background, models=models
        )
    except UploadGoneError as error:
        logger.warning("The upload is gone", extra={"key": request.key})
        return {**told, "error": "gone", "message": str(error)}
    except PictureError as error:
        logger.info("Picture refused", extra={"key": request.key, "reason": error.reason})
        result: Result = {**told, "error": error.reason, "message": str(error)}
    else:
        await bucket.write_portrait(request.avatar, portrait.images)
        result = {**told, "avatar": request.avatar, "face": portrait.face}
    await finish(result)
    await bucket.delete_upload(request.key)
    return result


async def _read(bucket: PortraitBucket, key: str) -> bytes:
    try:
        return await bucket.read_upload(key)
    except UploadTooLargeError as error:
        raise PictureError("too_large") from error
