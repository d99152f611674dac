"""The bucket of the portraits: uploads by players, and the pictures made of them.

uploads/<userId>/<uuid>                 what a player uploaded; expires after a day
avatars/<userId>/<uuid>/<size>.webp     the portrait that was made of it, in each size

An upload's address can be used again until it expires, and what lies at the key is then another picture. So
an upload is deleted only as it was read. A portrait's key is made of what was read, and what lies there never
changes: caches keep it for a year.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import aioboto3
from aiobotocore.config import AioConfig

from game.pictures import MAX_BYTES, PortraitSize
from runtime.sdk import SDK_CONFIG
from store.client import translating
from store.errors import RequestError, StoreError
from store.profiles import avatar_prefix

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import ObjectTypeDef

UPLOAD_SECONDS = 300
"""How long a presigned upload is good for."""
# An address ends with the credentials that signed it, whatever it says itself. The SDK renews those whose end
# it knows when ten minutes are left. Lambda's it does not know: the shorter, the fewer are cut off.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
VIEW_SECONDS = 600
"""How long the address of a portrait is good for."""
VIEW_CACHE_SECONDS = 300
"""How long what leads to the address may be kept: then there is time left to follow it."""
CACHE_CONTROL = "public, max-age=31536000, immutable"
"""A portrait never changes: another picture has another key. A year, in seconds."""
UNFINISHED_SECONDS = 600
"""Portraits that no profile names are let be for so long: one may be in the making, or be made again."""


# Gone, replaced, or being replaced: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
_NOT_AS_IT_WAS = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}


class UploadGoneError(StoreError):
    """Nothing lies at the key: never uploaded, expired, or a portrait has been made of it already."""


class UploadTooLargeError(StoreError):
    """The upload has more than MAX_BYTES bytes. `etag` is its entity tag."""

    def __init__(self, key: str, etag: str) -> None:
        super().__init__(key)
        self.etag = etag


class UndeletedError(StoreError):
    """Some pictures could not be deleted; asking again tries the rest."""


@dataclass(frozen=True)
class Upload:
    """The POST of a picture, as multipart/form-data: `fields` first, then the file as `file`."""

    url: str
    fields: Mapping[str, str]
    key: str


class Picture(NamedTuple):
    """An object of the bucket: its bytes, when it was written, and an address good for VIEW_SECONDS."""

    key: str
    size: int
    modified: datetime
    url: str


@dataclass(frozen=True)
class StoredUpload:
    """A picture as it was read, and its entity tag: another one at the same key has another tag."""

    content: bytes
    etag: str


@dataclass(frozen=True)
class PortraitBucket:
    """The bucket, and the S3 client to reach it."""

    client: "S3Client"
    name: str

    def __post_init__(self) -> None:
        """Let the client fail with errors of the store's own."""
        object.__setattr__(self, "client", translating(self.client))

    async def presign_upload(self, user_id: str, content_type: str, content_length: int) -> Upload:
        """Presign an upload to its own key: of this type, at most `content_length` bytes, for 5 minutes."""
        key = f"{upload_prefix(user_id)}{uuid.uuid4()}"
        conditions: list[Any] = [
            {"key": key},
            {"Content-Type": content_type},
            ["content-length-range", 1, content_length],
        ]
        post = await self.client.generate_presigned_post(
            self.name,
            key,
            Fields={"Content-Type": content_type},
            Conditions=conditions,
            ExpiresIn=UPLOAD_SECONDS,
        )
        return Upload(url=post["url"], fields=post["fields"], key=key)

    async def exists(self, key: str) -> bool:
        """Return whether something lies there."""
        try:
            await self.client.head_object(Bucket=self.name, Key=key)
        except RequestError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    async def read_upload(self, key: str) -> StoredUpload:
        """Return an uploaded file, whatever the upload's own conditions let through.

        Raises UploadGoneError, and UploadTooLargeError before the first byte is read.
        """
        try:
            answer = await self.client.get_object(Bucket=self.name, Key=key)
        except RequestError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise UploadGoneError(f"There is no upload {key}.") from error
            raise
        async with answer["Body"] as body:
            if answer["ContentLength"] > MAX_BYTES:
                raise UploadTooLargeError(key, answer["ETag"])
            return StoredUpload(await body.read(), answer["ETag"])

    async def write_portrait(self, avatar: str, images: Mapping[int, bytes]) -> None:
        """Put the pictures, by their size in pixels, to `{avatar}/{size}.webp`."""
        for size, image in images.items():
            await self.client.put_object(
                Bucket=self.name,
                Key=f"{avatar}/{size}.webp",
                Body=image,
                ContentType="image/webp",
                CacheControl=CACHE_CONTROL,
            )

    async def copy_portrait(self, avatar: str, user_id: str) -> str | None:
        """Copy a portrait to another player, whom others may then see with it; return the copy's key.

        None where it is gone. Can be repeated.
        """
        copy = f"{avatar_prefix(user_id)}{avatar.rpartition('/')[2]}"
        for size in get_args(PortraitSize):
            try:
                await self.client.copy_object(
                    Bucket=self.name,
                    Key=f"{copy}/{size}.webp",
                    CopySource={"Bucket": self.name, "Key": f"{avatar}/{size}.webp"},
                )
            except RequestError as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return None
                raise
        return copy

    async def delete_upload(self, key: str, etag: str) -> None:
        """Delete an uploaded file as it was read. One that has been replaced since then is left."""
        try:
            await self.client.delete_object(Bucket=self.name, Key=key, IfMatch=etag)
        except RequestError as error:
            if error.status not in _NOT_AS_IT_WAS:
                raise

    async def delete_portraits_but(self, user_id: str, kept: Collection[str], before: datetime) -> None:
        """Delete a player's portraits, but those with these keys, and those written since `before`."""
        prefix = avatar_prefix(user_id)
        await self._delete(
            prefix,
            lambda item: item["Key"].rpartition("/")[0] not in kept and item["LastModified"] < before,
        )

    async def view_url(self, avatar: str, size: int) -> str:
        """Return the address of a portrait in one of its sizes, good for VIEW_SECONDS."""
        return await self.client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self.name, "Key": f"{avatar}/{size}.webp"},
            ExpiresIn=VIEW_SECONDS,
        )

    async def pictures(self, user_id: str) -> AsyncIterator["Picture"]:
        """Yield every upload and portrait of a player, a page of 1,000 at a time."""
        for prefix in (upload_prefix(user_id), avatar_prefix(user_id)):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            async for page in pages:
                for item in page.get("Contents", []):
                    url = await self.client.generate_presigned_url(
                        "get_object",
                        Params={"Bucket": self.name, "Key": item["Key"]},
                        ExpiresIn=VIEW_SECONDS,
                    )
                    yield Picture(item["Key"], item["Size"], item["LastModified"], url)

    async def delete_all(self, user_id: str) -> None:
        """Delete every upload and portrait of a player. Raises UndeletedError."""
        for prefix in (upload_prefix(user_id), avatar_prefix(user_id)):
            await self._delete(prefix, lambda _: True)

    async def _delete(self, prefix: str, unwanted: Callable[["ObjectTypeDef"], bool]) -> None:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        async for page in pages:
            keys: list[Any] = [{"Key": item["Key"]} for item in page.get("Contents", []) if unwanted(item)]
            if keys:
                answer = await self.client.delete_objects(Bucket=self.name, Delete={"Objects": keys})
                if answer.get("Errors"):
                    raise UndeletedError(f"{len(answer['Errors'])} pictures under {prefix} are left")


def upload_prefix(user_id: str) -> str:
    """Return what the keys of a player's uploads start with."""
    return f"uploads/{user_id}/"


@asynccontextmanager
async def open_bucket(session: aioboto3.Session, name: str) -> AsyncIterator[PortraitBucket]:
    """Yield the bucket of this deployment; endpoint, Region and credentials are the SDK's own settings."""
    # Presigned addresses are made with Signature Version 4, which every Region takes.
    config = SDK_CONFIG.merge(AioConfig(signature_version="s3v4"))
    async with session.client("s3", config=config) as client:
        client.meta.events.register("before-parameter-build.s3", _keep_region)
        yield PortraitBucket(client, name)


def _keep_region(context: dict[str, Any], **_: object) -> None:
    """Make presigned addresses with the Region in the host, as those of all other requests.

    The SDK leaves it out, and S3 redirects a request for another Region, which no signature and no upload
    survives.
    """
    context["use_global_endpoint"] = False
