"""`Players`: one row per player of whom there is something to say, a condition of the player's writes.

Today that is a tombstone: `deletedAt`. Deletion writes it before it deletes anything, and a player's writes
go through `write`, which makes its absence a condition. So whatever a deleted player's tokens, and portraits
in the making, still ask for, nothing of the player comes back.

A tombstone outlives all of them: an ID token is good for an hour, a refresh token for 30 days.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from store.database import Database, Item, batch_get, retry_on_conflict, to_item
from store.errors import RequestError, StoreError
from store.schema import PLAYERS, Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactGetItemTypeDef, TransactWriteItemTypeDef

TOMBSTONE_SECONDS = 31 * 24 * 60 * 60


class DeletedError(StoreError):
    """The player was deleted, and stays so. Nothing was written."""


async def bury(db: Database, user_id: str, now: int) -> None:
    """Write a player's tombstone: from here on no write of the player succeeds.

    `now` in milliseconds since the epoch. A second deletion keeps the time of the first one.
    """

    async def attempt() -> None:
        await db.client.update_item(
            TableName=db.name(PLAYERS),
            Key=_key(user_id),
            UpdateExpression="SET deletedAt = if_not_exists(deletedAt, :now), expiresAt = :expires",
            ExpressionAttributeValues=to_item({":now": now, ":expires": now // 1000 + TOMBSTONE_SECONDS}),
        )

    # A transaction of the player may be under way.
    await retry_on_conflict(attempt)


async def write(db: Database, user_id: str, writes: Sequence["TransactWriteItemTypeDef"]) -> None:
    """Write in one transaction, unless the player was deleted: the one way in for a player's writes.

    At most 99 writes. Raises DeletedError, and RequestError where the transaction is cancelled for what
    others wrote (see `store.database.retry_on_conflict`).
    """
    alive: TransactWriteItemTypeDef = {
        "ConditionCheck": {
            "TableName": db.name(PLAYERS),
            "Key": _key(user_id),
            "ConditionExpression": "attribute_not_exists(deletedAt)",
        }
    }
    try:
        await db.client.transact_write_items(TransactItems=[alive, *writes])
    except RequestError as error:
        if error.reasons[:1] == ("ConditionalCheckFailed",):
            raise DeletedError(user_id) from error
        raise


async def read(db: Database, user_id: str, parts: Sequence["TransactGetItemTypeDef"]) -> list[Item | None]:
    """Return the rows of a player that these parts of a transaction read, in their order, as of one moment.

    Raises DeletedError, and RequestError as `write` does.
    """
    tombstone: TransactGetItemTypeDef = {"Get": {"TableName": db.name(PLAYERS), "Key": _key(user_id)}}
    answer = await db.client.transact_get_items(TransactItems=[tombstone, *parts])
    player, *rows = (response.get("Item") for response in answer["Responses"])
    _require_alive(user_id, player)
    return rows


async def load(db: Database, table: Table, user_id: str) -> Item | None:
    """Return a player's row in a table that has one per player, read consistently. Raises DeletedError."""
    rows = await batch_get(db, {PLAYERS: [_key(user_id)], table: [_key(user_id)]})
    _require_alive(user_id, next(iter(rows[PLAYERS]), None))
    return next(iter(rows[table]), None)


async def require_alive(db: Database, user_id: str) -> None:
    """Raise DeletedError if the player has a tombstone, read consistently."""
    answer = await db.client.get_item(TableName=db.name(PLAYERS), Key=_key(user_id), ConsistentRead=True)
    _require_alive(user_id, answer.get("Item"))


def _require_alive(user_id: str, item: Item | None) -> None:
    if item and "deletedAt" in item:
        raise DeletedError(user_id)


def _key(user_id: str) -> dict[str, Any]:
    return to_item({"userId": user_id})
