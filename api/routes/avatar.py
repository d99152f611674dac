"""`/avatar`"""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import Field, field_validator

from api.backend import RequestBody, backend_of, caller
from api.problems import ProblemError, responses
from api.profile_view import ProfileView, show
from game.model import Model
from game.pictures import COLOUR, CONTENT_TYPES, MAX_BYTES, NAMES, ContentType, PortraitSize, megabytes
from store import appearance, players, profiles
from store.portraits import UPLOAD_SECONDS, VIEW_CACHE_SECONDS, upload_prefix
from store.profiles import PORTRAITS_AN_HOUR, PORTRAITS_KEPT, Profile, TooManyPortraitsError, avatar_prefix

router = Router()

Background = Annotated[str, Field(pattern=f"^(none|blur|{COLOUR})$")]
AvatarKey = Annotated[
    str, Query(pattern=r"^avatars/[\w-]{1,128}/[\w-]{1,64}$", description="An entry's avatar")
]
# No key that the bucket holds has other characters, and S3 answers some of those with a 400.
ObjectKey = Annotated[str, Field(max_length=300, pattern=r"^[!-~]*$")]
Size = Annotated[PortraitSize, Query(description="Pixels a side")]


class PresignRequest(RequestBody):
    """The picture that is to be uploaded: its type, and its length in bytes."""

    content_type: ContentType
    content_length: Annotated[int, Field(ge=1, le=MAX_BYTES, strict=True)]

    @field_validator("content_type", mode="before")
    @classmethod
    def _accepted(cls, value: object) -> object:
        if isinstance(value, str) and value not in CONTENT_TYPES:
            raise ValueError(f"is no type of picture that is accepted: send a {NAMES} file")
        return value

    @field_validator("content_length", mode="before")
    @classmethod
    def _within_the_limit(cls, value: object) -> object:
        if isinstance(value, int) and value > MAX_BYTES:
            raise ValueError(
                f"the file is too large: it must be at most {megabytes(MAX_BYTES)} ({MAX_BYTES} bytes); save"
                " the picture smaller, and send that"
            )
        return value


class PresignResponse(Model):
    """POST `fields`, and then the file as `file`, as multipart/form-data to `url`; then process `key`."""

    url: str
    fields: dict[str, str]
    key: str
    expires_in: int


class ProcessRequest(RequestBody):
    """The upload to make a portrait of, and what becomes of its background."""

    key: ObjectKey
    background: Background = "none"


class ProcessResponse(Model):
    """The portrait is being made; an `avatar` frame tells when it is done."""

    key: str
    status: Literal["processing"] = "processing"


class UpdateRequest(RequestBody):
    """The portrait to be shown: one of the caller's own."""

    key: ObjectKey


@router.post(
    "/avatar/presign",
    summary="Where to upload a picture",
    responses={200: {"description": "A presigned POST"}} | responses(400, 401, 410, 413, 415, 422),
    security=[{"idToken": []}],
)
async def presign(request: Request, body: Annotated[PresignRequest, Body()]) -> PresignResponse:
    """Presign a POST to a new key of the caller's: exactly this type, at most this long, for 5 minutes."""
    player, backend = caller(request), backend_of(request)
    await players.require_alive(backend.db, player.user_id)
    upload = await backend.portraits.presign_upload(player.user_id, body.content_type, body.content_length)
    return PresignResponse(
        url=upload.url, fields=dict(upload.fields), key=upload.key, expires_in=UPLOAD_SECONDS
    )


@router.post(
    "/avatar/process",
    status_code=202,
    summary="Make a portrait of an upload",
    responses={202: {"description": "Under way"}}
    | responses(400, 401, 403, 404, 410, 413, 415, 422, 429, 503),
    security=[{"idToken": []}],
)
async def process(request: Request, body: Annotated[ProcessRequest, Body()]) -> ProcessResponse:
    """Have a portrait made; the profile changes and an `avatar` frame comes when it is done.

    A 429 says after how many seconds (`Retry-After`) one more is made.
    """
    player, backend = caller(request), backend_of(request)
    stored = await profiles.load(backend.db, player.user_id)
    if not body.key.startswith(upload_prefix(player.user_id)):
        raise ProblemError(403, "key: must be one of your own uploads")
    if not await backend.portraits.exists(body.key):
        # The container may have finished with it since: its outcome is told again, to a client that lost the
        # first answer or the frame.
        latest = await profiles.load(backend.db, player.user_id)
        if latest is None or latest.outcome(body.key) is None:
            raise ProblemError(404, "key: nothing has been uploaded there")
    if stored is None:
        # The container changes the profile, and knows no token to take a name from.
        await appearance.change(backend.db, player, lambda profile: profile, backend.now_ms())
    try:
        await profiles.count_portrait(backend.db, player.user_id, backend.now_ms())
    except TooManyPortraitsError as error:
        raise ProblemError(
            429,
            f"at most {PORTRAITS_AN_HOUR} portraits per hour are made for a player: {error}",
            retry_after=error.seconds,
        ) from error
    await backend.process_portrait(player.user_id, body.key, body.background)
    return ProcessResponse(key=body.key)


@router.post(
    "/avatar/update",
    summary="Choose a portrait",
    responses={200: {"description": "The profile"}} | responses(400, 401, 403, 404, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def update(request: Request, body: Annotated[UpdateRequest, Body()]) -> ProfileView:
    """Choose among the portraits made for the caller; the boards follow."""
    player, backend = caller(request), backend_of(request)
    if await profiles.load(backend.db, player.user_id) is None:
        raise _no_portrait()
    if not body.key.startswith(avatar_prefix(player.user_id)):
        raise ProblemError(403, "key: must be one of your own portraits")

    def choose(profile: Profile) -> Profile:
        # Here, and not before: another portrait that has just been made may have pushed this one out.
        if body.key not in profile.portraits:
            raise _no_portrait()
        return profile.model_copy(update={"avatar": body.key})

    new = await appearance.change(backend.db, player, choose, backend.now_ms())
    return show(new)


def _no_portrait() -> ProblemError:
    return ProblemError(
        404,
        f"key: there is no such portrait, or it is no longer kept: the last {PORTRAITS_KEPT} are, and"
        " `portraits` in GET /profile has their keys",
    )


@router.get(
    "/avatar/view",
    status_code=302,
    summary="A portrait",
    responses={302: {"description": "Where the picture is", "content": {}}} | responses(422),
)
async def get_view(request: Request, key: AvatarKey, size: Size = "128") -> Response[Any]:
    """Redirect to a portrait's picture: the bucket itself is not public."""
    url = await backend_of(request).portraits.view_url(key, int(size))
    headers = {"Location": url, "Cache-Control": f"max-age={VIEW_CACHE_SECONDS}"}
    return Response(status_code=302, body="", headers=headers)
