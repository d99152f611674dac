"""Checks a request against its route's types before the route sees it.

Powertools' own middleware for this is synchronous, and its async resolver runs such middleware in the
default thread pool, a thread held for the whole of each request: a dozen requests at once then wait for one
another forever. So this asks Powertools' validator directly, from a middleware that is async. It also closes
two doors that the validator leaves open: a body of an array counts as its first element there, and a form
counts as JSON.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aws_lambda_powertools.event_handler import ApiGatewayResolver, Response
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
)

from api.backend import caller
from api.problems import ProblemError
from game import strict_json
from game.strict_json import RepeatedMemberError

BODY_LIMIT = 64 * 1024
"""Bytes of UTF-8 in a request's body; more is refused with a 413."""


class _Validator(OpenAPIRequestValidationMiddleware):
    def _get_body(self, app: Any) -> dict[str, Any]:
        # `_check_body` knows it for JSON, however its content type is spelt; Powertools minds the case.
        return self._parse_json_data(app)


_validator = _Validator()  # type: ignore[no-untyped-call]

Next = Callable[[ApiGatewayResolver], Awaitable[Response[Any]]]


async def validate(app: ApiGatewayResolver, next_middleware: Next) -> Response[Any]:
    """Refuse a request without a token that its route needs, or one that the route's types do not fit.

    Hands the route its parsed arguments. Raises ProblemError (400, 401, 413, 415), or Powertools'
    RequestValidationError for a 422.
    """
    route = app.context["_route"]
    if route.security:
        caller(app.request)
    if route.dependant.body_params:
        _check_body(app)
    _validator.handler(app, _no_more)  # type: ignore[arg-type]
    return await next_middleware(app)


def _no_more(_: ApiGatewayResolver) -> None:
    """End the validator's own chain: its findings are in the app's context by now."""


def _check_body(app: ApiGatewayResolver) -> None:
    event = app.current_event
    content_type = (event.headers.get("content-type") or "application/json").partition(";")[0].strip()
    if content_type.lower() != "application/json":
        raise ProblemError(415, f"Content-Type: must be application/json, not {content_type!r:.100}")
    try:
        body = event.decoded_body or ""
    except ValueError as error:
        raise ProblemError(400, f"body: not UTF-8 text: {error}") from error
    if len(body.encode(errors="surrogatepass")) > BODY_LIMIT:
        raise ProblemError(413, f"body: must be at most {BODY_LIMIT} bytes")
    try:
        content = strict_json.parse(body)
    except RepeatedMemberError as error:
        raise ProblemError(400, f"body: {error}") from error
    except ValueError as error:
        raise ProblemError(400, f"body: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ProblemError(400, "body: must be a JSON object")
