"""`/progress`"""

import json
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import AfterValidator, Field, JsonValue

from api.actions import IdempotencyKey, act, json_response
from api.backend import RequestBody, backend_of, caller
from api.problems import responses
from api.progress_view import ProgressView, view
from game.economy import AMOUNT_LIMIT
from game.player import save
from store import progress
from store.progress import Progress

router = Router()

CHECKPOINT_LIMIT = 8 * 1024
"""Bytes of a checkpoint as JSON text in UTF-8."""
CHECKPOINT_DEPTH = 64
"""Arrays and objects within one another; pydantic writes no answer with more than some 250."""


def _depth(value: JsonValue) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _small(checkpoint: JsonValue) -> JsonValue:
    text = json.dumps(checkpoint, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    size = len(text.encode())
    if size > CHECKPOINT_LIMIT:
        raise ValueError(f"must be at most {CHECKPOINT_LIMIT} bytes of JSON, not {size}")
    if _depth(checkpoint) > CHECKPOINT_DEPTH:
        raise ValueError(f"must be nested at most {CHECKPOINT_DEPTH} deep")
    return checkpoint


class SaveRequest(RequestBody):
    """A save; `version` is that of the progress it was made from (0 for a new player)."""

    level: Annotated[int, Field(ge=1, le=AMOUNT_LIMIT, strict=True)]
    xp: Annotated[int, Field(ge=0, le=AMOUNT_LIMIT, strict=True)]
    checkpoint: Annotated[JsonValue, AfterValidator(_small)]
    version: Annotated[int, Field(ge=0, le=AMOUNT_LIMIT, strict=True)]


@router.get(
    "/progress",
    summary="The caller's progress",
    responses={200: {"description": "The progress"}} | responses(401, 410, 503),
    security=[{"idToken": []}],
)
async def get_progress(request: Request) -> ProgressView:
    """Level, xp, checkpoint, money and all that the caller owns."""
    player, backend = caller(request), backend_of(request)
    return view(await progress.load(backend.db, player.user_id))


@router.post(
    "/progress",
    summary="Save level, xp and checkpoint",
    responses=json_response(ProgressView, "Saved") | responses(400, 401, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def save_progress(
    request: Request, body: Annotated[SaveRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    """Save, unless another device saved since; then it is a 409 with the stored version."""
    economy = backend_of(request).catalogue

    def change(read: Progress) -> Progress:
        return save(
            economy, read, level=body.level, xp=body.xp, checkpoint=body.checkpoint, version=body.version
        )

    return await act(request, body, idempotency_key, change, view)
