"""`Scores`: one row per player and board, sorted by how good the score is.

A row that cannot be read is logged by its key and left out of what is read, and reading goes on behind it. So
a board has its K entries where there are K good rows, and ranks count good rows only. `_count` goes by the
types of attributes, without reading the rows. A row with the right types and wrong values (a sort key that
tells of another score, a second row of a player) still counts there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from game.board import Avatar, Entry, Milliseconds, Name, Points, UserId
from game.board_rules import Sample
from game.catalogue import Board
from game.scoring import Order, SortKeyError, decode, encode, is_owned_by, order_of, points_of
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
from store.errors import RowError
from store.profiles import Profile
from store.progress import Best
from store.schema import SCORES

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

# Most keys of unreadable rows that one read logs, and most rows of one Query that looks for better ones.
_LOGGED = 20
_PAGE = 1000
# What `Score` asks for, as far as a Query that only counts can tell.
_READABLE = (
    "attribute_type(points, :number) AND attribute_type(achievedAt, :number)"
    " AND attribute_type(userId, :text) AND attribute_type(#name, :text)"
)

_SAMPLED = 20
"""Rows among which one is looked for that can be read, to say what a board's rows were written under."""

RANKS_COUNTED = 500
"""A page that begins within this number of ranks has them counted when it is read: see `rank_behind`."""


class Score(Row):
    """A row: `sort_key` (stored as `score`, see `game.scoring`) sorts as `points`, the number, do."""

    game_area: str
    sort_key: str = Field(alias="score")
    points: StoredNumber[Points]
    user_id: UserId
    name: Name
    avatar: Avatar | None = None
    achieved_at: StoredNumber[Milliseconds]

    def entry(self, rank: int) -> Entry:
        """Return the row as a board shows it."""
        return Entry(
            rank=rank,
            user_id=self.user_id,
            name=self.name,
            avatar=self.avatar,
            points=self.points,
            achieved_at=self.achieved_at,
        )


def new_best(board: Board, points: int, achieved_at: int, user_id: str) -> Best:
    """Return a player's best on a board, with the sort key of its row."""
    sort_key = encode(board.order, points, achieved_at, user_id)
    return Best(points=points, achieved_at=achieved_at, sort_key=sort_key)


def new_score(board: str, best: Best, profile: Profile) -> Score:
    """Return the row of a player's best on a board."""
    return Score(
        game_area=board,
        sort_key=best.sort_key,
        points=best.points,
        user_id=profile.user_id,
        name=profile.name,
        avatar=profile.avatar,
        achieved_at=best.achieved_at,
    )


def put(db: Database, score: Score) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that writes a row."""
    return {"Put": {"TableName": db.name(SCORES), "Item": to_item(score.model_dump(by_alias=True))}}


def delete(db: Database, board: str, best: Best) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that deletes the row of a player's earlier best."""
    return {"Delete": {"TableName": db.name(SCORES), "Key": _key(board, best.sort_key)}}


def show(db: Database, board: str, best: Best, profile: Profile) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that shows a profile in a best's row, and makes no row."""
    values = {":name": profile.name, ":avatar": profile.avatar}
    return {
        "Update": {
            "TableName": db.name(SCORES),
            "Key": _key(board, best.sort_key),
            "UpdateExpression": "SET #name = :name"
            + (" REMOVE avatar" if profile.avatar is None else ", avatar = :avatar"),
            "ConditionExpression": "attribute_exists(gameArea)",
            "ExpressionAttributeNames": {"#name": "name"},
            "ExpressionAttributeValues": to_item(values),
        }
    }


async def with_rows(db: Database, bests: Mapping[str, Best], boards: Collection[str]) -> dict[str, Best]:
    """Return the bests, by board, without those on `boards` whose rows are gone, read consistently.

    A best without a row is no best: an operator took it away.
    """
    names = [name for name in bests if name in boards]
    gone = set(names)
    for start in range(0, len(names), BATCH_GET_LIMIT):
        keys = [_key(name, bests[name].sort_key) for name in names[start : start + BATCH_GET_LIMIT]]
        gone -= {item["gameArea"]["S"] for item in (await batch_get(db, {SCORES: keys}))[SCORES]}
    return {name: best for name, best in bests.items() if name not in gone}


async def delete_rows(db: Database, keys: Iterable[tuple[str, str]]) -> None:
    """Delete rows by board and sort key; what is not there is no error."""
    requests = [{"DeleteRequest": {"Key": _key(board, sort_key)}} for board, sort_key in keys]
    await batch_write(db, SCORES, requests)


async def keys_of(db: Database, board: str, user_id: str) -> list[tuple[str, str]]:
    """Return board and sort key of each row of a player's on a board. Reads the whole board."""
    pages = query_pages(
        db,
        {
            "TableName": db.name(SCORES),
            "ConsistentRead": True,
            "KeyConditionExpression": "gameArea = :board",
            "ExpressionAttributeValues": to_item({":board": board}),
            "ProjectionExpression": "score",
        },
    )
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
    return Top(_entries(found, 1), found[-1].sort_key if len(found) == board.top else None)


async def page(
    db: Database, board: Board, *, limit: int, after: str | None = None, rank: int = 1
) -> tuple[Entry, ...]:
    """Return the entries of `rows`, the first of them with the given rank."""
    return _entries(await rows(db, board, limit=limit, after=after), rank)


async def rows(db: Database, board: Board, *, limit: int, after: str | None = None) -> list[Score]:
    """Return up to `limit` rows in the board's order, from the top, or from behind the sort key `after`."""
    condition = _worse(board, "<") if after else None
    return await _query(db, board, limit=limit, key=after, condition=condition)


async def sample(db: Database, board: str, order: Order) -> Sample | None:
    """Return what the best row of a board in this order tells, read consistently; None where there is no row.

    Goes by the stored key, and looks at _SAMPLED rows for one that can be read.
    """
    answer = await db.client.query(
        TableName=db.name(SCORES),
        ConsistentRead=True,
        KeyConditionExpression="gameArea = :board",
        ExpressionAttributeValues=to_item({":board": board}),
        ScanIndexForward=order == "asc",
        Limit=_SAMPLED,
    )
    for item in answer["Items"]:
        try:
            key = item["score"]["S"]
            return Sample(order_of(key, int(item["achievedAt"]["N"])), points_of(key))
        except (KeyError, ValueError):
            continue  # it is left out of boards, too
    return Sample(None, None) if answer["Items"] else None


async def delete_all(db: Database, board: str, order: Order) -> int:
    """Delete every row of a board, whatever is in it, the worst first; return how many there were.

    So the top K stays what it was until the last moment. Rows that are written meanwhile may be left. Can be
    repeated. Raises ThrottledError where DynamoDB keeps refusing.
    """
    request: QueryInputTypeDef = {
        "TableName": db.name(SCORES),
        "ConsistentRead": True,
        "KeyConditionExpression": "gameArea = :board",
        "ExpressionAttributeValues": to_item({":board": board}),
        "ProjectionExpression": "score",
        "ScanIndexForward": order == "desc",
    }
    deleted = 0
    async for page in query_pages(db, request):
        requests = [{"DeleteRequest": {"Key": _key(board, row["score"])}} for row in page]
        await batch_write(db, SCORES, requests, attempts=PATIENT_ATTEMPTS)
        deleted += len(requests)
    return deleted


async def count_all(db: Database, board: str) -> int:
    """Return how many rows a board has, whatever is in them. Reads the whole board."""
    request: QueryInputTypeDef = {
        "TableName": db.name(SCORES),
        "ConsistentRead": True,
        "KeyConditionExpression": "gameArea = :board",
        "ExpressionAttributeValues": to_item({":board": board}),
        "Select": "COUNT",
    }
    count = 0
    while True:
        answer = await db.client.query(**request)
        count += answer["Count"]
        if "LastEvaluatedKey" not in answer:
            return count
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


async def rank_behind(db: Database, board: Board, key: str, rank: int) -> int:
    """Return the rank of the first entry behind a sort key, on the board as it is now.

    `rank` is what the entry of this key had when it was read: others may have climbed past it since, or gone.
    Counts up to RANKS_COUNTED rows. Further down it is one more than `rank`: a count that grows with the
    depth is too dear for a page that needs no token.
    """
    if rank > RANKS_COUNTED:
        return rank + 1
    not_worse = _better(board).replace(" :key", "= :key")
    count, whole = await _count(db, board, key, not_worse, limit=RANKS_COUNTED + 1)
    return 1 + (count if whole else max(rank, count))


async def around(db: Database, board: Board, best: Best, *, neighbours: int) -> tuple[Entry, ...]:
    """Return a player's entry with up to `neighbours` above it and below it, with their ranks on the board.

    The player is missing from the answer when the row of `best` is gone, or cannot be read: read the best
    again. Costs a count of every row above, one consistent read unit for each 4 KB of them.
    """
    own = best.sort_key
    above = await _query(db, board, limit=neighbours, key=own, condition=_better(board), towards_better=True)
    better, _ = await _count(db, board, own, _better(board))
    rank = 1 + better
    rows = await _query(db, board, limit=neighbours + 1, key=own, condition=_worse(board, "<="))
    return _entries([*reversed(above), *rows], max(1, rank - len(above)))


def _key(board: str, sort_key: str) -> Item:
    return to_item({"gameArea": board, "score": sort_key})


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
    request = _request(db, board, key, condition)
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
    """Return the row behind a DynamoDB item. Raises RowError, also for the sort key of another score."""
    row = parse_row(Score, SCORES, item)
    try:
        told = decode(board.order, row.sort_key)
    except SortKeyError as error:
        raise row_error(SCORES, item, error) from error
    if told != (row.points, row.achieved_at, row.user_id):
        raise row_error(
            SCORES, item, f"the sort key is that of another score on a board in {board.order} order"
        )
    return row


def _log(db: Database, board: Board, unreadable: Sequence[RowError]) -> None:
    for error in unreadable[:_LOGGED]:
        db.damage.error(error.row, "left out of board %s: %s", board.id, error)
    if len(unreadable) > _LOGGED:
        more = len(unreadable) - _LOGGED
        db.damage.error(f"rows of {board.id}", "left out of board %s: %d more rows", board.id, more)


async def _count(
    db: Database, board: Board, key: str, condition: str, *, limit: int | None = None
) -> tuple[int, bool]:
    """Return how many rows meet a condition, and whether that is all: `limit` bounds the rows looked at."""
    request = _request(db, board, key, condition)
    if limit is not None:
        request["Limit"] = limit
    request["Select"] = "COUNT"
    request["FilterExpression"] = _READABLE
    request["ExpressionAttributeNames"] = {"#name": "name"}
    request["ExpressionAttributeValues"] = {
        **request["ExpressionAttributeValues"],
        **to_item({":number": "N", ":text": "S"}),
    }
    count = 0
    while True:
        answer = await db.client.query(**request)
        count += answer["Count"]
        if "LastEvaluatedKey" not in answer:
            return count, True
        if limit is not None:
            return count, False
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _request(db: Database, board: Board, key: str | None, condition: str | None) -> "QueryInputTypeDef":
    values = {":board": board.id} | ({":key": key} if key else {})
    return {
        "TableName": db.name(SCORES),
        "ConsistentRead": True,
        "KeyConditionExpression": " AND ".join(filter(None, ["gameArea = :board", condition])),
        "ExpressionAttributeValues": to_item(values),
    }


def _entries(rows: Iterable[Score], first_rank: int) -> tuple[Entry, ...]:
    return tuple(row.entry(rank) for rank, row in enumerate(rows, start=first_rank))
