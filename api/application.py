"""The REST API put together: the same routes on API Gateway's resolver and on the local server's."""

import logging
from typing import Any

import pydantic_core
from aws_lambda_powertools.event_handler import ApiGatewayResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from api.problems import FieldError, ProblemError, field_errors, invalid, to_response
from api.routes import about, account, avatar, economy, leaderboard, profile, score, seasons
from api.validation import validate
from game.headers import IDEMPOTENCY_KEY, PREFLIGHT_SECONDS, REQUEST_HEADERS, RESPONSE_HEADERS
from game.version import VERSION
from store.errors import ConflictError, RowError, throttled
from store.idempotency import KeyReusedError
from store.players import DeletedError
from store.users import UsersUnavailableError

logger = logging.getLogger("podium.api")

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=list(REQUEST_HEADERS),
    expose_headers=list(RESPONSE_HEADERS),
    max_age=PREFLIGHT_SECONDS,
)
_ID_TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Cognito ID token"}


def serialize(value: Any) -> str:
    """Return a route's answer, models included, as JSON text."""
    return pydantic_core.to_json(value, by_alias=True).decode()


def configure(app: ApiGatewayResolver) -> None:
    """Give a resolver every route, the validation and the problem+json errors of the API."""
    app.use(middlewares=[validate])  # type: ignore[list-item]  # typed for synchronous ones only
    for routes in (score, leaderboard, seasons, profile, account, economy, avatar, about):
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

    @app.exception_handler(DeletedError)
    def on_deleted(_: DeletedError) -> Response[str]:
        # Not a 401: a client would renew its token, and ask again, for ever.
        return to_response(ProblemError(410, "this player was deleted, for good", code="deleted").problem)

    @app.exception_handler(KeyReusedError)
    def on_reused_key(_: KeyReusedError) -> Response[str]:
        error = FieldError(field=f"header.{IDEMPOTENCY_KEY}", detail="came with another request before")
        return to_response(invalid([error]).problem)

    _answer_failures(app)


def _answer_failures(app: ApiGatewayResolver) -> None:
    """Give a resolver the answers to what went wrong on our side."""

    @app.exception_handler(ConflictError)
    def on_conflict(error: ConflictError) -> Response[str]:
        logger.error("%s", error)
        return to_response(ProblemError(503, "too many writes at once; try again").problem)

    @app.exception_handler(UsersUnavailableError)
    def on_users(error: UsersUnavailableError) -> Response[str]:
        return _throttled(error)

    @app.exception_handler(RowError)
    def on_row(error: RowError) -> Response[str]:
        # Nothing of it was changed: what a player has is not lost by a row that one release cannot read.
        logger.error("%s", error)
        detail = "what is stored of you cannot be read; nothing was changed, and it is logged"
        return to_response(ProblemError(500, detail).problem)

    @app.exception_handler(Exception)
    def on_error(error: Exception) -> Response[str]:
        if throttled(error):
            return _throttled(error)
        logger.error("unexpected error", exc_info=error)
        return to_response(ProblemError(500, "something went wrong on our side; it is logged").problem)


def _throttled(error: Exception) -> Response[str]:
    logger.error("throttled: %s", error)
    return to_response(ProblemError(503, "too many requests at once; try again").problem)
