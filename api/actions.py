"""A player's action on their own progress, answered once for each `Idempotency-Key`."""

import json
import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Header

from api.backend import Backend, backend_of, caller
from api.problems import CONTENT_TYPE, FieldError, Problem, ProblemError, invalid
from game import strict_json
from game.model import Model
from game.player import Refusal, RefusedError, StaleVersionError
from store import actions
from store.idempotency import Answer, RequestKey, request_key
from store.progress import Progress

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 printable ASCII characters: the same request gets the same answer for a day",
    ),
]
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
    """Return the day in UTC: every daily limit starts again with it."""
    return datetime.fromtimestamp(backend.clock() / 1000, UTC).date()


async def act(
    request: Request,
    body: Model,
    idempotency_key: str | None,
    change: Change,
    show: Show,
    boards: Collection[str] = (),
) -> Response[str]:
    """Change the caller's progress by the rules and answer with what `show` makes of it.

    `boards` are those whose bests the rules look at, see `store.actions.act`.
    A refusal by the rules becomes its problem: 402, 404, 409 or 422. A malformed idempotency key is a 400.
    """
    player, backend = caller(request), backend_of(request)
    key = _key(request, player.user_id, idempotency_key, body)

    def decide(read: Progress) -> tuple[Progress, Answer]:
        try:
            new = change(read)
        except (RefusedError, StaleVersionError) as error:
            problem = _problem(error)
            return read, Answer(status=problem.status, body=_json(problem))
        return new, Answer(status=_OK, body=_json(show(new)))

    answer = await actions.act(backend.db, player.user_id, decide, key, backend.clock(), boards)
    content_type = "application/json" if answer.status == _OK else CONTENT_TYPE
    return Response(status_code=answer.status, content_type=content_type, body=answer.body)


def _key(request: Request, user_id: str, key: str | None, body: Model) -> RequestKey | None:
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ProblemError(400, "Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces")
    # The fields come in the model's order, whatever was sent. In ASCII: pydantic's own JSON cannot carry half
    # of a surrogate pair.
    values = body.model_dump()
    same = json.dumps({name: strict_json.ordered(value) for name, value in values.items()})
    # Before, objects within the fields were taken as sent. Keys are kept for a day: this can go after that.
    before = json.dumps(values)
    route = (request.method, request.route)
    return request_key(user_id, key, *route, same, former=(*route, before))


def _problem(error: RefusedError | StaleVersionError) -> Problem:
    if isinstance(error, StaleVersionError):
        return ProblemError(409, str(error), version=error.version).problem
    field = FieldError(field=f"body.{error.field}", detail=str(error))
    if error.refusal is Refusal.OVER_LIMIT:
        return invalid([field], error.rule).problem
    return ProblemError(_STATUS[error.refusal], f"{error.field}: {error}", rule=error.rule).problem


def _json(model: Model) -> str:
    return model.model_dump_json(by_alias=True, exclude_none=isinstance(model, Problem))


def json_response(model: type[Model], description: str) -> dict[int, Any]:
    """The OpenAPI description of a 200."""
    return {200: {"description": description, "content": {"application/json": {"model": model}}}}
