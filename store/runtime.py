"""The clients that a Lambda container works with, and the time."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioboto3
from aiobotocore.config import AioConfig

from store.database import Database

# The SDK's own limits (60 seconds an attempt, 10 connections) outlast every caller of ours.
SDK_CONFIG = AioConfig(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=50,
)


@asynccontextmanager
async def open_database(session: aioboto3.Session, prefix: str = "") -> AsyncIterator[Database]:
    """The tables of this deployment; endpoint, Region and credentials come from the SDK's own settings."""
    async with session.client("dynamodb", config=SDK_CONFIG) as client:
        yield Database(client, prefix)


def now() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
