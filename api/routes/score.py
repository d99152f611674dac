"""`/score`"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field, JsonValue, StrictInt

from api.actions import IdempotencyKey, request_key_of
from api.backend import RequestBody, backend_of, caller
from api.problems import FieldError, ProblemError, invalid, responses
from game.catalogue import Area
from game.headers import IDEMPOTENCY_KEY
from game.metadata import to_text
from game.metrics import Metric
from game.model import Model
from game.standing import PointsLimitError
from store.idempotency import RequestKey
from store.submission import Outcome, SeasonOverError, submit

router = Router()


class ScoreRequest(RequestBody):
    """A score that the player reached in an area."""

    game_area: str
    points: StrictInt = Field(alias="score")
    tiebreak: StrictInt | None = None
    """Where the area has one: the number that ranks equal points."""
    metadata: JsonValue = None
    """Where the area takes some: what is shown with the entry, as any JSON but null."""


class ScoreResponse(Model):
    """The score, the player's best in the area now, and whether this score made it.

    boards: the same on each board that the area feeds.
    """

    game_area: str
    points: int = Field(alias="score")
    best: int
    improved: bool
    boards: tuple[Outcome, ...]


@router.post(
    "/score",
    status_code=201,
    summary="Submit a score",
    responses={201: {"description": "Recorded"}} | responses(400, 401, 404, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def submit_score(
    request: Request, body: Annotated[ScoreRequest, Body()], idempotency_key: IdempotencyKey = None
) -> ScoreResponse:
    """Submit a score: a better one, a further one to add, or the latest, as the area keeps them.

    In an area that adds scores up it needs an `Idempotency-Key`: the same request counts once.
    """
    player, backend = caller(request), backend_of(request)
    area = backend.area(body.game_area)
    _check(area, body)
    key = _key(request, player.user_id, area, body, idempotency_key)
    try:
        submission = await submit(
            backend.db,
            backend.catalogue,
            player,
            body.game_area,
            body.points,
            backend.now_ms(),
            tiebreak=body.tiebreak,
            metadata=None if body.metadata is None else to_text(body.metadata),
            key=key,
        )
    except PointsLimitError as error:
        raise invalid([FieldError(field="body.score", detail=str(error))]) from error
    except SeasonOverError as error:
        raise ProblemError(409, str(error), code="season_over", season=error.current) from error
    backend.count(Metric.SCORES_ACCEPTED)
    return ScoreResponse(game_area=body.game_area, points=body.points, **dict(submission))


def _key(
    request: Request, user_id: str, area: Area, body: ScoreRequest, idempotency_key: str | None
) -> RequestKey | None:
    """Return the request's key; None where a repetition changes nothing."""
    if area.keep == "best":
        return None
    if area.keep == "sum" and idempotency_key is None:
        detail = f"{body.game_area} adds scores up: send a key, so that this one counts once"
        raise invalid([FieldError(field=f"header.{IDEMPOTENCY_KEY}", detail=detail)])
    return request_key_of(request, user_id, idempotency_key, body)


def _check(area: Area, body: ScoreRequest) -> None:
    """Raise a 422 that names each field that the area does not take."""
    faults = area.faults(body.game_area, body.points, body.tiebreak, body.metadata)
    if wrong := [FieldError(field=f"body.{fault.field}", detail=fault.detail) for fault in faults]:
        raise invalid(wrong)
