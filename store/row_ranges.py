"""Ranges of a board's rows: how many there are, and their keys. All reads are consistent.

Only readable rows count, as in `store.scores`.
"""

from typing import TYPE_CHECKING, NamedTuple

from game.rank_tree import Range, last_before
from store.database import Database, to_item
from store.scores import READABLE, board_query

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef


class Counted(NamedTuple):
    """What a count found: readable rows, rows looked at, read units, and whether that is the whole range."""

    rows: int
    seen: int
    units: float
    whole: bool


async def count(db: Database, board: str, part: Range, *, limit: int | None = None) -> Counted:
    """Count the rows of a range. Looks at no more than `limit` rows."""
    if part.hi is not None and last_before(part.hi) < part.lo:
        return Counted(0, 0, 0.0, whole=True)  # a condition that DynamoDB refuses
    request = _request(db, board, part)
    request["Select"] = "COUNT"
    request["FilterExpression"] = READABLE
    request["ExpressionAttributeNames"] = {"#name": "name"}
    request["ExpressionAttributeValues"] = {
        **request["ExpressionAttributeValues"],
        **to_item({":number": "N", ":text": "S"}),
    }
    request["ReturnConsumedCapacity"] = "TOTAL"
    rows, seen, units = 0, 0, 0.0
    while True:
        if limit is not None:
            request["Limit"] = limit - seen
        answer = await db.client.query(**request)
        rows += answer["Count"]
        seen += answer["ScannedCount"]
        units += answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
        if "LastEvaluatedKey" not in answer or seen == limit:
            return Counted(rows, seen, units, "LastEvaluatedKey" not in answer)
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


async def first_keys(db: Database, board: str, part: Range, limit: int) -> tuple[list[str], bool]:
    """Return up to `limit` sort keys of a range, ascending, and whether that is all.

    Those of unreadable rows are among them.
    """
    request = _request(db, board, part)
    request["ProjectionExpression"] = "score"
    request["Limit"] = limit
    answer = await db.client.query(**request)
    return [item["score"]["S"] for item in answer["Items"]], "LastEvaluatedKey" not in answer


def _request(db: Database, board: str, part: Range) -> "QueryInputTypeDef":
    lo, hi = part
    if hi is None:
        return board_query(db, board, "score >= :lo", {":lo": lo}) if lo else board_query(db, board)
    if not lo:
        return board_query(db, board, "score < :hi", {":hi": hi})
    # DynamoDB has BETWEEN with both ends, and no other condition with two.
    return board_query(db, board, "score BETWEEN :lo AND :last", {":lo": lo, ":last": last_before(hi)})
