"""`Leaderboards`: each board as it was last published, and the frames not yet pushed to its subscribers."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from game import frames
from game.activity import hour_of
from game.board import Entry, Milliseconds, Position
from game.catalogue import Board
from game.live import SPREAD_SECONDS
from game.seasons import Moment
from store import scores
from store.connections import IdRange
from store.database import Database, Item, Row, batch_get, parse_row, to_item
from store.errors import RequestError, RowError, StoreError, lost_race
from store.schema import LEADERBOARDS
from store.scores import Top

# This many frames of at most 32 KB, and the entries, stay far under the 400 KB of a DynamoDB item.
OUTBOX_LIMIT = 8

CLOCKS_APART_MS = 60_000
"""How far the clocks of two functions may be apart: a season begun no earlier than that is believed."""

_entries = TypeAdapter(tuple[Entry, ...])
Version = Annotated[int, Field(ge=0, lt=2**53)]
"""Counts versions; JavaScript holds it exactly."""

Frame = Annotated[str, AfterValidator(frames.check)]
"""A frame as it is pushed."""

EncodeSnapshot = Callable[[Board, Position, Sequence[Entry], Moment], str]
"""The frame of a whole board. See `realtime.protocol.encode_snapshot`."""


class StaleBoardError(StoreError):
    """Another function published the board first: read it again."""


class FanOutRow(Row):
    """Frames of the outbox on their way to subscribers, by several pushers: see `store.fanouts`.

    `to` is the newest version in it; `pending` are the slices, by name, to which it has not been pushed yet;
    `stuck` says that a subscriber in another slice has neither got it nor been closed. Times are in
    milliseconds since the epoch: after `expires_at` no pusher is at work on it any more; at `scored_at` the
    oldest of the scores in it was achieved.
    """

    id: str
    to: int
    started_at: int
    expires_at: int
    scored_at: int | None = None
    pending: dict[str, IdRange]
    stuck: bool = False


class Bar(Row):
    """The stored sort key of the K-th row, as of a version. A release that knew no bar left it behind."""

    version: Version
    key: str


class PublishedBoard(Row):
    """A row. `outbox` holds the unpushed frames (JSON text) by the version that each leads to.

    A row with a text in its outbox that is no frame cannot be read: its subscribers could not, either.
    """

    game_area: str
    epoch: Milliseconds
    version: Version
    entries: tuple[Entry, ...]
    last: Bar | None = None
    outbox: dict[int, Frame] = Field(default_factory=dict)
    fanout: FanOutRow | None = None
    active_hour: str | None = None
    """The hour in which it was last active: see `game.activity`."""
    run: str | None = None
    """The run of the backend that published it first in this epoch: see `Database.run`."""
    season: int | None = None
    """The season that it shows; None on a board without seasons."""
    ends_at: Milliseconds | None = None
    """When that season ends, as its clients were told."""
    spread: int = SPREAD_SECONDS
    """Seconds within which the subscribers are to ask, who would all ask at once: see `game.live`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if [entry.rank for entry in self.entries] != list(range(1, len(self.entries) + 1)):
            raise ValueError("entries: the ranks do not count from 1")
        if len({entry.user_id for entry in self.entries}) < len(self.entries):
            raise ValueError("entries: a player is there twice")
        if not all(0 <= version <= self.version for version in self.outbox):
            raise ValueError("outbox: a frame leads to a version that the board has not had")
        return self

    @property
    def position(self) -> Position:
        """The place in the board's history."""
        return Position(self.epoch, self.version)

    def bind(self, board: Board) -> Board:
        """Return the board of the catalogue in the season that is shown."""
        return board if self.season is None or board.seasons is None else board.in_season(self.season)

    def is_current(self, board: Board, now: int) -> bool:
        """Return whether the season of the catalogue is shown that is open at `now`, or a later one."""
        shown = board.at(now)
        if shown.season is None or self.season is None:
            return self.season == shown.season
        return self.season >= shown.season

    def agrees(self, board: Board, now: int) -> bool:
        """Return whether the season shown has begun, and ends when its clients were told, by the catalogue.

        An edit may have moved its end. It begins when the fastest clock says so, and no sooner.
        """
        if self.season is None or board.seasons is None:
            return True
        has_begun = board.seasons.starts_at(self.season) <= now + CLOCKS_APART_MS
        return has_begun and self.ends_at == _ends_at(self.bind(board))

    @property
    def bar(self) -> str | None:
        """The sort key of the K-th row; None while there is room, and where it is not known."""
        return self.last.key if self.last and self.last.version == self.version else None

    @classmethod
    def parse(cls, item: Item) -> Self:
        """Return the row behind a DynamoDB item, in which the entries are one JSON text. Raises RowError."""
        # A row without an outbox could not be published to: its default is not for those.
        return parse_row(
            cls, LEADERBOARDS, item, entries=_entries.validate_json, outbox=lambda outbox: outbox
        )


async def load(db: Database, board: str) -> PublishedBoard | None:
    """Return a board as published, read consistently; None before its first publication.

    None, too, where its row cannot be read, which is logged: `load_or_create` publishes it again.
    """
    return _readable(db, await _get(db, board))


async def load_many(
    db: Database, boards: Collection[str], *, consistent: bool = True
) -> dict[str, PublishedBoard]:
    """Return boards as published, by id; at most 100.

    Boards that were never published are left out, and those whose rows cannot be read. Without `consistent`
    they may be as they were a second ago, and cost half. Raises ThrottledError.
    """
    keys = [to_item({"gameArea": board}) for board in boards]
    rows = (
        {LEADERBOARDS: []} if not keys else await batch_get(db, {LEADERBOARDS: keys}, consistent=consistent)
    )
    published = [board for item in rows[LEADERBOARDS] if (board := _readable(db, item))]
    return {board.game_area: board for board in published}


async def load_or_create(
    db: Database, board: Board, now: int, encode_snapshot: EncodeSnapshot, *, compare: bool = False
) -> PublishedBoard:
    """Return a board as published; publish it at first use, as the table has it: version 1 of epoch `now`.

    A board whose row cannot be read is published again too, in a later epoch. Its outbox then has the
    snapshot, for clients that hold the board as it was. So is a board that another run of the backend
    published (`Database.run`), which no client of this run holds.

    A board with seasons is returned in the one that is open at `now`, or in a later one where another
    function's clock is ahead. See `_first_of_season`. With `compare` it is published again, too, where the
    catalogue disagrees with what its clients were told: for one kind of function only, because during a
    deployment others may have another catalogue, and each would undo what the other has done.
    """
    while True:
        held = await _get(db, board.id)
        published = _readable(db, held)
        if published and published.is_current(board, now) and (not compare or published.agrees(board, now)):
            return published
        open_now = board.at(now)
        truth = await scores.top_with_bar(db, open_now)
        # A row without a run may have had one, before it was damaged.
        is_held = held and ("run" not in held or not _is_of_another_run(db, held))
        encode = encode_snapshot if is_held else None
        if open_now.season is not None and (held is None or _follows(open_now, published)):
            first = _first_of_season(db, open_now, published, truth, now, encode_snapshot)
        else:
            first = _first_of_epoch(db, open_now, held, truth, now, encode)
        try:
            await db.client.put_item(
                TableName=db.name(LEADERBOARDS), Item=_item(first), **_unchanged(held or {})
            )
        except RequestError as error:
            if not lost_race(error):
                raise
        else:
            return first


async def publish(
    db: Database,
    read: PublishedBoard,
    entries: Sequence[Entry],
    frame: str,
    *,
    now: int,
    collapse: bool,
    bar: str | None = None,
) -> PublishedBoard:
    """Publish the next version with its frame added to the outbox, if the board still is as it was read.

    The board is active from `now` on, in milliseconds since the epoch.
    `bar` is the sort key of the K-th row; None while there is room. With `collapse` the frame, which must
    then be a snapshot, stands in for all that the outbox held. Returns the row as written, with the whole
    outbox. Raises StaleBoardError when another version came first.
    """
    version = read.version + 1
    values: dict[str, Any] = {
        ":epoch": read.epoch,
        ":read": read.version,
        ":version": version,
        ":entries": _entries.dump_json(tuple(entries), by_alias=True).decode(),
        ":frame": {str(version): frame} if collapse else frame,
        ":hour": hour_of(read.game_area, now),
    }
    if bar:
        values[":last"] = {"version": version, "key": bar}
    names = {"#version": "version", "#outbox": "outbox"} | ({} if collapse else {"#frame": str(version)})
    names["#last"] = "last"
    target = "#outbox" if collapse else "#outbox.#frame"
    try:
        answer = await db.client.update_item(
            TableName=db.name(LEADERBOARDS),
            Key=to_item({"gameArea": read.game_area}),
            UpdateExpression="SET #version = :version, entries = :entries, activeHour = :hour"
            + f", {target} = :frame"
            + (", #last = :last" if bar else " REMOVE #last"),
            ConditionExpression="epoch = :epoch AND #version = :read",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item(values),
            ReturnValues="ALL_NEW",
        )
    except RequestError as error:
        if lost_race(error):
            raise StaleBoardError(read.game_area) from error
        raise
    try:
        return PublishedBoard.parse(answer["Attributes"])
    except RowError as error:
        # Something else has come into the row since it was read.
        raise StaleBoardError(read.game_area) from error


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
    except RequestError as error:
        if not lost_race(error):
            raise


def outbox_paths(versions: Iterable[int]) -> tuple[list[str], dict[str, str]]:
    """Return the frames of these versions for an update expression: their paths, and the paths' names."""
    names = {f"#v{version}": str(version) for version in versions}
    return [f"#outbox.{name}" for name in names], {"#outbox": "outbox", **names}


async def withdraw(db: Database, board: str) -> None:
    """Take a published board back, so that who needs it next publishes it again, in a later epoch.

    Its subscribers then get the snapshot: see `load_or_create`. A publication that is under way fails.
    """
    try:
        await db.client.update_item(
            TableName=db.name(LEADERBOARDS),
            Key=to_item({"gameArea": board}),
            UpdateExpression="REMOVE #version, entries",
            ConditionExpression="attribute_exists(gameArea)",
            ExpressionAttributeNames={"#version": "version"},
        )
    except RequestError as error:
        # It was not lost to another writer: the board was never published.
        if not lost_race(error):
            raise


async def _get(db: Database, board: str) -> Item | None:
    answer = await db.client.get_item(
        TableName=db.name(LEADERBOARDS), Key=to_item({"gameArea": board}), ConsistentRead=True
    )
    return answer.get("Item")


def _is_of_another_run(db: Database, item: Item) -> bool:
    return db.run is not None and item.get("run") != to_item({"run": db.run})["run"]


def _readable(db: Database, item: Item | None) -> PublishedBoard | None:
    if item and (item.keys().isdisjoint({"version", "entries"}) or _is_of_another_run(db, item)):
        return None  # withdrawn, or not yet published by this run
    try:
        return PublishedBoard.parse(item) if item else None
    except RowError as error:
        db.damage.error(error.row, "to be published again: %s", error)
        return None


def _first_of_epoch(
    db: Database,
    board: Board,
    held: Item | None,
    truth: Top,
    now: int,
    encode_snapshot: EncodeSnapshot | None,
) -> PublishedBoard:
    first = Position(_next_epoch(held, now), 1)
    moment = Moment(now, SPREAD_SECONDS)
    outbox = {first.version: encode_snapshot(board, first, truth.entries, moment)} if encode_snapshot else {}
    return _new(db, board, first, truth, now, outbox)


def _follows(board: Board, before: PublishedBoard | None) -> bool:
    """Return whether a season begins after what is published.

    Its first epoch may have been there already where that is later: then it is not given another time.
    """
    assert board.seasons is not None and board.season is not None  # noqa: S101, PT018 -- for the type checker
    return (
        before is not None
        and before.season != board.season
        and before.epoch < board.seasons.starts_at(board.season)
    )


def _first_of_season(
    db: Database,
    board: Board,
    before: PublishedBoard | None,
    truth: Top,
    now: int,
    encode_snapshot: EncodeSnapshot,
) -> PublishedBoard:
    """Return a board as a season begins: its epoch is the season's beginning, and version 0 of it is empty.

    The first function that looks publishes it, so nothing has to happen at that moment. Clients turn to
    version 0 by themselves, and what is in the outbox follows from there. Where scores were faster, it is
    version 1. That a board turns makes it no more active than it was: else it would be for ever.
    """
    assert board.seasons is not None and board.season is not None  # noqa: S101, PT018 -- for the type checker
    epoch = board.seasons.starts_at(board.season)
    spread = before.spread if before else SPREAD_SECONDS
    first = Position(epoch, 1 if truth.entries else 0)
    frame = encode_snapshot(board, first, truth.entries, Moment(now, spread))
    new = _new(db, board, first, truth, now, {first.version: frame} if before else {})
    active_hour = before.active_hour if before and not truth.entries else new.active_hour
    return new.model_copy(update={"spread": spread, "active_hour": active_hour})


def _new(
    db: Database, board: Board, first: Position, truth: Top, now: int, outbox: dict[int, str]
) -> PublishedBoard:
    return PublishedBoard(
        game_area=board.id,
        entries=truth.entries,
        last=Bar(version=first.version, key=truth.bar) if truth.bar else None,
        outbox=outbox,
        active_hour=hour_of(board.id, now),
        run=db.run,
        season=board.season,
        ends_at=_ends_at(board),
        **first._asdict(),
    )


def _ends_at(board: Board) -> int | None:
    return board.seasons.ends_at(board.season) if board.seasons and board.season is not None else None


def _next_epoch(held: Item | None, now: int) -> int:
    """Return an epoch that is later than that of the item, as far as one can be read there."""
    try:
        return max(now, _epoch.validate_python(int((held or {})["epoch"]["N"]) + 1))
    except (KeyError, TypeError, ValueError):
        return now


_epoch = TypeAdapter(Milliseconds)


def _unchanged(held: Item) -> Any:
    """Return the condition that a row, readable or not, still has the position it was read with, if any."""
    condition, values = [], {}
    for name in ("gameArea", "epoch", "version"):
        if name in held:
            condition.append(f"#{name} = :{name}")
            values[f":{name}"] = held[name]
        else:
            condition.append(f"attribute_not_exists(#{name})")
    return {
        "ConditionExpression": " AND ".join(condition),
        "ExpressionAttributeNames": {f"#{name}": name for name in ("gameArea", "epoch", "version")},
    } | ({"ExpressionAttributeValues": values} if values else {})


def _item(board: PublishedBoard) -> Item:
    values = board.model_dump(by_alias=True, exclude={"entries", "outbox"})
    values["entries"] = _entries.dump_json(board.entries, by_alias=True).decode()
    # A map's keys are texts.
    values["outbox"] = {str(version): frame for version, frame in board.outbox.items()}
    return to_item(values)
