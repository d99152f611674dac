"""`Standings`: what a player has in an area or on a board, one row for each.

A row's sort key is the id of an area or of a board; an area shares its row with the board of its own. With
seasons, a board has a row in each (`Board.key`), and so has an area that such a board adds up
(`Board.area_key`). The row
names the player's row on the board by its sort key (`score`), so that row stays deletable when the board has
left the catalogue. An area without a board has no such key.

A score reads and writes the rows of the boards that its area feeds, and no other. So it costs the same
however many areas the player has been on. A rename and a deletion read the player's whole partition, a page
at a time. Who writes a row replaces its random `revision`, on condition that it still is the one that was
read: see `store.submission`. (A count would begin again at 1 with a row that was deleted, and a write that
has been under way since before would take the new row for the one that it read.)
"""

import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic import Field, model_validator

from game.board import Milliseconds, Points, Seconds
from game.catalogue import SEASON_SEPARATOR
from game.scoring import is_owned_by
from game.seasons import SeasonTimes
from game.standing import Held
from store import players
from store.database import (
    Database,
    Item,
    RevisedRow,
    StoredNumber,
    as_read,
    batch_write,
    item_pages,
    parse_row,
    to_item,
)
from store.errors import RowError
from store.schema import STANDINGS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef


class Standing(RevisedRow):
    """A row: points, when they were reached, the tie-break of the run that has them.

    `sort_key` (stored as `score`) names the row on the board; None where the area had no board.
    """

    user_id: str
    board: str
    points: StoredNumber[Points]
    achieved_at: StoredNumber[Milliseconds]
    tiebreak: StoredNumber[Points] | None = None
    sort_key: str | None = Field(None, alias="score")
    ends_at: StoredNumber[Milliseconds] | None = None
    """When its season ends; absent without seasons."""
    expires_at: StoredNumber[Seconds] | None = None
    """When it may be deleted, after its season, in seconds since the epoch; absent without seasons."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        # What becomes of a standing becomes of the row that it names.
        if self.sort_key is not None and not is_owned_by(self.sort_key, self.user_id):
            raise ValueError("score: is no sort key of this player")
        return self

    @property
    def held(self) -> Held:
        """What the player has, for the rules."""
        return Held(self.points, self.achieved_at, self.tiebreak)

    @property
    def times(self) -> SeasonTimes | None:
        """The times of the season that it belongs to."""
        if self.ends_at is None or self.expires_at is None:
            return None
        return SeasonTimes(self.ends_at, self.expires_at * 1000)


def new_standing(
    user_id: str, board: str, held: Held, sort_key: str | None, times: SeasonTimes | None = None
) -> Standing:
    """Return a row that is to be written. `times` are those of the season that it belongs to."""
    return Standing(
        user_id=user_id,
        board=board,
        sort_key=sort_key,
        ends_at=times and times.ends_at,
        expires_at=times and -(-times.deleted_at // 1000),
        **held._asdict(),
    )


def key(user_id: str, board: str) -> Item:
    """Return a row's key."""
    return to_item({"userId": user_id, "board": board})


def parse(item: Mapping[str, Any]) -> Standing:
    """Return the row behind a DynamoDB item. Raises RowError."""
    return parse_row(Standing, STANDINGS, item)


def put(db: Database, read: Standing | None, new: Standing) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that writes a row, unless it changed since it was read."""
    row = new.model_dump(by_alias=True) | {"revision": secrets.token_hex(8)}
    written: Any = {"TableName": db.name(STANDINGS), "Item": to_item(row), **as_read(read, "board")}
    return {"Put": written}


def remove(db: Database, read: Standing) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that deletes a row, unless it changed since it was read."""
    where = key(read.user_id, read.board)
    removed: Any = {"TableName": db.name(STANDINGS), "Key": where, **as_read(read, "board")}
    return {"Delete": removed}


def unchanged(db: Database, read: Standing) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that fails it if a row changed since it was read."""
    where = key(read.user_id, read.board)
    checked: Any = {"TableName": db.name(STANDINGS), "Key": where, **as_read(read, "board")}
    return {"ConditionCheck": checked}


async def load(db: Database, user_id: str, board: str) -> Standing | None:
    """Return what a player has on a board, read consistently. Raises DeletedError and RowError."""
    _, rows = await players.load_with(db, user_id, {STANDINGS: [key(user_id, board)]})
    return next(map(parse, rows[STANDINGS]), None)


def pages(db: Database, user_id: str, *, limit: int | None = None) -> AsyncIterator[list[Item]]:
    """Yield a player's rows as DynamoDB has them, read consistently.

    A page has at most 1 MB, and at most `limit` rows: for a reader that may need no more than the first.
    """
    request: QueryInputTypeDef = {
        "TableName": db.name(STANDINGS),
        "ConsistentRead": True,
        "KeyConditionExpression": "userId = :user",
        "ExpressionAttributeValues": to_item({":user": user_id}),
    }
    if limit is not None:
        request["Limit"] = limit
    return item_pages(db, request)


async def readable(db: Database, user_id: str, *, limit: int | None = None) -> AsyncIterator[list[Standing]]:
    """Yield the pages of a player's rows; one that cannot be read is logged and left out."""
    async for page in pages(db, user_id, limit=limit):
        yield _readable(db, page)


def _readable(db: Database, page: Iterable[Item]) -> list[Standing]:
    found = []
    for item in page:
        try:
            found.append(parse(item))
        except RowError as error:
            db.damage.error(error.row, "left out of what a player has: %s", error)
    return found


async def of_board(db: Database, user_id: str, board_id: str) -> dict[str, Standing]:
    """Return what a player has in the seasons of a board, by its key, read consistently.

    A row that cannot be read is logged and left out.
    """
    request: QueryInputTypeDef = {
        "TableName": db.name(STANDINGS),
        "ConsistentRead": True,
        "KeyConditionExpression": "userId = :user AND begins_with(board, :board)",
        "ExpressionAttributeValues": to_item({":user": user_id, ":board": f"{board_id}{SEASON_SEPARATOR}"}),
    }
    found = [one async for page in item_pages(db, request) for one in _readable(db, page)]
    return {one.board: one for one in found}


async def points(db: Database, user_id: str, areas: Collection[str]) -> dict[str, int]:
    """Return the points that a player has in each of these areas; what cannot be read is left out."""
    found = [one async for page in readable(db, user_id) for one in page]
    return {one.board: one.points for one in found if one.board in areas}


async def everyone(db: Database, boards: Collection[str]) -> AsyncIterator[list[Item]]:
    """Yield the keys of all players' rows of these areas and boards, read consistently, page by page.

    Reads the whole table, for a command of an operator: no function has the right to. A player's rows come
    one after the other.
    """
    pages = db.client.get_paginator("scan").paginate(
        TableName=db.name(STANDINGS), ConsistentRead=True, ProjectionExpression="userId, board"
    )
    async for page in pages:
        if found := [item for item in page["Items"] if item["board"]["S"] in boards]:
            yield found


class Named(NamedTuple):
    """What a row says of the row on the board. `sort_key` is None where it names none of the player's.

    `whole` is False where the row is damaged, so that the player may have another row on the board.
    `ends_at` is when its season ends, in milliseconds since the epoch; None where there is none.
    """

    board: str
    sort_key: str | None
    whole: bool
    ends_at: int | None = None


def named(user_id: str, item: Mapping[str, Any]) -> Named:
    """Return what a row says of the row on the board, whatever else is wrong with it."""
    board = item["board"]["S"]
    sort_key = item.get("score", {}).get("S")
    if sort_key is not None and is_owned_by(sort_key, user_id):
        return Named(board, sort_key, whole=True, ends_at=_ends_at(item))
    try:
        parse(item)
    except RowError:
        return Named(board, None, whole=False)
    return Named(board, None, whole=True)


def _ends_at(item: Mapping[str, Any]) -> int | None:
    try:
        return int(item["endsAt"]["N"])
    except (KeyError, TypeError, ValueError):
        return None


async def delete(db: Database, user_id: str, boards: Iterable[str]) -> None:
    """Delete rows, whatever is in them."""
    requests = [{"DeleteRequest": {"Key": key(user_id, board)}} for board in boards]
    await batch_write(db, STANDINGS, requests)
