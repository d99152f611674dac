"""`/profile`"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import AfterValidator, Field

from api.backend import RequestBody, backend_of, caller
from api.problems import responses
from game.model import Model
from game.names import clean_name
from store import appearance, profiles
from store.profiles import Profile

router = Router()

Name = Annotated[str, Field(max_length=1000), AfterValidator(clean_name)]


class ProfileView(Model):
    """The caller as others see them, and the portraits to choose from. Times in epoch milliseconds.

    `portraitProblem` says why the last picture uploaded could not be used.
    """

    user_id: str
    name: str
    avatar: str | None
    portraits: tuple[str, ...]
    portrait_problem: str | None
    created_at: int | None
    updated_at: int | None


class ProfileRequest(RequestBody):
    """The name to be shown: 3 to 24 characters after trimming."""

    name: Name


def show(profile: Profile) -> ProfileView:
    """A profile as its player sees it."""
    return ProfileView(
        user_id=profile.user_id,
        name=profile.name,
        avatar=profile.avatar,
        portraits=profile.portraits,
        portrait_problem=profile.problem,
        created_at=profile.created_at or None,
        updated_at=profile.updated_at or None,
    )


@router.get(
    "/profile",
    summary="The caller's profile",
    responses={200: {"description": "The profile"}} | responses(401),
    security=[{"idToken": []}],
)
async def get_profile(request: Request) -> ProfileView:
    """The stored profile, or the name that comes with the token."""
    player, backend = caller(request), backend_of(request)
    return show(await profiles.load(backend.db, player.user_id) or player)


@router.put(
    "/profile",
    summary="Change the caller's name",
    responses={200: {"description": "The profile"}} | responses(400, 401, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def put_profile(request: Request, body: Annotated[ProfileRequest, Body()]) -> ProfileView:
    """Change the display name, on every board too."""
    player, backend = caller(request), backend_of(request)
    new = await appearance.change(
        backend.db,
        player,
        lambda profile: profile.model_copy(update={"name": body.name}),
        backend.clock(),
    )
    return show(new)


@router.delete(
    "/profile",
    status_code=204,
    summary="Delete everything about the caller",
    responses={204: {"description": "Deleted", "content": {}}} | responses(401, 503),
    security=[{"idToken": []}],
)
async def delete_profile(request: Request) -> Response[str]:
    """Delete the caller's rows in every table, and their pictures; the boards follow."""
    player, backend = caller(request), backend_of(request)
    await appearance.erase(backend.db, player.user_id, backend.hang_up)
    await backend.portraits.delete_all(player.user_id)
    return Response(status_code=204, body="")
