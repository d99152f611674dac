"""`/unlock`"""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from api.actions import IdempotencyKey, act, json_response
from api.backend import RequestBody, backend_of
from api.problems import responses
from api.progress_view import ProgressView, fields
from game.player import unlock

router = Router()


class UnlockRequest(RequestBody):
    """What to open."""

    id: str


class UnlockResponse(ProgressView):
    """What is open now, and the progress after it."""

    id: str


@router.post(
    "/unlock",
    summary="Open an area or item",
    responses=json_response(UnlockResponse, "Unlocked")
    | responses(400, 401, 404, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def post_unlock(
    request: Request, body: Annotated[UnlockRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    """Open something of the catalogue, and pay for it; 409 where its requirements are not met."""
    economy = backend_of(request).catalogue
    return await act(
        request,
        body,
        idempotency_key,
        lambda read: unlock(economy, read, body.id),
        lambda new: UnlockResponse(id=body.id, **fields(new)),
    )
