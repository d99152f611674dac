"""`Leaderboards`: each board as it was last published, and the frames not yet pushed to its subscribers."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Self

from botocore.exceptions import ClientError
from pydantic import Field, TypeAdapter

from game.board import Entry, Position
from game.catalogue import Board
from store import scores
from store.connections import IdRange
from store.database import Database, Item, Row, batch_get, from_item, lost_race, to_item
from store.schema import LEADERBOARDS

# This many frames of at most 32 KB, and the entries, stay far under the 400 KB of a DynamoDB item.
OUTBOX_LIMIT = 8

_entries = TypeAdapter(tuple[Entry, ...])


class StaleBoardError(Exception):
    """Somebody else published the board first: read it again."""


class Fanout(Row):
    """Frames of the outbox on their way to subscribers, by several pushers: see `store.fanouts`.

    `to` is the newest version in it; `pending` are the shards, by name, to which it has not been pushed yet;
    `stuck` says that somebody in another shard has neither got it nor been closed. Times are in milliseconds
    since the epoch: after `expires_at` nobody is at work on it any more; at `scored_at` the oldest of the
    scores in it was achieved.
    """

    id: str
    to: int
    started_at: int
    expires_at: int
    scored_at: int | None = None
    pending: dict[str, IdRange]
    stuck: bool = False


class PublishedBoard(Row):
    """A row. `outbox` holds the unpushed frames (JSON text) by the version that each leads to."""

    game_area: str
    epoch: int
    version: int
    entries: tuple[Entry, ...]
    outbox: dict[int, str] = Field(default_factory=dict)
    fanout: Fanout | None = None

    @property
    def position(self) -> Position:
        """Where the board's history stands."""
        return Position(self.epoch, self.version)

    @classmethod
    def parse(cls, item: Item) -> Self:
        """The row behind a DynamoDB item, in which the entries are one JSON text."""
        values = from_item(item)
        return cls.model_validate(values | {"entries": _entries.validate_json(values["entries"])})


async def load(db: Database, board: str) -> PublishedBoard | None:
    """A board as published, read consistently; None before its first publication."""
    answer = await db.client.get_item(
        TableName=db.name(LEADERBOARDS), Key=to_item({"gameArea": board}), ConsistentRead=True
    )
    item = answer.get("Item")
    return PublishedBoard.parse(item) if item else None


async def load_many(
    db: Database, boards: Collection[str], *, consistent: bool = True
) -> dict[str, PublishedBoard]:
    """Boards as published, by id; at most 100. Those never published are left out.

    Without `consistent` they may be as they were a second ago, and cost half.
    """
    keys = [to_item({"gameArea": board}) for board in boards]
    rows = (
        {LEADERBOARDS: []} if not keys else await batch_get(db, {LEADERBOARDS: keys}, consistent=consistent)
    )
    published = [PublishedBoard.parse(item) for item in rows[LEADERBOARDS]]
    return {board.game_area: board for board in published}


async def load_or_create(db: Database, board: Board, now: int) -> PublishedBoard:
    """A board as published; on first use it is published as the table has it, as version 1 of epoch `now`."""
    while True:
        published = await load(db, board.id)
        if published:
            return published
        truth = await scores.top(db, board)
        first = PublishedBoard(game_area=board.id, epoch=now, version=1, entries=truth)
        try:
            await db.client.put_item(
                TableName=db.name(LEADERBOARDS),
                Item=_item(first),
                ConditionExpression="attribute_not_exists(gameArea)",
            )
        except ClientError as error:
            if not lost_race(error):
                raise
        else:
            return first


async def publish(
    db: Database, read: PublishedBoard, entries: Sequence[Entry], frame: str, *, collapse: bool
) -> PublishedBoard:
    """Publish the next version with its frame added to the outbox, if the board still is as it was read.

    With `collapse` the frame, which must then be a snapshot, stands in for all that the outbox held. Returns
    the row as written, with the whole outbox. Raises StaleBoardError when another version came first.
    """
    version = read.version + 1
    values: dict[str, Any] = {
        ":epoch": read.epoch,
        ":read": read.version,
        ":version": version,
        ":entries": _entries.dump_json(tuple(entries), by_alias=True).decode(),
        ":frame": {str(version): frame} if collapse else frame,
    }
    names = {"#version": "version", "#outbox": "outbox"} | ({} if collapse else {"#frame": str(version)})
    target = "#outbox" if collapse else "#outbox.#frame"
    try:
        answer = await db.client.update_item(
            TableName=db.name(LEADERBOARDS),
            Key=to_item({"gameArea": read.game_area}),
            UpdateExpression=f"SET #version = :version, entries = :entries, {target} = :frame",
            ConditionExpression="epoch = :epoch AND #version = :read",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item(values),
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if lost_race(error):
            raise StaleBoardError(read.game_area) from error
        raise
    return PublishedBoard.parse(answer["Attributes"])


async def clear_outbox(db: Database, pushed: PublishedBoard) -> None:
    """Drop the frames of the row's outbox, now that they are pushed. A later epoch's are left alone."""
    paths, names = outbox_paths(pushed.outbox)
    try:
        await db.client.update_item(
            TableName=db.name(LEADERBOARDS),
            Key=to_item({"gameArea": pushed.game_area}),
            UpdateExpression="REMOVE " + ", ".join(paths),
            ConditionExpression="epoch = :epoch",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item({":epoch": pushed.epoch}),
        )
    except ClientError as error:
        if not lost_race(error):
            raise


def outbox_paths(versions: Iterable[int]) -> tuple[list[str], dict[str, str]]:
    """The frames of these versions in an update expression: their paths, and the names that those need."""
    names = {f"#v{version}": str(version) for version in versions}
    return [f"#outbox.{name}" for name in names], {"#outbox": "outbox", **names}


async def rebuild(db: Database, board: Board, now: int) -> PublishedBoard:
    """Publish a board as the table has it, as version 1 of a new epoch, and forget its history.

    For a start of the system: who was subscribed before must not be connected any more.
    """
    held = await load(db, board.id)
    epoch = max(now, held.epoch + 1) if held else now
    truth = await scores.top(db, board)
    first = PublishedBoard(game_area=board.id, epoch=epoch, version=1, entries=truth)
    await db.client.put_item(TableName=db.name(LEADERBOARDS), Item=_item(first))
    return first


def _item(board: PublishedBoard) -> Item:
    values = board.model_dump(by_alias=True, exclude={"entries"})
    return to_item(values | {"entries": _entries.dump_json(board.entries, by_alias=True).decode()})
