"""`UserProgress`: what a player owns, and the saved game. Points stand in `Standings`.

Every writer replaces `revision`, on condition that it still is the one that it read. A revision is random and
not a count: a count would start again at 1 when a player's row is deleted, and a write that has been under
way since before would then take the new row for the one that it read.
"""

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict

from game.player import Player
from store import players
from store.database import Database, parse_row, to_item
from store.schema import USER_PROGRESS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactGetItemTypeDef, TransactWriteItemTypeDef


class Progress(Player):
    """A player's row. A player without a row is `Progress(user_id=…)`: no revision and nothing achieved."""

    model_config = ConfigDict(extra="ignore")

    user_id: str
    revision: str | None = None


def get(db: Database, user_id: str) -> "TransactGetItemTypeDef":
    """Return the transaction's part that reads a player's row."""
    return {"Get": {"TableName": db.name(USER_PROGRESS), "Key": to_item({"userId": user_id})}}


def parse(user_id: str, item: Mapping[str, Any] | None) -> Progress:
    """Return the row behind a DynamoDB item, or that of a player who has none.

    Raises RowError where any part of it cannot be read: what a player has achieved is not to be overwritten
    by what is left of it.
    """
    if not item:
        return Progress(user_id=user_id)
    # DynamoDB has no floats, and a checkpoint is any JSON: it is one text.
    return parse_row(Progress, USER_PROGRESS, item, checkpoint=_checkpoint)


def _checkpoint(text: Any) -> Any:
    return None if text is None else json.loads(text)


async def load(db: Database, user_id: str) -> Progress:
    """Return a player's row, read consistently. Raises DeletedError, and RowError where it cannot be read."""
    return parse(user_id, await players.load(db, USER_PROGRESS, user_id))


def replace(db: Database, read: Progress, new: Progress) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that replaces a player's row, unless it changed since it was read."""
    before, after = _attributes(read), _attributes(new)
    changed = {name: value for name, value in after.items() if value != before[name]}
    changed["revision"] = secrets.token_hex(8)
    names = {f"#{name}": name for name in changed}
    values = {f":{name}": value for name, value in changed.items()}
    return {
        "Update": {
            "TableName": db.name(USER_PROGRESS),
            "Key": to_item({"userId": read.user_id}),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changed),
            "ConditionExpression": _unchanged(read),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item(values | {":read": read.revision}),
        }
    }


async def delete(db: Database, user_id: str) -> None:
    """Delete a player's row, whatever is in it."""
    await db.client.delete_item(TableName=db.name(USER_PROGRESS), Key=to_item({"userId": user_id}))


def remove(db: Database, read: Progress) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that deletes a player's row, unless it changed since it was read."""
    return {"Delete": _condition(db, read)}


def unchanged(db: Database, read: Progress) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that fails it if a player's row changed since it was read."""
    return {"ConditionCheck": _condition(db, read)}


def _condition(db: Database, read: Progress) -> Any:
    values = {"ExpressionAttributeValues": to_item({":read": read.revision})} if read.revision else {}
    return {
        "TableName": db.name(USER_PROGRESS),
        "Key": to_item({"userId": read.user_id}),
        "ConditionExpression": _unchanged(read),
        **values,
    }


def _unchanged(read: Progress) -> str:
    return "revision = :read" if read.revision else "attribute_not_exists(revision)"


def _attributes(row: Progress) -> dict[str, Any]:
    values = row.model_dump(by_alias=True, mode="json", exclude={"user_id", "revision"})
    return values | {"checkpoint": json.dumps(row.checkpoint)}
