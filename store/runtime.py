"""The clients that a Lambda container works with, and the time."""

import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig

from store.database import THROTTLED_ATTEMPTS, THROTTLED_WAIT, THROTTLING, Database

# The SDK's own limits (60 seconds an attempt, 10 connections) outlast every caller of ours.
SDK_CONFIG = AioConfig(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": THROTTLED_ATTEMPTS},
    max_pool_connections=50,
)


@asynccontextmanager
async def open_database(session: aioboto3.Session, prefix: str = "") -> AsyncIterator[Database]:
    """The tables of this deployment; endpoint, Region and credentials come from the SDK's own settings."""
    async with session.client("dynamodb", config=SDK_CONFIG) as client:
        hasten_throttled(client)
        yield Database(client, prefix)


def hasten_throttled(client: Any) -> None:
    """Let a client of the SDK repeat what is throttled within half a second in all.

    The SDK's standard mode waits up to 1, 2 and 4 seconds, and a caller waits with it.
    """
    service = client.meta.service_model.service_id.hyphenize()
    # The first handler that names a delay has the say.
    client.meta.events.register_first(f"needs-retry.{service}", _throttled_delay)


def _throttled_delay(
    *, attempts: int, response: tuple[Any, Mapping[str, Any]] | None, **_: object
) -> float | None:
    code = response[1].get("Error", {}).get("Code") if response else None
    if code not in THROTTLING or attempts >= THROTTLED_ATTEMPTS:
        return None
    return random.uniform(0, THROTTLED_WAIT * 2 ** (attempts - 1))


def now() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
