"""`/account`"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field

from api.backend import Backend, RequestBody, backend_of, caller, username
from api.problems import FieldError, ProblemError, invalid, responses
from game.merge import GUESTS_LIMIT
from game.model import Model
from runtime.token_kinds import KeySetError, TokenError
from store import merge, players
from store.errors import RowError
from store.merge import NoGuestError
from store.players import MergeLimitError, NotFreeError

logger = logging.getLogger("podium.api")

router = Router()

MERGE_SECONDS = 20.0
"""How long a request works on a merge, of the 29 seconds that API Gateway waits."""
TOKEN_LIMIT = 8192
"""Characters of a token: several times what Cognito writes for a guest."""


class MergeRequest(RequestBody):
    """A guest's ID token: who has it may give the guest away."""

    token: Annotated[str, Field(max_length=TOKEN_LIMIT)]


class MergeResponse(Model):
    """Whether the caller has all that was the guest's, or some of it is still to come."""

    state: Literal["done", "running"]


@router.post(
    "/account/merge",
    summary="Take over a guest",
    responses={
        200: {
            "description": "The caller has it all",
            "content": {"application/json": {"model": MergeResponse}},
        },
        202: {
            "description": "The merge goes on: ask again, or wait",
            "content": {"application/json": {"model": MergeResponse}},
        },
    }
    | responses(400, 401, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def post_merge(request: Request, body: Annotated[MergeRequest, Body()]) -> Response[Any]:
    """Give the caller scores, money, items, unlocks and tasks of a guest; the guest is deleted.

    It happens once: the same request again answers the same, for as long as the guest's token is good. 409
    `merge_limit` where the caller has taken over as many guests as an account may, and 409 `guest` where the
    caller is a guest.
    """
    started = asyncio.get_running_loop().time()
    player, backend = caller(request), backend_of(request)
    await players.require_alive(backend.db, player.user_id)
    claims = await _verified(backend, body.token)
    guest_id = str(claims["sub"])
    if guest_id == player.user_id:
        raise _refused("is your own: send the token of the guest that you were")
    if await backend.is_guest(username(request), player.user_id):
        raise ProblemError(
            409, "you are a guest yourself: add an e-mail address, or sign in with one", code="guest"
        )
    try:
        await merge.begin(
            backend.db,
            player,
            guest_id,
            backend.now_ms(),
            username=str(claims.get("cognito:username", "")),
            is_guest=backend.is_guest,
        )
    except NoGuestError:
        raise _refused("is of a player who is no guest") from None
    except NotFreeError:
        raise _refused("is of a guest who was deleted, or is part of another account") from None
    except MergeLimitError:
        detail = f"you have taken over {GUESTS_LIMIT} guests, and no account takes over more"
        raise ProblemError(409, detail, code="merge_limit") from None
    return await _finish(backend, player.user_id, guest_id, started + MERGE_SECONDS)


async def _finish(backend: Backend, heir: str, guest_id: str, deadline: float) -> Response[Any]:
    """Finish a merge, or leave it to the next request, or the janitor, at a deadline of the loop's clock."""
    try:
        async with asyncio.timeout_at(deadline) as limit:
            await merge.finish(
                backend.db,
                backend.portraits,
                backend.catalogue,
                guest_id,
                backend.now_ms(),
                hang_up=backend.hang_up,
                delete_user=backend.delete_user,
            )
    except TimeoutError:
        if not limit.expired():
            raise
        return _answer(202, MergeResponse(state="running"))
    except RowError as error:
        logger.error("%s", error)
        detail = (
            "something of you cannot be read: the merge goes on once it has been mended, and it is logged"
        )
        raise ProblemError(500, detail) from error
    # A merge also ends where its heir is deleted meanwhile.
    await players.require_alive(backend.db, heir)
    return _answer(200, MergeResponse(state="done"))


def _answer(status: int, body: MergeResponse) -> Response[Any]:
    return Response(
        status_code=status, content_type="application/json", body=body.model_dump_json(by_alias=True)
    )


async def _verified(backend: Backend, token: str) -> Mapping[str, Any]:
    try:
        return await backend.verify(token)
    except TokenError as error:
        raise _refused(str(error)) from error
    except KeySetError as error:
        raise ProblemError(503, "tokens cannot be checked at the moment; try again") from error


def _refused(detail: str) -> ProblemError:
    return invalid([FieldError(field="body.token", detail=detail)])
