"""`/money/add`"""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field

from api.actions import IdempotencyKey, act, json_response, today
from api.backend import RequestBody, backend_of
from api.problems import responses
from api.progress_view import ProgressView, fields
from game.economy import AMOUNT_LIMIT
from game.player import add_money

router = Router()


class MoneyRequest(RequestBody):
    """Money found or earned, and what for."""

    amount: Annotated[int, Field(ge=1, le=AMOUNT_LIMIT, strict=True)]
    reason: str


class MoneyResponse(ProgressView):
    """What was added, and the progress after it."""

    amount: int
    reason: str


@router.post(
    "/money/add",
    summary="Add money",
    responses=json_response(MoneyResponse, "Added") | responses(400, 401, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def post_money(
    request: Request, body: Annotated[MoneyRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    """Add money within the catalogue's caps by reason, request and day (UTC); 422 above them."""
    backend = backend_of(request)

    return await act(
        request,
        body,
        idempotency_key,
        lambda read: add_money(
            backend.catalogue, read, amount=body.amount, reason=body.reason, today=today(backend)
        ),
        lambda new: MoneyResponse(amount=body.amount, reason=body.reason, **fields(new)),
    )
