"""`/shop`"""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field

from api.actions import IdempotencyKey, act, json_response
from api.backend import RequestBody, backend_of
from api.problems import responses
from api.progress_view import ProgressView, fields
from game.model import Model
from game.player import buy

router = Router()

QUANTITY_LIMIT = 1000
"""Of one item in one purchase."""


class Offer(Model):
    """Something that the shop sells; `requires` is the unlock that must be open."""

    item_id: str
    title: str
    price: int
    unique: bool
    requires: str | None


class Shop(Model):
    """All that the shop sells."""

    items: list[Offer]


class BuyRequest(RequestBody):
    """What to buy, and how many of it."""

    item_id: str
    quantity: Annotated[int, Field(ge=1, le=QUANTITY_LIMIT, strict=True)] = 1


class BuyResponse(ProgressView):
    """What was bought, and the progress after it."""

    item_id: str
    quantity: int


@router.get(
    "/shop",
    summary="What the shop sells",
    responses={200: {"description": "The shop"}} | responses(401),
    security=[{"idToken": []}],
)
async def get_shop(request: Request) -> Shop:
    """Every item of the catalogue's shop."""
    items = backend_of(request).catalogue.shop.items()
    return Shop(items=[Offer(item_id=name, **item.model_dump()) for name, item in items])


@router.post(
    "/shop/buy",
    summary="Buy something",
    responses=json_response(BuyResponse, "Bought")
    | responses(400, 401, 402, 404, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def post_buy(
    request: Request, body: Annotated[BuyRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    """Buy and pay at once: 402 without the money, 409 for a unique item that the caller has."""
    economy = backend_of(request).catalogue
    return await act(
        request,
        body,
        idempotency_key,
        lambda read: buy(economy, read, name=body.item_id, quantity=body.quantity),
        lambda new: BuyResponse(item_id=body.item_id, quantity=body.quantity, **fields(new)),
    )
