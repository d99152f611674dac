"""The push client of a stage's functions, within the rate that they share."""

from contextlib import AbstractAsyncContextManager

import aioboto3

from game.environment import PushEnvironment
from realtime.push.client import PushClient, open_push_client
from store.budgets import push_budget
from store.database import Database


def open_stage_push(
    session: aioboto3.Session, settings: PushEnvironment, db: Database
) -> AbstractAsyncContextManager[PushClient]:
    """Return the push client that the settings ask for, to be entered. Raises as `open_push_client` does."""
    return open_push_client(
        session,
        settings.connections_url,
        rate=settings.push_rate,
        claim=push_budget(db, settings.push_rate),
    )
