"""`HeldScores`: scores that a rule doubts, kept off the boards until a moderator decides.

    userId, slot  the player, and the place among the player's held scores, from 1
    id            names the score for moderators; it begins with the time of receipt, and sorts by it
    verdict       "held": the key of an index, in which all of them stand in order
    rule          what doubts it: "min_time" or "pace"

The rest is the score as it was submitted, and its run. A row is written in the transaction that spends the
run. A player has few slots, and a row needs a free one: so the table is bounded, whatever runs at once.
"""

import secrets
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field

from game.area_rules import Doubt
from game.board import Milliseconds, Points
from store.database import (
    Database,
    Item,
    Row,
    StoredNumber,
    batch_get,
    parse_row,
    partition,
    to_item,
)
from store.errors import RowError
from store.schema import BY_VERDICT, HELD_SCORES

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

HELD_LIMIT = 10
"""Held scores of a player at once; with as many, a further one in doubt is refused."""


class HeldScore(Row):
    """A row. Times in milliseconds since the epoch; `metadata` is JSON text.

    name: the player's when the score came; seed: what the game's dice were given by the run.
    """

    user_id: str
    slot: Annotated[str, Field(pattern=r"^[1-9][0-9]*$")]
    id: str
    verdict: Literal["held"] = "held"
    game_area: str
    points: StoredNumber[Points]
    tiebreak: StoredNumber[Points] | None = None
    metadata: str | None = None
    rule: Doubt
    name: str
    started_at: StoredNumber[Milliseconds]
    achieved_at: StoredNumber[Milliseconds]
    seed: StoredNumber[int]


class Page(NamedTuple):
    """Some held scores, and where the next ones begin: None at the end."""

    held: tuple[HeldScore, ...]
    next: tuple[str, str, str] | None


def new_id(received_at: int) -> str:
    """Return a name for a score that came in at this time."""
    return f"{received_at:015d}-{secrets.token_hex(8)}"


async def of_player(db: Database, user_id: str) -> list[Item]:
    """Return a player's rows as DynamoDB has them, read consistently."""
    return [item async for page in partition(db, HELD_SCORES, user_id) for item in page]


def parse(item: Item) -> HeldScore:
    """Return the row behind a DynamoDB item. Raises RowError."""
    return parse_row(HeldScore, HELD_SCORES, item)


def free_slot(rows: Collection[Item]) -> str:
    """Return the first slot that none of a player's rows has."""
    taken = {item["slot"]["S"] for item in rows}
    return next(slot for number in range(1, len(taken) + 2) if (slot := str(number)) not in taken)


def put(db: Database, row: HeldScore) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that writes a row, if its slot is free."""
    return {
        "Put": {
            "TableName": db.name(HELD_SCORES),
            "Item": to_item(row.model_dump(by_alias=True)),
            "ConditionExpression": "attribute_not_exists(slot)",
        }
    }


def remove(db: Database, read: HeldScore) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that deletes a row, unless another has its slot by now."""
    return {
        "Delete": {
            "TableName": db.name(HELD_SCORES),
            "Key": _key(read.user_id, read.slot),
            "ConditionExpression": "id = :read",
            "ExpressionAttributeValues": to_item({":read": read.id}),
        }
    }


async def page(db: Database, limit: int, after: tuple[str, str, str] | None) -> Page:
    """Return the oldest held scores, at most `limit`, behind the one that has this id, player and slot.

    As the index shows them: one of this moment may be missing. One that cannot be read is logged, and left
    out.
    """
    request: QueryInputTypeDef = {
        "TableName": db.name(HELD_SCORES),
        "IndexName": BY_VERDICT.name,
        "KeyConditionExpression": "verdict = :held",
        "ExpressionAttributeValues": to_item({":held": "held"}),
        "Limit": limit,
    }
    if after:
        score_id, user_id, slot = after
        request["ExclusiveStartKey"] = _key(user_id, slot) | to_item({"verdict": "held", "id": score_id})
    answer = await db.client.query(**request)
    found = answer["Items"]
    rows = await _rows(db, [{name: item[name] for name in HELD_SCORES.keys} for item in found])
    last = answer.get("LastEvaluatedKey")
    place = (last["id"]["S"], last["userId"]["S"], last["slot"]["S"]) if last else None
    return Page(tuple(sorted(rows, key=lambda row: (row.id, row.user_id, row.slot))), place)


async def _rows(db: Database, keys: Sequence[Item]) -> list[HeldScore]:
    if not keys:
        return []
    found = []
    for item in (await batch_get(db, {HELD_SCORES: keys}))[HELD_SCORES]:
        try:
            found.append(parse(item))
        except RowError as error:
            db.damage.error(error.row, "left out of the held scores: %s", error)
    return found


def _key(user_id: str, slot: str) -> Item:
    return to_item({"userId": user_id, "slot": slot})
