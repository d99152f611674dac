"""The Lambda entry of the portrait container."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from cv.portrait import Models
from cv.processing import Result, process
from cv.settings import PortraitSettings
from game.catalogue import load_catalogue
from store import appearance, players
from store.container import Container
from store.database import Database
from store.portraits import PortraitBucket, open_bucket
from store.profiles import Profile
from store.runtime import now, open_database

logger = Logger(service="podium")


@dataclass(frozen=True)
class Studio:
    """What a container keeps between invocations. `boards` are those of the catalogue."""

    bucket: PortraitBucket
    models: Models
    db: Database
    boards: Collection[str]

    async def require_alive(self, user_id: str) -> None:
        """Raise DeletedError if the player was deleted."""
        await players.require_alive(self.db, user_id)

    async def finish(self, result: Result) -> None:
        """Change the player's profile, and with it the boards. Lambda's destination tells the player.

        Makes no profile: the API has stored one, with the name that is in the player's token. Raises
        DeletedError, and NoProfileError where an operator has taken the profile away.
        """
        await appearance.change_stored(
            self.db, self.boards, result["userId"], lambda profile: with_result(profile, result), now()
        )


def with_result(profile: Profile, result: Result) -> Profile:
    """The profile with a new portrait, or with the reason why there is none. Twice is the same as once."""
    avatar = result.get("avatar")
    if avatar is None:
        return profile.model_copy(update={"problem": result["message"]})
    others = (portrait for portrait in profile.portraits if portrait != avatar)
    return profile.model_copy(update={"avatar": avatar, "portraits": (*others, avatar), "problem": None})


@asynccontextmanager
async def _open_studio() -> AsyncIterator[Studio]:
    settings = PortraitSettings.read()
    session = aioboto3.Session()
    async with (
        open_bucket(session, settings.avatar_bucket) as bucket,
        open_database(session, settings.table_prefix) as db,
    ):
        with Models() as models:
            yield Studio(bucket, models, db, load_catalogue(settings.catalogue).boards)


_container = Container(_open_studio)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> Result:
    """Make one portrait: `{"userId", "key", "background"}`."""
    return _container.run(
        lambda studio: process(
            event,
            bucket=studio.bucket,
            models=studio.models,
            require_alive=studio.require_alive,
            finish=studio.finish,
        )
    )
