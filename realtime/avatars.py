"""Telling a player that a portrait is finished, or why it is not.

The container does its work as an asynchronous invocation; Lambda hands the outcome of that to a destination,
which is this. So a container that runs out of memory or time is reported like any other failure.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import logging
from collections.abc import Mapping
from typing import Any

from realtime import protocol
from realtime.gone import forget, hang_up
from realtime.push.client import PushClient
from store import connections, profiles
from store.database import Database
from store.errors import RowError

PUSH_SECONDS = 10

_FAILED = {"error": "failed", "message": "The picture could not be worked on."}

logger = logging.getLogger("podium.avatars")


async def announce(db: Database, push: PushClient, record: Mapping[str, Any]) -> None:
    """Push an `avatar` frame to the player whose portrait an invocation record is about.

    An invocation can fail after the portrait was made, or when another one of the same upload has made it:
    the player is then told what the profile knows of the upload, and of no failure.
    """
    request: Mapping[str, Any] = record["requestPayload"]
    result: Mapping[str, Any] = record.get("responsePayload") or {}
    if record["requestContext"]["condition"] != "Success":
        result = await _known(db, request) or _FAILED
    frame = protocol.Avatar(
        key=request["key"],
        avatar=result.get("avatar"),
        face=result.get("face"),
        error=result.get("error"),
        message=result.get("message"),
    )
    async for page in connections.subscribers(db, connections.user_channel(request["userId"])):
        outcome = await push.push(protocol.encode(frame), page, within=PUSH_SECONDS)
        await forget(db, push, outcome.gone)
        await hang_up(push, outcome.failed)


async def _known(db: Database, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what became of the upload, as far as the player's profile knows."""
    try:
        profile = await profiles.load_stored(db, request["userId"])
    except RowError as error:
        # The player waits for an answer all the same.
        logger.error("%s", error)
        return None
    outcome = profile and profile.outcome(request["key"])
    if not (profile and outcome):
        return None
    return outcome.model_dump(exclude={"upload", "picture"}) | {"avatar": outcome.avatar(profile.user_id)}
