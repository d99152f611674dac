"""`Limits`: how much of something a player has had in a stretch of time, one row for each stretch.

    limit      area, kind and window: `gauntlet#attempts#season@1763812800000` (when it begins),
               `gauntlet#submits#1763812800000+60000`
    used       how many
    expiresAt  some time after nothing can count for the window any more

A row is counted up in the transaction of what it counts, on condition that there is one left. So it never
counts more than there may be, whatever runs at once; and what is refused writes nothing.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field

from game.area_rules import Allowance, Window
from store.database import Database, Item, Row, StoredNumber, parse_row, to_item
from store.schema import LIMITS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

KEPT_SECONDS = 60 * 60
"""How long a row is kept when nothing counts for it any more: clocks differ."""

Kind = Literal["attempts", "submits"]
"""What is counted, by the name of the area's rule."""


class Limit(Row):
    """A row."""

    user_id: str
    limit: str
    used: StoredNumber[Annotated[int, Field(ge=0)]]
    expires_at: StoredNumber[int]

    def is_over(self, now: int) -> bool:
        """Return whether nothing counts for the window any more; `now` in milliseconds since the epoch."""
        return self.expires_at - KEPT_SECONDS <= now // 1000


class Quota(NamedTuple):
    """What a player may have of something in a window. `most` is how many."""

    area: str
    kind: Kind
    most: int
    window: Window

    @property
    def name(self) -> str:
        """The row's sort key."""
        return f"{self.area}#{self.kind}#{self.window.name}"

    def left(self, rows: Mapping[str, Limit]) -> int:
        """Return how many are left, by the rows that there are, by name."""
        row = rows.get(self.name)
        return max(0, self.most - (row.used if row else 0))


def quota(area: str, kind: Kind, allowance: Allowance, window: Window) -> Quota:
    """Return what a player may have in a window."""
    return Quota(area, kind, allowance.most, window)


def key(user_id: str, name: str) -> Item:
    """Return a row's key."""
    return to_item({"userId": user_id, "limit": name})


def parse(item: Mapping[str, Any]) -> Limit:
    """Return the row behind a DynamoDB item. Raises RowError."""
    return parse_row(Limit, LIMITS, item)


def take(db: Database, user_id: str, taken: Quota) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that counts one, if there is one left."""
    expires = taken.window.counts_until // 1000 + KEPT_SECONDS
    return {
        "Update": {
            "TableName": db.name(LIMITS),
            "Key": key(user_id, taken.name),
            "UpdateExpression": "ADD used :one SET expiresAt = :expires",
            "ConditionExpression": "attribute_not_exists(used) OR used < :most",
            "ExpressionAttributeValues": to_item({":one": 1, ":most": taken.most, ":expires": expires}),
        }
    }


def add(db: Database, user_id: str, row: Limit) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that counts with a player what another had, whatever there may be."""
    return {
        "Update": {
            "TableName": db.name(LIMITS),
            "Key": key(user_id, row.limit),
            "UpdateExpression": "ADD used :used SET expiresAt = :expires",
            "ExpressionAttributeValues": to_item({":used": row.used, ":expires": row.expires_at}),
        }
    }


def remove(db: Database, read: Limit) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that deletes a row, unless it has counted since it was read."""
    return {
        "Delete": {
            "TableName": db.name(LIMITS),
            "Key": key(read.user_id, read.limit),
            "ConditionExpression": "used = :read",
            "ExpressionAttributeValues": to_item({":read": read.used}),
        }
    }
