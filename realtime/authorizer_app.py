"""The Lambda entry of the authorizer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from game.environment import AuthorizerEnvironment
from realtime.authorizer import authorize
from runtime.container import Container
from runtime.settings import read
from runtime.tokens import TokenVerifier

logger = Logger(service="podium")

Authorizer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


@asynccontextmanager
async def _open_authorizer() -> AsyncIterator[Authorizer]:
    settings = read(AuthorizerEnvironment)
    verifier = TokenVerifier(
        issuer=settings.token_issuer, client_id=settings.token_client_id, key_set_url=settings.key_set_url
    )
    yield partial(authorize, verifier, spectator_origins=settings.spectator_origins.split())


_container = Container(_open_authorizer)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Answer with the policy that lets the caller in, or raise `Unauthorized`."""
    return _container.run(lambda authorizer: authorizer(event))
