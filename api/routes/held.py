"""`/admin/held`: scores in doubt, for those who decide about them."""

import json
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from api.backend import backend_of
from api.cursor import pack, unpack
from api.groups import member
from api.problems import FieldError, invalid, responses
from game.catalogue import Catalogue
from game.groups import ADMINS, MODERATORS
from game.metadata import from_text
from game.model import Model, is_absent
from store import held_scores
from store.held_scores import HeldScore

router = Router()

Limit = Annotated[int, Query(ge=1, le=100, description="Scores a page")]
PageCursor = Annotated[str, Query(max_length=512, description="nextCursor of the page before")]
Place = tuple[str, str, str]


class HeldEntry(Model):
    """A score that a rule of its area doubts, and its run. Times in milliseconds since the epoch.

    rule: the rule's key in the catalogue. seed: what the run gave the game's dice.
    """

    id: str
    user_id: str
    name: str
    game_area: str
    points: int = Field(alias="score")
    tiebreak: int | None = Field(None, exclude_if=is_absent)
    metadata: Any = Field(None, exclude_if=is_absent)
    rule: str
    seed: int
    started_at: int
    received_at: int


class HeldPage(Model):
    """Held scores, the oldest first."""

    held: tuple[HeldEntry, ...]
    next_cursor: str | None


@router.get(
    "/admin/held",
    summary="Scores in doubt",
    responses={200: {"description": "The page"}} | responses(401, 403, 410, 422, 503),
    security=[{"idToken": []}],
)
async def list_held(request: Request, limit: Limit = 20, cursor: PageCursor = "") -> HeldPage:
    """Return the scores that wait for a decision, for members of `admins` and `moderators`."""
    await member(request, [ADMINS, MODERATORS])
    backend = backend_of(request)
    page = await held_scores.page(backend.db, limit, _decode(cursor) if cursor else None)
    return HeldPage(
        held=tuple(_entry(backend.catalogue, row) for row in page.held),
        next_cursor=_encode(page.next) if page.next else None,
    )


def _entry(catalogue: Catalogue, row: HeldScore) -> HeldEntry:
    return HeldEntry(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        game_area=row.game_area,
        points=row.points,
        tiebreak=row.tiebreak,
        metadata=None if row.metadata is None else from_text(row.metadata),
        rule=catalogue.rule_key(row.game_area, row.rule),
        seed=row.seed,
        started_at=row.started_at,
        received_at=row.achieved_at,
    )


def _encode(place: Place) -> str:
    return pack(json.dumps(place))


def _decode(cursor: str) -> Place:
    try:
        place = json.loads(unpack(cursor))
    except (ValueError, RecursionError):
        place = None
    if not isinstance(place, list) or len(place) != len(HELD_KEYS) or not all(_is_key(one) for one in place):
        raise invalid([FieldError(field="query.cursor", detail="not a cursor of this list")])
    return place[0], place[1], place[2]


HELD_KEYS = ("id", "userId", "slot")


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isascii()
