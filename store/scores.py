"""`Scores`: one row per player and board, sorted by how good the score is.

A board with seasons has rows of its own in each: the number is part of their key (`Board.key`).

A row that cannot be read is logged by its key and left out of what is read, and reading goes on behind it. So
a board has its K entries where there are K good rows, and ranks count good rows only. A count goes by the
types of attributes (READABLE), without reading the rows. A row with the right types and wrong values (a sort
key that tells of another score, a second row of a player) still counts there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from game.board import Avatar, Entry, Milliseconds, Name, Points, Seconds, UserId
from game.board_rules import UNREAD, Sample
from game.catalogue import Board
from game.metadata import check_text, from_text
from game.scoring import Order, SortKey, SortKeyError, is_owned_by, order_of, points_of, tiebreak_orders
from game.standing import Held, fitted
from store.database import (
    BATCH_GET_LIMIT,
    PATIENT_ATTEMPTS,
    Database,
    Item,
    Row,
    StoredNumber,
    batch_get,
    batch_write,
    parse_row,
    query_pages,
    row_error,
    to_item,
)
from store.errors import RequestError, RowError, condition_failed
from store.profiles import Profile
from store.schema import SCORES
from store.standings import Standing

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

# Most keys of unreadable rows that one read logs, and most rows of one Query that looks for better ones.
_LOGGED = 20
_PAGE = 1000
READABLE = (
    "attribute_type(points, :number) AND attribute_type(achievedAt, :number)"
    " AND attribute_type(userId, :text) AND attribute_type(#name, :text)"
)
"""What `Score` asks for, as far as a Query that only counts can tell."""

_ABSENT = "attribute_not_exists(gameArea)"

_SAMPLED = 20
"""Rows among which one is looked for that can be read, to say what a board's rows were written under."""


class Score(Row):
    """A row: `sort_key` (stored as `score`, see `game.scoring`) sorts as `points`, the number, do."""

    game_area: str
    sort_key: str = Field(alias="score")
    points: StoredNumber[Points]
    user_id: UserId
    name: Name
    avatar: Avatar | None = None
    achieved_at: StoredNumber[Milliseconds]
    tiebreak: StoredNumber[Points] | None = None
    metadata: Annotated[str, AfterValidator(check_text)] | None = None
    """JSON text."""
    look: StoredNumber[Milliseconds] | None = None
    """The look of the player that name and portrait are of: see `store.players`. Absent is 0."""
    expires_at: StoredNumber[Seconds] | None = None
    """When it may be deleted, after its season, in seconds since the epoch; absent without seasons."""

    def entry(self, rank: int) -> Entry:
        """Return the row as a board shows it."""
        return Entry(
            rank=rank,
            user_id=self.user_id,
            name=self.name,
            avatar=self.avatar,
            points=self.points,
            achieved_at=self.achieved_at,
            tiebreak=self.tiebreak,
            metadata=None if self.metadata is None else from_text(self.metadata),
        )


def sort_key(board: Board, held: Held, user_id: str) -> str:
    """Return the sort key of the row of what a player has on a board. Raises SortKeyError."""
    shown = fitted(board, held)
    return board.sort_key(shown.points, shown.achieved_at, user_id, shown.tiebreak)


def put(
    db: Database, standing: Standing, profile: Profile, *, metadata: str | None = None, unless_there: bool
) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that writes the row that a standing names.

    `unless_there` fails the transaction where there is one of this key: it was not there when it was read.
    """
    assert standing.sort_key is not None  # noqa: S101 -- for the type checker: it names a row
    row = Score(
        game_area=standing.board,
        sort_key=standing.sort_key,
        points=standing.points,
        user_id=standing.user_id,
        name=profile.name,
        avatar=profile.avatar,
        achieved_at=standing.achieved_at,
        tiebreak=standing.tiebreak,
        metadata=metadata,
        look=profile.look or None,
        expires_at=standing.expires_at,
    )
    written: Any = {"TableName": db.name(SCORES), "Item": to_item(row.model_dump(by_alias=True))}
    if unless_there:
        written["ConditionExpression"] = _ABSENT
    return {"Put": written}


def delete(db: Database, board: str, sort_key: str, *, unless_there: bool) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that deletes a row, or makes sure that it still is absent."""
    deleted: Any = {"TableName": db.name(SCORES), "Key": row_key(board, sort_key)}
    if unless_there:
        deleted["ConditionExpression"] = _ABSENT
    return {"Delete": deleted}


def present(db: Database, board: str, sort_key: str) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that fails it if a row is gone."""
    checked: Any = {
        "TableName": db.name(SCORES),
        "Key": row_key(board, sort_key),
        "ConditionExpression": "attribute_exists(gameArea)",
    }
    return {"ConditionCheck": checked}


async def show(db: Database, board: str, sort_key: str, profile: Profile) -> None:
    """Show a profile in a row, unless the row shows a later look, or is gone: no row is made.

    Raises RequestError where a transaction is in the way (see `store.database.retry_on_conflict`).
    """
    values = {":name": profile.name, ":avatar": profile.avatar, ":look": profile.look}
    try:
        await db.client.update_item(
            TableName=db.name(SCORES),
            Key=row_key(board, sort_key),
            UpdateExpression="SET #name = :name, look = :look"
            + (" REMOVE avatar" if profile.avatar is None else ", avatar = :avatar"),
            ConditionExpression="attribute_exists(gameArea) AND (attribute_not_exists(look) OR look < :look)",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues=to_item(values),
        )
    except RequestError as error:
        if not condition_failed(error):
            raise


async def rows_of(db: Database, held: Iterable[Standing]) -> dict[str, Item]:
    """Return the rows that a player's standings name, as DynamoDB has them, by board; read consistently."""
    return await _by_board(db, [row_key(one.board, one.sort_key) for one in held if one.sort_key is not None])


async def _by_board(db: Database, keys: Sequence[Item]) -> dict[str, Item]:
    found: list[Item] = []
    for start in range(0, len(keys), BATCH_GET_LIMIT):
        found += (await batch_get(db, {SCORES: keys[start : start + BATCH_GET_LIMIT]}))[SCORES]
    return {row["gameArea"]["S"]: row for row in found}


async def named_rows(db: Database, items: Iterable[Item]) -> dict[str, Item]:
    """Return the rows that standings name, whatever else is in those, as DynamoDB has them, by board."""
    named = [(item["board"]["S"], item.get("score", {}).get("S")) for item in items]
    return await _by_board(db, [row_key(board, sort_key) for board, sort_key in named if sort_key])


async def with_rows(db: Database, held: Collection[Standing]) -> list[Standing]:
    """Return a player's standings without those whose rows are gone, read consistently.

    A standing without its row does not count: an operator took it away. One that names no row is kept.
    """
    found = await rows_of(db, held)
    return [one for one in held if one.sort_key is None or one.board in found]


async def delete_rows(db: Database, keys: Iterable[tuple[str, str]]) -> None:
    """Delete rows by board and sort key; what is not there is no error."""
    requests = [{"DeleteRequest": {"Key": row_key(board, sort_key)}} for board, sort_key in keys]
    await batch_write(db, SCORES, requests)


async def keys_of(db: Database, board: str, user_id: str) -> list[tuple[str, str]]:
    """Return board and sort key of each row of a player's on a board. Reads the whole board."""
    pages = query_pages(db, board_query(db, board) | {"ProjectionExpression": "score"})
    return [
        (board, row["score"]) async for page in pages for row in page if is_owned_by(row["score"], user_id)
    ]


class Top(NamedTuple):
    """A board's best K entries. `bar` is the sort key of the K-th row; None while there is room."""

    entries: tuple[Entry, ...]
    bar: str | None


async def top(db: Database, board: Board) -> tuple[Entry, ...]:
    """Return the entries of `top_with_bar`."""
    return (await top_with_bar(db, board)).entries


async def top_with_bar(db: Database, board: Board) -> Top:
    """Return the truth about a board: its best K rows, read consistently, in one Query."""
    found = await rows(db, board, limit=board.top)
    return Top(entries(found, 1), found[-1].sort_key if len(found) == board.top else None)


async def page(
    db: Database, board: Board, *, limit: int, after: str | None = None, rank: int = 1
) -> tuple[Entry, ...]:
    """Return the entries of `rows`, the first of them with the given rank."""
    return entries(await rows(db, board, limit=limit, after=after), rank)


async def rows(db: Database, board: Board, *, limit: int, after: str | None = None) -> list[Score]:
    """Return up to `limit` rows in the board's order, from the top, or from behind the sort key `after`."""
    condition = _worse(board, "<") if after else None
    return await _query(db, board, limit=limit, key=after, condition=condition)


async def sample(db: Database, board: str, order: Order) -> Sample | None:
    """Return what the best row of a board in this order tells, read consistently; None where there is no row.

    Goes by the stored key, and looks at _SAMPLED rows for one that can be read.
    """
    request = board_query(db, board)
    request["ScanIndexForward"] = order == "asc"
    request["Limit"] = _SAMPLED
    answer = await db.client.query(**request)
    for item in answer["Items"]:
        try:
            key = item["score"]["S"]
            found = order_of(key, int(item["achievedAt"]["N"]))
            tiebreak = int(item["tiebreak"]["N"]) if "tiebreak" in item else 0
            return Sample(found, points_of(key), tiebreak_orders(found or order, key, tiebreak))
        except (KeyError, ValueError):
            continue  # it is left out of boards, too
    return UNREAD if answer["Items"] else None


async def is_empty(db: Database) -> bool:
    """Return whether there is no row on any board, read consistently. Needs the right to scan."""
    answer = await db.client.scan(TableName=db.name(SCORES), ConsistentRead=True, Limit=1)
    return not answer["Items"]


async def delete_all(db: Database, board: str, order: Order) -> int:
    """Delete every row of a board, whatever is in it, the worst first; return how many there were.

    So the top K stays what it was until the last moment. Rows that are written meanwhile may be left. Can be
    repeated. Raises ThrottledError where DynamoDB keeps refusing.
    """
    request = board_query(db, board)
    request["ProjectionExpression"] = "score"
    request["ScanIndexForward"] = order == "desc"
    deleted = 0
    async for page in query_pages(db, request):
        requests = [{"DeleteRequest": {"Key": row_key(board, row["score"])}} for row in page]
        await batch_write(db, SCORES, requests, attempts=PATIENT_ATTEMPTS)
        deleted += len(requests)
    return deleted


async def neighbours(db: Database, board: Board, key: str, limit: int) -> tuple[list[Score], list[Score]]:
    """Return up to `limit` rows that are better than the one of a sort key, and that row with as many behind.

    Both are in the board's order. The row is missing where it is gone, or cannot be read.
    """
    above = await _query(db, board, limit=limit, key=key, condition=_better(board), towards_better=True)
    rows = await _query(db, board, limit=limit + 1, key=key, condition=_worse(board, "<="))
    return above[::-1], rows


def entries(rows: Iterable[Score], first_rank: int) -> tuple[Entry, ...]:
    """Return rows as a board shows them, the first of them with the given rank."""
    return tuple(row.entry(rank) for rank, row in enumerate(rows, start=first_rank))


def metadata_of(row: Item | None) -> str | None:
    """Return the metadata in a row, as JSON text."""
    text: str | None = (row or {}).get("metadata", {}).get("S")
    return text


def row_key(board: str, sort_key: str) -> Item:
    """Return a row's key."""
    return to_item({"gameArea": board, "score": sort_key})


def board_query(
    db: Database, board: str, condition: str | None = None, values: Mapping[str, str] | None = None
) -> "QueryInputTypeDef":
    """Return a consistent Query of a board's rows, under a condition on their sort keys with its values."""
    return {
        "TableName": db.name(SCORES),
        "ConsistentRead": True,
        "KeyConditionExpression": " AND ".join(filter(None, ["gameArea = :board", condition])),
        "ExpressionAttributeValues": to_item({":board": board, **(values or {})}),
    }


def _better(board: Board) -> str:
    return "score > :key" if board.order == "desc" else "score < :key"


def _worse(board: Board, comparison: Literal["<", "<="]) -> str:
    return f"score {comparison if board.order == 'desc' else comparison.replace('<', '>')} :key"


async def _query(
    db: Database,
    board: Board,
    *,
    limit: int,
    key: str | None,
    condition: str | None,
    towards_better: bool = False,
) -> list[Score]:
    if limit < 1:
        return []
    request = board_query(db, board.key, condition, {":key": key} if key else None)
    request["ScanIndexForward"] = (board.order == "asc") != towards_better
    request["Limit"] = limit
    rows: dict[str, Score] = {}
    unreadable: list[RowError] = []
    while True:
        answer = await db.client.query(**request)
        for item in answer["Items"]:
            try:
                row = _parse(board, item)
                if row.user_id in rows:
                    raise row_error(SCORES, item, "the player has another row on the board")
                rows[row.user_id] = row
            except RowError as error:
                unreadable.append(error)
        if len(rows) >= limit or "LastEvaluatedKey" not in answer:
            break
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        # Where there are many bad rows, the next good one may be far.
        request["Limit"] = min(_PAGE, limit - len(rows) + 2 * len(unreadable))
    _log(db, board, unreadable)
    return [*rows.values()][:limit]


def _parse(board: Board, item: Item) -> Score:
    """Return the row behind a DynamoDB item. Raises RowError, also for the sort key of another score.

    What the board's area has no longer, or allows less of, is left out, so that boards stay within a frame.
    """
    row = parse_row(Score, SCORES, item)
    if board.tiebreak is None and row.tiebreak is not None:
        row = row.model_copy(update={"tiebreak": None})
    if row.metadata is not None and len(row.metadata.encode()) > board.metadata:
        row = row.model_copy(update={"metadata": None})
    try:
        told = board.read_key(row.sort_key)
    except SortKeyError as error:
        raise row_error(SCORES, item, error) from error
    if told != SortKey(row.points, row.achieved_at, row.user_id, row.tiebreak):
        raise row_error(
            SCORES, item, f"the sort key is that of another score on a board in {board.order} order"
        )
    return row


def _log(db: Database, board: Board, unreadable: Sequence[RowError]) -> None:
    for error in unreadable[:_LOGGED]:
        db.damage.error(error.row, "left out of board %s: %s", board.key, error)
    if len(unreadable) > _LOGGED:
        more = len(unreadable) - _LOGGED
        db.damage.error(f"rows of {board.key}", "left out of board %s: %d more rows", board.key, more)
