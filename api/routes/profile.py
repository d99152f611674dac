"""`/profile`"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import AfterValidator, Field, JsonValue

from api.backend import RequestBody, backend_of, caller, username
from api.problems import ProblemError, responses
from api.profile_view import ProfileView, show
from game.model import Model
from game.names import clean_name
from store import appearance, deletion, export, profiles
from store.players import EXPORT_SECONDS, TooManyExportsError

router = Router()

# Bounds the work of counting characters, each of which may be many code points.
Name = Annotated[str, Field(max_length=1000), AfterValidator(clean_name)]


class ProfileRequest(RequestBody):
    """The name to be shown: 1 to 24 characters as people count them, in at most 96 bytes of UTF-8."""

    name: Name


@router.get(
    "/profile",
    summary="The caller's profile",
    responses={200: {"description": "The profile"}} | responses(401, 410),
    security=[{"idToken": []}],
)
async def get_profile(request: Request) -> ProfileView:
    """Return the stored profile, or the name that comes with the token."""
    player, backend = caller(request), backend_of(request)
    return show(await profiles.load(backend.db, player.user_id) or player)


@router.put(
    "/profile",
    summary="Change the caller's name",
    responses={200: {"description": "The profile"}} | responses(400, 401, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def put_profile(request: Request, body: Annotated[ProfileRequest, Body()]) -> ProfileView:
    """Change the display name, on every board too."""
    player, backend = caller(request), backend_of(request)
    new = await appearance.change(
        backend.db,
        player,
        lambda profile: profile.model_copy(update={"name": body.name}),
        backend.now_ms(),
    )
    return show(new)


class ExportView(Model):
    """All that is stored of the caller: rows as the tables have them, times in epoch milliseconds.

    `account` is what the user pool has. `standings` is what the caller has in each area and on each board,
    with the row on the board as `entry`. `claims` are the prizes that were claimed, `limits` count what the
    caller has had of what rules limit, and `held` are scores that wait for a moderator. Each of `pictures`
    has an address that is good for ten minutes. `answers` are those kept for an `Idempotency-Key`, for a day.
    `leftOut` counts what was too much for one answer.
    """

    user_id: str
    exported_at: int
    account: dict[str, str]
    player: dict[str, JsonValue] | None
    profile: dict[str, JsonValue] | None
    progress: dict[str, JsonValue] | None
    standings: list[dict[str, JsonValue]]
    claims: list[dict[str, JsonValue]]
    limits: list[dict[str, JsonValue]]
    held: list[dict[str, JsonValue]]
    pictures: list[dict[str, JsonValue]]
    connections: list[dict[str, JsonValue]]
    answers: list[dict[str, JsonValue]]
    left_out: list[str]


@router.get(
    "/profile/export",
    summary="All that is stored of the caller",
    responses={200: {"description": "All of it"}} | responses(401, 410, 429, 503),
    security=[{"idToken": []}],
)
async def get_export(request: Request) -> ExportView:
    """Return every row that is the caller's, addresses of the pictures, and what the user pool has.

    Once a minute; a 429 says after how many seconds (`Retry-After`).
    """
    player, backend, login = caller(request), backend_of(request), username(request)
    now = backend.now_ms()
    try:
        found = await export.export(backend.db, backend.portraits, player.user_id, now)
    except TooManyExportsError as error:
        detail = f"a player is given an export every {EXPORT_SECONDS} seconds: {error}"
        raise ProblemError(429, detail, retry_after=error.seconds) from error
    account = await backend.describe_user(login, player.user_id)
    return ExportView(user_id=player.user_id, exported_at=now, account=account, **vars(found))


@router.delete(
    "/profile",
    status_code=204,
    summary="Delete everything about the caller, and the user",
    responses={204: {"description": "Deleted", "content": {}}} | responses(401, 503),
    security=[{"idToken": []}],
)
async def delete_profile(request: Request) -> Response[str]:
    """Delete the caller's rows, pictures and connections, and the user from the pool.

    The broadcaster then takes the player off every live board. All other requests of the caller are answered
    with 410 `deleted` from then on. This one can be repeated: it deletes what is left.
    """
    player, backend, login = caller(request), backend_of(request), username(request)
    await deletion.delete_player(
        backend.db,
        backend.portraits,
        player.user_id,
        backend.now_ms(),
        username=login,
        hang_up=backend.hang_up,
        delete_user=backend.delete_user,
    )
    return Response(status_code=204, body="")
