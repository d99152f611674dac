"""`UserProgress`: what a player has achieved and owns.

Every writer replaces `revision`, on condition that it still is the one that it read. A revision is random and
not a count: a count would start again at 1 when a player's row is deleted, and a write that has been under
way since before would then take the new row for the one that it read.
"""

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic import ConfigDict, Field, model_validator

from game.board import Milliseconds, Points
from game.player import Player
from game.scoring import is_owned_by
from store import players
from store.database import Database, Row, parse_row, to_item
from store.schema import USER_PROGRESS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactGetItemTypeDef, TransactWriteItemTypeDef


class Best(Row):
    """A player's best on one board: points, and when they were reached (milliseconds since the epoch).

    `sort_key` names its row, which stays deletable when its board has left the catalogue.
    """

    points: Points
    achieved_at: Milliseconds
    sort_key: str = Field(alias="score")


class Progress(Player):
    """A player's row. A player without a row is `Progress(user_id=…)`: no revision and nothing achieved."""

    model_config = ConfigDict(extra="ignore")

    user_id: str
    revision: str | None = None
    bests: dict[str, Best] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        # What becomes of a best becomes of the row that it names.
        for board, best in self.bests.items():
            if not is_owned_by(best.sort_key, self.user_id):
                raise ValueError(f"bests.{board}.score: is no sort key of this player")
        return self


def get(db: Database, user_id: str) -> "TransactGetItemTypeDef":
    """Return the transaction's part that reads a player's row."""
    return {"Get": {"TableName": db.name(USER_PROGRESS), "Key": to_item({"userId": user_id})}}


def parse(user_id: str, item: Mapping[str, Any] | None) -> Progress:
    """Return the row behind a DynamoDB item, or that of a player who has none.

    Raises RowError where any part of it cannot be read: what a player has achieved is not to be overwritten
    by what is left of it. A best that was left out would leave its row on the board for ever.
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


class ScoreKeys(NamedTuple):
    """Board and sort key of each row of `Scores` that a player's row names; `whole` is False where it is
    damaged, so that there may be others.
    """

    keys: list[tuple[str, str]]
    whole: bool


async def score_keys(db: Database, user_id: str) -> ScoreKeys:
    """Return the rows of `Scores` that a player's row names, whatever else is wrong with it.

    Rows of other players are left out, if it names any. Read in a transaction, so that no write that began
    before is seen by half.
    """
    answer = await db.client.transact_get_items(TransactItems=[get(db, user_id)])
    stored: Mapping[str, Any] = answer["Responses"][0].get("Item", {}).get("bests", {"M": {}})
    bests: Mapping[str, Any] = stored.get("M", {})
    named = ((board, best.get("M", {}).get("score", {}).get("S")) for board, best in bests.items())
    keys = [(board, key) for board, key in named if key and is_owned_by(key, user_id)]
    return ScoreKeys(keys, whole="M" in stored and len(keys) == len(bests))


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
