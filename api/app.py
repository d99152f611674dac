"""The Lambda entry of the REST API."""

import json
import time
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import aioboto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from api.application import CORS, configure, serialize
from api.backend import Backend, Verify
from api.groups import Memberships
from api.problems import ProblemError
from game.board_rules import Break
from game.catalogue import Catalogue, load_catalogue
from game.client_config import Deployment
from game.environment import ApiEnvironment, TokensEnvironment
from game.metrics import Metric
from runtime.clock import now_ms
from runtime.container import Container
from runtime.run_keys import RunKeys, keys_of_secret
from runtime.sdk import SDK_CONFIG
from runtime.settings import read
from runtime.token_kinds import ID_TOKEN
from store import conversion
from store.board_rules import Admission, settle
from store.database import Database, open_database
from store.portraits import open_bucket
from store.unfinished import Janitor
from store.users import open_user_pool

if TYPE_CHECKING:
    from runtime.tokens import TokenVerifier

# Most requests count nothing.
warnings.filterwarnings("ignore", "No application metrics to publish")

logger = Logger(service="podium")
# The namespace is the deployment's: POWERTOOLS_METRICS_NAMESPACE, without which counting fails.
metrics = Metrics(service="api")
app = APIGatewayRestResolver(cors=CORS, serializer=serialize)
configure(app)


_JANITOR_SECONDS = 270
"""How long a run of the janitor works, of the 300 seconds that its function has."""


class UnfinishedError(Exception):
    """Players of whom something is pending could not be finished; the next run tries again."""


def count(metric: Metric) -> None:
    """Count one of a metric."""
    metrics.add_metric(metric, MetricUnit.Count, 1)


@asynccontextmanager
async def _open_backend() -> AsyncIterator[Backend]:
    settings = read(ApiEnvironment)
    deployment = Deployment.model_validate_json(settings.deployment)
    session = aioboto3.Session()
    catalogue = load_catalogue()
    async with (
        open_database(session, settings.table_prefix) as db,
        open_bucket(session, deployment.avatar_bucket) as portraits,
        session.client("lambda", config=SDK_CONFIG) as functions,
        session.client(
            "apigatewaymanagementapi", endpoint_url=settings.connections_url, config=SDK_CONFIG
        ) as live,
        open_user_pool(session, deployment.user_pool_id) as users,
    ):

        async def process_portrait(user_id: str, key: str, background: str) -> None:
            event = {"userId": user_id, "key": key, "background": background}
            try:
                await functions.invoke(
                    FunctionName=settings.portrait_function, InvocationType="Event", Payload=json.dumps(event)
                )
            except functions.exceptions.ResourceNotFoundException as error:
                # A stage is deployed before there is an image of the container.
                raise ProblemError(503, "portraits are not available on this server") from error

        async def hang_up(connection_id: str) -> None:
            with suppress(live.exceptions.GoneException):
                await live.delete_connection(ConnectionId=connection_id)

        yield Backend(
            db,
            catalogue,
            deployment,
            now_ms,
            portraits,
            process_portrait,
            hang_up,
            users.delete,
            users.is_guest,
            Memberships(users.is_member),
            users.describe,
            _verify(settings),
            RunKeys(keys_of_secret(session, settings.run_secret), time.time),
            count,
            Admission(db, catalogue, _settle),
        )


def _verify(settings: TokensEnvironment) -> Verify:
    """Return what verifies ID tokens. The first one imports the libraries, which few containers need."""

    @cache
    def verifier() -> "TokenVerifier":
        from runtime.tokens import TokenVerifier

        return TokenVerifier(
            issuer=settings.token_issuer,
            client_id=settings.token_client_id,
            key_set_url=settings.key_set_url,
        )

    async def verify(token: str) -> Mapping[str, Any]:
        return await verifier().verify(token, uses=ID_TOKEN)

    return verify


async def _settle(db: Database, catalogue: Catalogue) -> list[Break]:
    # The form first: the rules that `settle` writes are a sign of data that was there before.
    await conversion.require(db)
    return await settle(db, catalogue)


_container = Container(_open_backend)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request.

    Raises UnconvertedError for data of an earlier release, and BrokenBoardsError where the catalogue would
    have stored rows misread.
    """

    async def serve(backend: Backend) -> dict[str, Any]:
        if backend.admission:
            await backend.admission.require()
        # Powertools clears the context after each request.
        app.append_context(backend=backend)
        return await app.resolve_async(event, context)

    return _container.run(serve)


@logger.inject_lambda_context
@metrics.log_metrics
def janitor_handler(_: dict[str, Any], __: LambdaContext) -> None:
    """Finish what is pending of players. Raises UnfinishedError, so that the alarm sees what could not be."""

    async def clean(backend: Backend) -> None:
        # Before the first request of a stage there is nothing to do; data of an earlier release is let be.
        if not await conversion.is_converted(backend.db):
            return
        janitor = Janitor(
            backend.db, backend.catalogue, backend.portraits, now_ms, backend.hang_up, backend.delete_user
        )
        done = await janitor.run(_JANITOR_SECONDS)
        if done.failed:
            raise UnfinishedError(f"{done.failed} players; {done.finished} were finished")

    _container.run(clean)
