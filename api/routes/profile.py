"""`/profile`"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import AfterValidator, Field

from api.backend import RequestBody, backend_of, caller
from api.problems import responses
from api.profile_view import ProfileView, show
from game.names import clean_name
from store import appearance, profiles

router = Router()

Name = Annotated[str, Field(max_length=1000), AfterValidator(clean_name)]


class ProfileRequest(RequestBody):
    """The name to be shown: 3 to 24 characters after trimming."""

    name: Name


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
