"""What is done about a connection that a push found gone."""

from collections.abc import Iterable

from realtime.push import PushClient
from store import connections
from store.database import Database


async def forget(db: Database, push: PushClient, connection_ids: Iterable[str]) -> None:
    """Delete the rows of connections that answered 410, and close them.

    The closing is for the one that is alive after all: without its rows it would be stale in silence, closed
    it comes back and subscribes anew.
    """
    for connection_id in connection_ids:
        await connections.close_connection(db, connection_id)
        await push.close(connection_id)
