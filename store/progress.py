"""`UserProgress`: what a player has achieved.

Every writer replaces `revision`, on condition that it still is the one that it read. A revision is random
and not a count: a count would start anew when a player's row is deleted, and a write that has been under way
since before would then take the new row for the one that it read.
"""

import secrets
from typing import TYPE_CHECKING, Any

from pydantic import Field

from store.database import Database, Row, from_item, to_item
from store.schema import USER_PROGRESS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef


class Best(Row):
    """A player's best on one board: points, and when they were reached (milliseconds since the epoch)."""

    points: int
    achieved_at: int


class Progress(Row):
    """A player's row. A player without a row is `Progress(user_id=…)`: no revision and nothing achieved."""

    user_id: str
    revision: str | None = None
    bests: dict[str, Best] = Field(default_factory=dict)


def parse(user_id: str, item: dict[str, Any] | None) -> Progress:
    """The row behind a DynamoDB item, or that of a player who has none."""
    return Progress.model_validate(from_item(item)) if item else Progress(user_id=user_id)


async def load(db: Database, user_id: str) -> Progress:
    """A player's row, read consistently."""
    answer = await db.client.get_item(
        TableName=db.name(USER_PROGRESS), Key=to_item({"userId": user_id}), ConsistentRead=True
    )
    return parse(user_id, answer.get("Item"))


def replace_bests(db: Database, read: Progress, bests: dict[str, Best]) -> "TransactWriteItemTypeDef":
    """The transaction's part that sets a player's bests, unless the row has changed since it was read."""
    values: dict[str, Any] = {
        ":bests": {board: best.model_dump(by_alias=True) for board, best in bests.items()},
        ":next": secrets.token_hex(8),
        ":read": read.revision,
    }
    condition = "revision = :read" if read.revision else "attribute_not_exists(revision)"
    return {
        "Update": {
            "TableName": db.name(USER_PROGRESS),
            "Key": to_item({"userId": read.user_id}),
            "UpdateExpression": "SET bests = :bests, revision = :next",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": to_item(values),
        }
    }
