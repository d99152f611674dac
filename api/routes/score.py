"""`/score`"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field, StrictInt

from api.backend import RequestBody, backend_of, caller
from api.problems import FieldError, invalid, responses
from game.metrics import Metric
from game.model import Model
from store.submission import submit

router = Router()


class ScoreRequest(RequestBody):
    """A score that the player reached in an area."""

    game_area: str
    points: StrictInt = Field(alias="score")


class ScoreResponse(Model):
    """The score, the player's best in the area now, and whether this score made it."""

    game_area: str
    points: int = Field(alias="score")
    best: int
    improved: bool


@router.post(
    "/score",
    status_code=201,
    summary="Submit a score",
    responses={201: {"description": "Recorded"}} | responses(400, 401, 404, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def submit_score(request: Request, body: Annotated[ScoreRequest, Body()]) -> ScoreResponse:
    """Submit a score. Only a better one than the player's best changes anything."""
    player, backend = caller(request), backend_of(request)
    area = backend.area(body.game_area)
    if not area.min <= body.points <= area.max:
        raise invalid(
            [
                FieldError(
                    field="body.score", detail=f"must be from {area.min} to {area.max} in {body.game_area}"
                )
            ]
        )
    submission = await submit(
        backend.db, backend.catalogue, player, body.game_area, body.points, backend.now_ms()
    )
    backend.count(Metric.SCORES_ACCEPTED)
    return ScoreResponse(
        game_area=body.game_area, points=body.points, best=submission.best, improved=submission.improved
    )
