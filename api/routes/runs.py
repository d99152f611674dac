"""`/run`"""

import secrets
from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field

from api.backend import RequestBody, backend_of, caller
from api.problems import responses
from api.rule_problems import rule_problem
from game.model import Model, is_absent
from game.run_ticket import NONCE_BYTES, SEED_LIMIT, Ticket, sign
from store.terms import NoAttemptsError, RuleError, attempts_left

router = Router()


class RunRequest(RequestBody):
    """An area in which a run begins."""

    game_area: str


class RunResponse(Model):
    """A run. Its score is submitted with `run`, until `expires_at`; times in milliseconds since the epoch.

    seed: a random number for the game's dice, below 2^31. attempts_left: how many runs the player may still
    submit, this one included, where the area limits them.
    """

    run: str
    seed: int
    started_at: int
    expires_at: int
    attempts_left: int | None = Field(None, exclude_if=is_absent)


@router.post(
    "/run",
    status_code=201,
    summary="Begin a run",
    responses={201: {"description": "Begun"}} | responses(400, 401, 404, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def begin_run(request: Request, body: Annotated[RunRequest, Body()]) -> RunResponse:
    """Begin a run in an area. It counts for nothing until its score is submitted."""
    player, backend = caller(request), backend_of(request)
    rules, now = backend.area(body.game_area).rules, backend.now_ms()
    try:
        left = await attempts_left(backend.db, backend.catalogue, player.user_id, body.game_area, now)
    except (RuleError, NoAttemptsError) as error:
        raise rule_problem(backend.catalogue, body.game_area, error) from error
    key = await backend.run_keys.signing()
    ticket = Ticket(
        key=key.id,
        user_id=player.user_id,
        area=body.game_area,
        started_at=now,
        expires_at=now + rules.max_time,
        nonce=secrets.token_urlsafe(NONCE_BYTES),
        seed=secrets.randbelow(SEED_LIMIT),
    )
    return RunResponse(
        run=sign(ticket, key),
        seed=ticket.seed,
        started_at=ticket.started_at,
        expires_at=ticket.expires_at,
        attempts_left=left,
    )
