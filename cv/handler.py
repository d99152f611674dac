"""The Lambda entry of the portrait container."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from cv.portrait import Models
from cv.processing import Result, process
from game.environment import PortraitsEnvironment
from runtime.clock import now_ms
from runtime.container import Container
from runtime.settings import read
from store import appearance
from store.database import Database, open_database, retry_on_conflict
from store.portraits import UNFINISHED_SECONDS, PortraitBucket, open_bucket
from store.profiles import Outcome, Profile

logger = Logger(service="podium")


@dataclass(frozen=True)
class Studio:
    """The clients and models that a container keeps between invocations."""

    bucket: PortraitBucket
    models: Models
    db: Database

    async def load(self, user_id: str) -> Profile | None:
        """Return a player's stored profile, if any. Raises DeletedError."""
        return await retry_on_conflict(lambda: appearance.read_profile(self.db, user_id))

    async def finish(self, user_id: str, outcome: Outcome) -> None:
        """Change the player's profile and the boards; then delete the portraits that are no longer kept.

        Makes no profile: the API has stored one, with the name that is in the player's token. Lambda's
        destination tells the player. Raises DeletedError, and NoProfileError where an operator has taken the
        profile away.
        """
        now = now_ms()
        profile = await appearance.change_stored(
            self.db, user_id, lambda profile: profile.with_outcome(outcome), now
        )
        kept = {*profile.portraits, *([profile.avatar] if profile.avatar else [])}
        before = datetime.fromtimestamp(now / 1000 - UNFINISHED_SECONDS, UTC)
        await self.bucket.delete_portraits_but(user_id, kept, before)


@asynccontextmanager
async def _open_studio() -> AsyncIterator[Studio]:
    settings = read(PortraitsEnvironment)
    session = aioboto3.Session()
    async with (
        open_bucket(session, settings.avatar_bucket) as bucket,
        open_database(session, settings.table_prefix) as db,
    ):
        with Models() as models:
            yield Studio(bucket, models, db)


_container = Container(_open_studio)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> Result:
    """Make one portrait: `{"userId", "key", "background"}`."""
    return _container.run(
        lambda studio: process(
            event,
            bucket=studio.bucket,
            models=studio.models,
            load=studio.load,
            finish=studio.finish,
        )
    )
