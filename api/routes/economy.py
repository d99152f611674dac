"""The player's economy: `/progress`, `/unlock`, `/task/complete`, `/money/add` and `/shop`.

An action is a request, an answer, and a rule of `game.player`; `api.actions.action` makes it a route.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import Field

from api.actions import Held, action, today
from api.backend import Backend, RequestBody, backend_of, caller
from api.checkpoint import Checkpoint
from api.problems import responses
from api.progress_view import ProgressView, ProgressWithBests, with_bests
from game import player
from game.economy import QUANTITY_LIMIT, Amount, PositiveAmount
from game.model import Model
from store import progress, standings
from store.actions import Asked
from store.progress import Progress

router = Router()


@router.get(
    "/progress",
    summary="The caller's progress",
    responses={200: {"description": "The progress"}} | responses(401, 410, 503),
    security=[{"idToken": []}],
)
async def get_progress(request: Request) -> ProgressWithBests:
    """Return level, xp, checkpoint, money, all that the caller owns, and the points in each area."""
    profile, backend = caller(request), backend_of(request)
    read = await progress.load(backend.db, profile.user_id)
    return with_bests(read, await standings.points(backend.db, profile.user_id, backend.catalogue.areas))


class SaveRequest(RequestBody):
    """A save; `version` is the version of the progress that the client changed (0 for a new player)."""

    level: PositiveAmount
    xp: Amount
    checkpoint: Checkpoint
    version: Amount


@action(
    router,
    "/progress",
    SaveRequest,
    ProgressView,
    summary="Save level, xp and checkpoint",
    done="Saved",
    refusals=(409,),
)
def save_progress(backend: Backend, read: Progress, body: SaveRequest, _: Held) -> Progress:
    """Save, unless another device saved since; then it is a 409 with the stored version."""
    return player.save(backend.catalogue, read, **dict(body))


class UnlockRequest(RequestBody):
    """The id of what to open."""

    id: str


class UnlockResponse(ProgressView):
    """The id of what is open now, and the progress after it."""

    id: str


@action(
    router,
    "/unlock",
    UnlockRequest,
    UnlockResponse,
    summary="Open an unlock",
    done="Unlocked",
    refusals=(404, 409),
)
def post_unlock(backend: Backend, read: Progress, body: UnlockRequest, _: Held) -> Progress:
    """Open something of the catalogue, and pay for it; 409 where its requirements are not met."""
    return player.unlock(backend.catalogue, read, body.id)


class TaskRequest(RequestBody):
    """The id of the task that was done."""

    task_id: str


class TaskResponse(ProgressView):
    """The id of the task, and the progress with its reward."""

    task_id: str


def _asked(backend: Backend, body: TaskRequest) -> Asked | None:
    """Return the standings that the task requires, if any."""
    task = backend.catalogue.tasks.get(body.task_id)
    requires = task.requires if task else None
    if requires is None or not requires.needs_bests:
        return None
    board = backend.catalogue.boards.get(requires.area) if requires.area is not None else None
    asked = board.at(backend.now_ms()).key if board else requires.area
    among = {*backend.catalogue.areas, *backend.catalogue.boards} if requires.score else set()
    return Asked(boards=[asked] if asked is not None else [], among=among)


@action(
    router,
    "/task/complete",
    TaskRequest,
    TaskResponse,
    summary="Complete a task",
    done="Rewarded",
    refusals=(404, 409),
    ask=_asked,
)
def post_task(backend: Backend, read: Progress, body: TaskRequest, held: Held) -> Progress:
    """Get a task's reward: once, or once a day (UTC), as the catalogue says.

    409 if it was already rewarded, or if a requirement is not met; `rule` names the requirement.
    """
    return player.complete_task(backend.catalogue, read, body.task_id, today(backend), held)


class MoneyRequest(RequestBody):
    """Money found or earned, and what for."""

    amount: PositiveAmount
    reason: str


class MoneyResponse(ProgressView):
    """The money that was added, and the progress after it."""

    amount: int
    reason: str


@action(router, "/money/add", MoneyRequest, MoneyResponse, summary="Add money", done="Added")
def post_money(backend: Backend, read: Progress, body: MoneyRequest, _: Held) -> Progress:
    """Add money within the catalogue's caps by reason, request and day (UTC); 422 above them."""
    return player.add_money(
        backend.catalogue, read, amount=body.amount, reason=body.reason, today=today(backend)
    )


class Offer(Model):
    """Something that the shop sells; `requires` is the unlock that must be open."""

    item_id: str
    title: str
    price: int
    unique: bool
    requires: str | None


class Shop(Model):
    """The items that the shop sells."""

    items: list[Offer]


@router.get(
    "/shop",
    summary="What the shop sells",
    responses={200: {"description": "The shop"}} | responses(401),
    security=[{"idToken": []}],
)
async def get_shop(request: Request) -> Shop:
    """Return every item of the catalogue's shop."""
    items = backend_of(request).catalogue.shop.items()
    return Shop(items=[Offer(item_id=name, **item.model_dump()) for name, item in items])


class BuyRequest(RequestBody):
    """The id of the item to buy, and how many of it."""

    item_id: str
    quantity: Annotated[int, Field(ge=1, le=QUANTITY_LIMIT, strict=True)] = 1


class BuyResponse(ProgressView):
    """The item that was bought, and the progress after it."""

    item_id: str
    quantity: int


@action(
    router,
    "/shop/buy",
    BuyRequest,
    BuyResponse,
    summary="Buy something",
    done="Bought",
    refusals=(402, 404, 409),
)
def post_buy(backend: Backend, read: Progress, body: BuyRequest, _: Held) -> Progress:
    """Buy and pay at once: 402 without the money, 409 for a unique item that the caller has."""
    return player.buy(backend.catalogue, read, name=body.item_id, quantity=body.quantity)
