"""`Claims`: the prizes that players have claimed: one row per player, board and season, which stays for ever.

A row's sort key is the key of the board in its season (`Board.key`). It says what was given, and for which
rank, whatever the catalogue and the board say later. It is written where there is none, in the transaction
that gives the prize (`store.rewards`): so a prize is given once, however many ask for it at once.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from game.board import Milliseconds, UserId
from game.catalogue import SEASON_SEPARATOR
from game.prizes import Prize
from store.database import (
    PATIENT_ATTEMPTS,
    Database,
    Item,
    Row,
    StoredNumber,
    batch_write,
    item_pages,
    parse_row,
    to_item,
)
from store.errors import RowError
from store.schema import CLAIMS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

_Count = StoredNumber[Annotated[int, Field(ge=0)]]


class Claim(Row):
    """A row: what was given for a season, and for which rank; `of` is the number of players."""

    user_id: UserId
    board: str
    rank: StoredNumber[Annotated[int, Field(ge=1)]]
    of: StoredNumber[Annotated[int, Field(ge=1)]]
    money: _Count
    items: dict[str, _Count]
    claimed_at: StoredNumber[Milliseconds]

    @property
    def prize(self) -> Prize:
        """What was given."""
        return Prize(money=self.money, items=dict(self.items))


def key(user_id: str, board: str) -> Item:
    """Return a row's key."""
    return to_item({"userId": user_id, "board": board})


def parse(item: Mapping[str, Any]) -> Claim:
    """Return the row behind a DynamoDB item. Raises RowError."""
    return parse_row(Claim, CLAIMS, item)


def put(db: Database, claim: Claim) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that writes a row, unless there is one."""
    return {
        "Put": {
            "TableName": db.name(CLAIMS),
            "Item": to_item(claim.model_dump(by_alias=True)),
            "ConditionExpression": "attribute_not_exists(userId)",
        }
    }


def absent(db: Database, user_id: str, board: str) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that fails it where there is a row."""
    return {"ConditionCheck": _condition(db, user_id, board, "attribute_not_exists(userId)")}


def hand_over(db: Database, read: Item, user_id: str, *, has_own: bool) -> list["TransactWriteItemTypeDef"]:
    """Return the transaction's parts that give a row to another player, as it is, who may have one already.

    The one of their own stays then. It fails unless the row is still there, and theirs as it is said to be.
    """
    owner, board = read["userId"]["S"], read["board"]["S"]
    taken: TransactWriteItemTypeDef = {"Delete": _condition(db, owner, board, "attribute_exists(userId)")}
    if has_own:
        return [taken]
    given: TransactWriteItemTypeDef = {
        "Put": {
            "TableName": db.name(CLAIMS),
            "Item": {**read, **key(user_id, board)},
            "ConditionExpression": "attribute_not_exists(userId)",
        }
    }
    return [taken, given]


def _condition(db: Database, user_id: str, board: str, condition: str) -> Any:
    return {
        "TableName": db.name(CLAIMS),
        "Key": key(user_id, board),
        "ConditionExpression": condition,
    }


async def of_board(db: Database, user_id: str, board_id: str) -> dict[str, Claim | None]:
    """Return what a player has claimed on a board, by the key of its season, read consistently.

    A row that cannot be read is logged, and is None.
    """
    found: dict[str, Claim | None] = {}
    request: QueryInputTypeDef = {
        "TableName": db.name(CLAIMS),
        "ConsistentRead": True,
        "KeyConditionExpression": "userId = :user AND begins_with(board, :board)",
        "ExpressionAttributeValues": to_item({":user": user_id, ":board": f"{board_id}{SEASON_SEPARATOR}"}),
    }
    async for page in item_pages(db, request):
        for item in page:
            try:
                found[item["board"]["S"]] = parse(item)
            except RowError as error:
                db.damage.error(error.row, "left out of what a player has won: %s", error)
                found[item["board"]["S"]] = None
    return found


async def drop(db: Database, boards: Collection[str]) -> None:
    """Forget all players' claims on these boards in their seasons.

    Reads the whole table, for a command of an operator: no function has the right to.
    """
    pages = db.client.get_paginator("scan").paginate(
        TableName=db.name(CLAIMS), ConsistentRead=True, ProjectionExpression="userId, board"
    )
    async for page in pages:
        found = [item for item in page["Items"] if item["board"]["S"] in boards]
        requests = [{"DeleteRequest": {"Key": item}} for item in found]
        await batch_write(db, CLAIMS, requests, attempts=PATIENT_ATTEMPTS)
