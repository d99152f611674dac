"""The Lambda entry of the REST API."""

import json
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.application import CORS, configure, serialize
from api.backend import Backend, Deployment
from api.routes.score import metrics
from game.catalogue import load_catalogue
from store.portraits import open_bucket
from store.runtime import Container, now, open_database

# Most requests count nothing.
warnings.filterwarnings("ignore", "No application metrics to publish")

logger = Logger(service="podium")
app = APIGatewayRestResolver(cors=CORS, serializer=serialize)
configure(app)


class ApiSettings(BaseSettings):
    """The environment. Each field is the environment variable `PODIUM_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="PODIUM_", frozen=True)

    table_prefix: str = ""
    """What the tables' names start with in this deployment; "" by default."""
    deployment: Deployment
    """JSON, as in `client-config.json`."""
    portrait_function: str
    """The name of the Lambda function that makes portraits."""


@asynccontextmanager
async def _open_backend() -> AsyncIterator[Backend]:
    settings = ApiSettings()
    session = aioboto3.Session()
    async with (
        open_database(session, settings.table_prefix) as db,
        open_bucket(session, settings.deployment.avatar_bucket) as portraits,
        session.client("lambda") as functions,
    ):

        async def process_portrait(user_id: str, key: str, background: str) -> None:
            event = {"userId": user_id, "key": key, "background": background}
            await functions.invoke(
                FunctionName=settings.portrait_function, InvocationType="Event", Payload=json.dumps(event)
            )

        yield Backend(db, load_catalogue(), settings.deployment, now, portraits, process_portrait)


_container = Container(_open_backend)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one request."""

    async def serve(backend: Backend) -> dict[str, Any]:
        # Powertools clears the context after each request.
        app.append_context(backend=backend)
        return await app.resolve_async(event, context)

    return _container.run(serve)
