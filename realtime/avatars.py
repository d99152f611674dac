"""Telling a player that a portrait is finished, or why it is not.

The container does its work as an asynchronous invocation; Lambda hands the outcome of that to a destination,
which is this. So a container that runs out of memory or time is reported like any other failure.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from collections.abc import Mapping
from typing import Any

from realtime import protocol
from realtime.gone import forget, hang_up
from realtime.push.client import PushClient
from store import connections
from store.database import Database

PUSH_SECONDS = 10


async def announce(db: Database, push: PushClient, record: Mapping[str, Any]) -> None:
    """Push an `avatar` frame to the player whose portrait an invocation record is about."""
    request: Mapping[str, Any] = record["requestPayload"]
    result: Mapping[str, Any] = record.get("responsePayload") or {}
    if record["requestContext"]["condition"] != "Success":
        result = {"error": "failed", "message": "The picture could not be worked on."}
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
