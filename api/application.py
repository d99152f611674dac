"""The REST API put together: the same routes on API Gateway's resolver and on the local server's."""

from typing import Any

import pydantic_core
from aws_lambda_powertools.event_handler import ApiGatewayResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from api.failures import as_problem
from api.problems import ProblemError, field_errors, invalid, to_response
from api.routes import (
    about,
    account,
    avatar,
    economy,
    held,
    leaderboard,
    profile,
    rewards,
    runs,
    score,
    seasons,
    servers,
)
from api.validation import validate
from game.headers import PREFLIGHT_SECONDS, REQUEST_HEADERS, RESPONSE_HEADERS
from game.version import VERSION

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=list(REQUEST_HEADERS),
    expose_headers=list(RESPONSE_HEADERS),
    max_age=PREFLIGHT_SECONDS,
)
_ROUTES = (
    score,
    runs,
    servers,
    leaderboard,
    seasons,
    rewards,
    profile,
    account,
    economy,
    avatar,
    held,
    about,
)
_ID_TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Cognito ID token"}


def serialize(value: Any) -> str:
    """Return a route's answer, models included, as JSON text."""
    return pydantic_core.to_json(value, by_alias=True).decode()


def configure(app: ApiGatewayResolver) -> None:
    """Give a resolver every route, the validation and the problem+json errors of the API."""
    app.use(middlewares=[validate])  # type: ignore[list-item]  # typed for synchronous ones only
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.configure_openapi(
        title="Podium",
        version=VERSION,
        description="Sign-in, scores and leaderboards for Unity and web games.",
        # As in OpenAPI itself: Powertools' models of it would be a tenth of a cold start.
        security_schemes={"idToken": _ID_TOKEN},  # type: ignore[dict-item]
    )

    @app.exception_handler(ProblemError)
    def on_problem(error: ProblemError) -> Response[str]:
        return to_response(error.problem, error.retry_after)

    @app.exception_handler(RequestValidationError)
    def on_invalid(error: RequestValidationError) -> Response[str]:
        return to_response(invalid(field_errors(error.errors())).problem)

    @app.not_found
    def on_unknown(_: NotFoundError) -> Response[str]:
        return to_response(ProblemError(404, "there is no such resource, or not with this method").problem)

    @app.exception_handler(Exception)
    def on_error(error: Exception) -> Response[str]:
        found = as_problem(error)
        return to_response(found.problem, found.retry_after)
