"""`UserProfiles`: how a player is shown to others. Like progress, guarded by a random `revision`."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from game.board import Avatar, Name
from store import players
from store.database import Database, Row, parse_row, to_item
from store.schema import USER_PROFILES

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactGetItemTypeDef, TransactWriteItemTypeDef


class Profile(Row):
    """A player's display name and portrait, and when they were set (milliseconds since the epoch).

    `avatar` is the key under which the portrait's sizes lie, one of `portraits`, or None.
    """

    user_id: str
    name: Name
    avatar: Avatar | None = None
    portraits: tuple[str, ...] = ()
    problem: str | None = None
    """Why the last portrait uploaded could not be used."""
    unshown: tuple[str, ...] = ()
    """Boards on which the player's row does not show this name and portrait yet: see `store.appearance`."""
    created_at: int = 0
    updated_at: int = 0
    revision: str | None = None


def get(db: Database, user_id: str) -> "TransactGetItemTypeDef":
    """The transaction's part that reads a player's row."""
    return {"Get": {"TableName": db.name(USER_PROFILES), "Key": to_item({"userId": user_id})}}


def parse(item: Mapping[str, Any] | None) -> Profile | None:
    """Return the row behind a DynamoDB item. Raises RowError where it cannot be read."""
    return parse_row(Profile, USER_PROFILES, item) if item else None


async def load(db: Database, user_id: str) -> Profile | None:
    """Return a player's row, read consistently. Raises DeletedError, and RowError where it cannot be read."""
    return parse(await players.load(db, USER_PROFILES, user_id))


def put(db: Database, read: Profile | None, new: Profile) -> "TransactWriteItemTypeDef":
    """The transaction's part that makes a player's row the new one, unless it changed since it was read."""
    changed = {"revision": secrets.token_hex(8), "unshown": new.unshown or None}
    row = new.model_dump(by_alias=True) | changed
    put: Any = {"TableName": db.name(USER_PROFILES), "Item": to_item(row)}
    if read is None:
        put["ConditionExpression"] = "attribute_not_exists(userId)"
    elif read.revision is None:
        # Another hand wrote the row.
        put["ConditionExpression"] = "attribute_exists(userId) AND attribute_not_exists(revision)"
    else:
        put["ConditionExpression"] = "revision = :read"
        put["ExpressionAttributeValues"] = to_item({":read": read.revision})
    return {"Put": put}


async def delete(db: Database, user_id: str) -> None:
    """Delete a player's row, whatever is in it."""
    await db.client.delete_item(TableName=db.name(USER_PROFILES), Key=to_item({"userId": user_id}))
