"""The boards that a connection is subscribed to, and how many they may be.

API Gateway runs the frames of one connection side by side, and the index that lists a connection's channels
is eventually consistent: a limit that is looked up there, and then kept by a write, is passed by frames that
are sent at once. So the row of a connection's first standing channel (`all`, or that of the spectators) also
lists its boards, as `boards`. The list changes in one transaction with the boards' own rows, on condition
that it still is what was read. It always names the boards that have a row, and a frame that lost the race
reads it again. A frame that is refused has written nothing.

A game with no more boards than the limit needs no list, and no transaction, which costs twice as much. Its
writes take the list away. A connection without one (new, or older than the game's last board) begins with
what the index shows.

Turned down: to write first, count, and take back what is too much. Of two frames that see each other's rows,
each may take back its own, and a client that has the board's snapshot loses its frames.
"""

from collections.abc import Collection, Sequence
from typing import Any

from game.live import BOARDS_LIMIT
from store import connections
from store.database import Database, Item, retry_on_conflict, to_item
from store.errors import StoreError
from store.schema import CONNECTIONS


class TooManyBoardsError(StoreError):
    """A connection would be subscribed to more than BOARDS_LIMIT boards; nothing was written."""


async def subscribe(
    db: Database,
    known: Collection[str],
    connection_id: str,
    boards: Collection[str],
    standing: Sequence[str],
    user_id: str | None,
    now: int,
) -> None:
    """Subscribe a connection to boards, and to the channels that it always has.

    known: the boards of the game.
    standing: the channels that the connection always has; the row of the first one lists the boards.
    user_id, now: as for `connections.subscribe`.

    Twice is the same as once. Raises TooManyBoardsError; ConflictError; ThrottledError.
    """
    channels = [*standing, *boards]
    if len(known) <= BOARDS_LIMIT:
        await connections.subscribe(db, connection_id, channels, user_id, now)
        return
    lister, *rows = connections.subscription_rows(connection_id, channels, user_id, now)
    puts = [{"Put": {"TableName": db.name(CONNECTIONS), "Item": to_item(row)}} for row in rows]

    async def attempt() -> None:
        read = (await _load(db, connection_id, standing) or {}).get("boards")
        wanted = (await _listed(db, known, connection_id, read)).union(boards)
        if len(wanted) > BOARDS_LIMIT:
            raise TooManyBoardsError(f"a connection is subscribed to at most {BOARDS_LIMIT} boards")
        await _write(db, to_item(lister | {"boards": sorted(wanted)}), read, puts)

    await retry_on_conflict(attempt)


async def unsubscribe(
    db: Database,
    known: Collection[str],
    connection_id: str,
    boards: Collection[str],
    standing: Sequence[str],
) -> None:
    """End a connection's subscriptions to boards; unknown ones are no error.

    `known` and `standing` are those of `subscribe`. Raises ConflictError; ThrottledError.
    """
    rows = [{"channel": board, "connectionId": connection_id} for board in boards]
    deletes = [{"Delete": {"TableName": db.name(CONNECTIONS), "Key": to_item(row)}} for row in rows]

    async def attempt() -> None:
        lister = await _load(db, connection_id, standing)
        if not lister:
            # The connection is closed, or about to be.
            await connections.unsubscribe(db, connection_id, boards)
            return
        read = lister.get("boards")
        left = (await _listed(db, known, connection_id, read)).difference(boards)
        await _write(db, lister | to_item({"boards": sorted(left)}), read, deletes, new=False)

    if len(known) <= BOARDS_LIMIT:
        await connections.unsubscribe(db, connection_id, boards)
    else:
        await retry_on_conflict(attempt)


async def _load(db: Database, connection_id: str, standing: Sequence[str]) -> Item | None:
    """Return the row that lists a connection's boards, read consistently."""
    channel = connections.stored_channel(standing[0], connection_id)
    answer = await db.client.get_item(
        TableName=db.name(CONNECTIONS),
        Key=to_item({"channel": channel, "connectionId": connection_id}),
        ConsistentRead=True,
    )
    return answer.get("Item")


async def _listed(
    db: Database, known: Collection[str], connection_id: str, listed: Any | None
) -> frozenset[str]:
    """Return the boards of the game that are listed, or that the index shows where there is no list."""
    try:
        found = None if listed is None else [element["S"] for element in listed["L"]]
    except (KeyError, TypeError):
        found = None
    if found is None:
        found = await connections.channels(db, connection_id)
    return frozenset(board for board in found if board in known)


async def _write(
    db: Database, lister: Item, read: Any | None, others: list[Any], *, new: bool = True
) -> None:
    """Write the row that lists the boards, if its list still is as it was read, and the boards' rows.

    new: whether the row may be missing.
    """
    exists = "" if new else "attribute_exists(connectionId) AND "
    condition: dict[str, Any] = {"ConditionExpression": f"{exists}attribute_not_exists(boards)"}
    if read is not None:
        condition = {
            "ConditionExpression": "boards = :read",
            "ExpressionAttributeValues": {":read": read},
        }
    put: Any = {"TableName": db.name(CONNECTIONS), "Item": lister} | condition
    await db.client.transact_write_items(TransactItems=[{"Put": put}, *others])
