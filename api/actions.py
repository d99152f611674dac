"""A player's action on their own progress, answered once for each `Idempotency-Key`."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi import params

from api.backend import Backend, RequestBody, backend_of, caller
from api.problems import CONTENT_TYPE, FieldError, Problem, ProblemError, invalid, responses
from api.progress_view import ProgressView, fields
from game import strict_json
from game.headers import IDEMPOTENCY_KEY
from game.model import Model
from game.player import ActionRefusedError, Reached, Refusal, StaleVersionError
from store import actions
from store.actions import Asked
from store.idempotency import Answer, RequestKey, request_key
from store.progress import Progress
from store.standings import Standing

IdempotencyKey = Annotated[
    str | None,
    params.Header(
        alias=IDEMPOTENCY_KEY,
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

Body = TypeVar("Body", bound=RequestBody)
Held = Mapping[str, Reached]
"""What a player has, by area or board."""
Rule = Callable[[Backend, Progress, Body, Held], Progress]
"""An action's change of a player's progress. Pure: it is called again where another request was faster.

Raises ActionRefusedError or StaleVersionError, which become 402, 404, 409 or 422.
"""
Ask = Callable[[Backend, Body], Asked | None]
"""The standings that a rule looks at, see `store.actions.act`."""


def today(backend: Backend) -> date:
    """Return the day in UTC: every daily limit starts again with it."""
    return datetime.fromtimestamp(backend.now_ms() / 1000, UTC).date()


def action(
    router: Router,
    path: str,
    body_model: type[Body],
    answer_model: type[ProgressView],
    *,
    summary: str,
    done: str,
    refusals: Collection[int] = (),
    ask: Ask[Body] = lambda _backend, _body: None,
) -> Callable[[Rule[Body]], Rule[Body]]:
    """Make a rule the route `POST path`: the rule's name and docstring are those of the operation.

    The answer is the new progress. A field that `answer_model` adds to it is copied from the body. `done`
    describes the 200; `refusals` are the statuses with which the rule refuses, beside a 422. `ask` says
    which standings the rule looks at. A malformed idempotency key is a 400.
    """
    echoed = answer_model.model_fields.keys() - ProgressView.model_fields.keys()
    statuses = sorted({400, 401, 410, 413, 415, 422, 503, *refusals})
    response = {200: {"description": done, "content": {"application/json": {"model": answer_model}}}}

    def register(rule: Rule[Body]) -> Rule[Body]:
        async def route(
            request: Request, body: Body, idempotency_key: IdempotencyKey = None
        ) -> Response[Any]:
            backend = backend_of(request)

            def show(new: Progress) -> ProgressView:
                return answer_model(**{name: getattr(body, name) for name in echoed}, **fields(new))

            return await _act(
                request,
                body,
                idempotency_key,
                lambda read, held: rule(backend, read, body, held),
                show,
                ask(backend, body),
            )

        route.__name__, route.__doc__ = rule.__name__, rule.__doc__
        route.__annotations__["body"] = Annotated[body_model, params.Body()]
        router.post(
            path,
            summary=summary,
            responses=response | responses(*statuses),
            security=[{"idToken": []}],
        )(route)
        return rule

    return register


async def _act(
    request: Request,
    body: RequestBody,
    idempotency_key: str | None,
    change: Callable[[Progress, Held], Progress],
    show: Callable[[Progress], ProgressView],
    asked: Asked | None,
) -> Response[str]:
    player, backend = caller(request), backend_of(request)
    key = request_key_of(request, player.user_id, idempotency_key, body)

    def decide(read: Progress, held: Mapping[str, Standing]) -> tuple[Progress, Answer]:
        try:
            new = change(read, _reached(backend, held))
        except (ActionRefusedError, StaleVersionError) as error:
            problem = problem_of(error)
            return read, Answer(status=problem.status, body=_json(problem))
        return new, Answer(status=_OK, body=show(new).model_dump_json(by_alias=True))

    answer = await actions.act(backend.db, player.user_id, decide, key, backend.now_ms(), asked)
    content_type = "application/json" if answer.status == _OK else CONTENT_TYPE
    return Response(status_code=answer.status, content_type=content_type, body=answer.body)


def _reached(backend: Backend, held: Mapping[str, Standing]) -> Held:
    found = {}
    for key, one in held.items():
        board, area = backend.catalogue.find_board(key), backend.catalogue.areas.get(key)
        if rules := board or area:
            found[board.id if board else key] = Reached(one.points, rules.order)
    return found


def request_key_of(request: Request, user_id: str, key: str | None, body: Model) -> RequestKey | None:
    """Return the key of a player's request; None where none came. Raises a 400 for a malformed one."""
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ProblemError(
            400, f"{IDEMPOTENCY_KEY}: must be 1 to 255 printable ASCII characters without spaces"
        )
    values = body.model_dump()
    # An earlier release left objects within the fields in the order sent. Keys are kept for a day, so this
    # can go once that release has been replaced for a day.
    before = json.dumps(values)
    former = (request.method, request.route, before)
    return request_key(user_id, key, *request_parts(request, body), former=former)


def request_parts(request: Request, body: Model) -> tuple[str, ...]:
    """Return what tells a player's request apart from others: method, path and body."""
    return request.method, request.route, as_text(body)


def as_text(body: Model) -> str:
    """Return a body as a text that is the same for all that say the same."""
    # The fields come in the model's order, whatever was sent. In ASCII: pydantic's own JSON cannot carry half
    # of a surrogate pair.
    values = body.model_dump()
    return json.dumps({name: strict_json.ordered(value) for name, value in values.items()})


def problem_of(error: ActionRefusedError | StaleVersionError) -> Problem:
    """Return the problem that says why the rules refuse."""
    if isinstance(error, StaleVersionError):
        return ProblemError(409, str(error), version=error.version).problem
    field = FieldError(field=f"body.{error.field}", detail=str(error))
    if error.refusal is Refusal.OVER_LIMIT:
        return invalid([field], error.rule).problem
    return ProblemError(_STATUS[error.refusal], f"{error.field}: {error}", rule=error.rule).problem


def _json(model: Model) -> str:
    return model.model_dump_json(by_alias=True, exclude_none=isinstance(model, Problem))
