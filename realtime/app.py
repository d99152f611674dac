"""The Lambda entries of the WebSocket routes, and of the portrait container's destination."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from game.catalogue import load_catalogue
from game.environment import RoutesEnvironment
from realtime.avatars import announce
from realtime.routes import Live, handle
from realtime.stage_push import open_stage_push
from runtime.clock import now_ms
from runtime.container import Container
from runtime.event_loop import new_event_loop
from runtime.settings import read
from store.database import open_database
from store.spectators import Bounds
from store.users import open_user_pool

logger = Logger(service="podium")


@asynccontextmanager
async def _open_live() -> AsyncIterator[Live]:
    settings = read(RoutesEnvironment)
    session = aioboto3.Session()
    async with (
        open_database(session, settings.table_prefix) as db,
        open_stage_push(session, settings, db) as push,
        open_user_pool(session, settings.user_pool_id) as users,
    ):
        bounds = Bounds(settings.spectators, settings.spectators_per_address)
        yield Live(db, load_catalogue(), push, now_ms, users.is_member, bounds)


_container = Container(_open_live, new_event_loop)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Serve one WebSocket event: `$connect`, `$disconnect` or a message."""
    return _container.run(lambda live: handle(live, event))


@logger.inject_lambda_context
def avatar_handler(record: dict[str, Any], _: LambdaContext) -> None:
    """Tell a player what became of a picture: the destination of the portrait container's invocations."""
    _container.run(lambda live: announce(live.db, live.push, record))
