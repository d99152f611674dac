"""A player's action on their own progress, answered once for each `Idempotency-Key`."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from aws_lambda_powertools.event_handler import Request, Response

from api.backend import Backend, backend_of, caller
from api.problems import CONTENT_TYPE, FieldError, Problem, ProblemError, invalid
from game.model import Model
from game.player import Refusal, RefusedError, StaleVersionError
from store import actions
from store.idempotency import Answer, RequestKey, request_key
from store.progress import Progress

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_OK = 200

_STATUS = {
    Refusal.UNKNOWN: 404,
    Refusal.NOT_ENOUGH_MONEY: 402,
    Refusal.CONFLICT: 409,
    Refusal.OVER_LIMIT: 422,
}

Change = Callable[[Progress], Progress]
Show = Callable[[Progress], Model]


def today(backend: Backend) -> date:
    """The day in UTC, which is where every daily limit starts anew."""
    return datetime.fromtimestamp(backend.clock() / 1000, UTC).date()


async def act(request: Request, body: Model, change: Change, show: Show) -> Response[str]:
    """Change the caller's progress by the rules and answer with what `show` makes of it.

    A refusal by the rules becomes its problem: 402, 404, 409 or 422.
    """
    player, backend = caller(request), backend_of(request)
    key = _key(request, player.user_id, body)

    def decide(read: Progress) -> tuple[Progress, Answer]:
        try:
            new = change(read)
        except (RefusedError, StaleVersionError) as error:
            problem = _problem(error)
            return read, Answer(status=problem.status, body=_json(problem))
        return new, Answer(status=_OK, body=_json(show(new)))

    answer = await actions.act(backend.db, player.user_id, decide, key, backend.clock())
    content_type = "application/json" if answer.status == _OK else CONTENT_TYPE
    return Response(status_code=answer.status, content_type=content_type, body=answer.body)


def _key(request: Request, user_id: str, body: Model) -> RequestKey | None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    key = headers.get(HEADER)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ProblemError(400, "Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces")
    return request_key(user_id, key, request.method, request.route, body.model_dump_json())


def _problem(error: RefusedError | StaleVersionError) -> Problem:
    if isinstance(error, StaleVersionError):
        return ProblemError(409, str(error), version=error.version).problem
    field = FieldError(field=f"body.{error.field}", detail=str(error))
    if error.refusal is Refusal.OVER_LIMIT:
        return invalid([field]).problem
    return ProblemError(_STATUS[error.refusal], f"{error.field}: {error}").problem


def _json(model: Model) -> str:
    return model.model_dump_json(by_alias=True, exclude_none=isinstance(model, Problem))


def json_response(model: type[Model], description: str) -> dict[int, Any]:
    """The OpenAPI description of a 200."""
    return {200: {"description": description, "content": {"application/json": {"model": model}}}}
