"""`/server/scores`: scores that a server of the studio's own vouches for."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field, JsonValue, StrictInt, field_validator

from api.actions import as_text
from api.backend import Backend, RequestBody, backend_of
from api.failures import as_problem
from api.groups import member
from api.problems import FieldError, invalid, responses
from api.routes.score import check, record
from game.groups import SERVERS
from game.model import Model, is_absent
from game.names import default_name
from store.idempotency import KeyReusedError, server_key
from store.profiles import Profile
from store.submission import Outcome

router = Router()

SCORES_LIMIT = 25
"""Scores of one request."""
_AT_ONCE = 8
"""Players whose scores are recorded side by side: all of a request within API Gateway's 29 seconds."""


class ServerScore(RequestBody):
    """A score of a player, under a key of its own: the same key gets the same result for a day."""

    key: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")]
    # A user name, or a `sub` in capitals, would be a player without a token; frames have room for 36 letters.
    user_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    """The player's `sub`, as the user pool writes it."""
    game_area: str
    points: StrictInt = Field(alias="score")
    tiebreak: StrictInt | None = None
    """Where the area has one: the number that ranks equal points."""
    metadata: JsonValue = None
    """Where the area takes some: what is shown with the entry, as any JSON but null."""


class ServerScores(RequestBody):
    """Scores of players, each with a key that no other of them has."""

    scores: Annotated[tuple[ServerScore, ...], Field(min_length=1, max_length=SCORES_LIMIT)]

    @field_validator("scores")
    @classmethod
    def _check(cls, scores: tuple[ServerScore, ...]) -> tuple[ServerScore, ...]:
        keys = [score.key for score in scores]
        if len(set(keys)) < len(keys):
            raise ValueError("each score must have a key of its own")
        return scores


class ServerResult(Model):
    """What became of a score: 201 with what `POST /score` answers, or the status and content of a problem."""

    key: str
    status: int
    game_area: str | None = Field(None, exclude_if=is_absent)
    points: int | None = Field(None, alias="score", exclude_if=is_absent)
    best: int | None = Field(None, exclude_if=is_absent)
    improved: bool | None = Field(None, exclude_if=is_absent)
    verdict: Literal["accepted", "held"] | None = Field(None, exclude_if=is_absent)
    boards: tuple[Outcome, ...] | None = Field(None, exclude_if=is_absent)
    title: str | None = Field(None, exclude_if=is_absent)
    detail: str | None = Field(None, exclude_if=is_absent)
    code: str | None = Field(None, exclude_if=is_absent)
    rule: str | None = Field(None, exclude_if=is_absent)
    errors: tuple[FieldError, ...] | None = Field(None, exclude_if=is_absent)


class ServerResults(Model):
    """The results, in the order of the scores."""

    results: tuple[ServerResult, ...]


@router.post(
    "/server/scores",
    summary="Submit scores for players, as a trusted server",
    responses={200: {"description": "The results"}} | responses(400, 401, 403, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def submit_scores(request: Request, body: Annotated[ServerScores, Body()]) -> ServerResults:
    """Submit scores for players, as a member of the group `servers`. The rules of areas do not bind it.

    Each is recorded by itself, those of one player in their order: one that is refused or fails leaves the
    others alone, and can be sent again under its key.
    """
    backend, turn = backend_of(request), asyncio.Semaphore(_AT_ONCE)
    # Before anything is waited for: it decides the season.
    received_at = backend.now_ms()
    await member(request, [SERVERS])
    found: dict[str, ServerResult] = {}

    async def record_all(scores: Sequence[ServerScore]) -> None:
        # They write the same rows: side by side, each would wait for the others.
        async with turn:
            for score in scores:
                found[score.key] = await _result(backend, score, received_at)

    of_players: dict[str, list[ServerScore]] = defaultdict(list)
    for score in body.scores:
        of_players[score.user_id].append(score)
    await asyncio.gather(*map(record_all, of_players.values()))
    return ServerResults(results=tuple(found[score.key] for score in body.scores))


async def _result(backend: Backend, score: ServerScore, received_at: int) -> ServerResult:
    try:
        return await _record(backend, score, received_at)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the others go on
        problem = as_problem(error).problem
        told = problem.model_dump(include={"status", "title", "detail", "code", "rule", "errors"})
        return ServerResult(key=score.key, **told)


async def _record(backend: Backend, score: ServerScore, received_at: int) -> ServerResult:
    check(backend.area(score.game_area), score)
    # How the player is shown, as long as no profile is stored.
    player = Profile(user_id=score.user_id, name=default_name([], score.user_id))
    key = server_key(score.user_id, score.key, as_text(score))
    try:
        recorded = await record(backend, player, score, received_at, key=key, under=None)
    except KeyReusedError as error:
        detail = "came with another score of this player before"
        raise invalid([FieldError(field="body.key", detail=detail)]) from error
    return ServerResult(key=score.key, status=201, **dict(recorded))
