"""The frames of the WebSocket: JSON text, one model each."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from game.board import Change, Entry, Position, diff
from game.catalogue import Board
from game.live import BOARDS_LIMIT
from game.model import Model, is_absent
from game.scoring import Order
from game.seasons import Moment

Boards = Annotated[list[str], Field(min_length=1, max_length=BOARDS_LIMIT)]


class Version(Model):
    """The version of a board that a client says it holds."""

    epoch: int
    version: int

    @property
    def position(self) -> Position:
        """The same as a comparable pair."""
        return Position(self.epoch, self.version)


Versions = Annotated[dict[str, Version], Field(max_length=BOARDS_LIMIT)]


class Subscribe(Model):
    """Follow boards; `versions` says what is held of them already."""

    action: Literal["subscribe"]
    boards: Boards
    versions: Versions = Field(default_factory=dict)


class Unsubscribe(Model):
    """Follow boards no longer."""

    action: Literal["unsubscribe"]
    boards: Boards


class Ping(Model):
    """Keep the connection open, and check that the boards named have not moved on unseen."""

    action: Literal["ping"]
    versions: Versions = Field(default_factory=dict)


def _finite(message: dict[str, JsonValue]) -> dict[str, JsonValue]:
    # pydantic reads NaN and infinities, which are no JSON, and would write them as null.
    json.dumps(message, allow_nan=False)
    return message


class Broadcast(Model):
    """Push a message to everyone on a channel: `all`, a board's id, or `user#<userId>`."""

    action: Literal["broadcast"]
    channel: Annotated[str, Field(min_length=1, max_length=256)]
    message: Annotated[dict[str, JsonValue], AfterValidator(_finite)]


class Snapshot(Model):
    """A whole board. `size` is K, the most entries that the board shows.

    tiebreak: which tie-breaks are better, on a board that has one; left out on others. The rest is left out
    where the board has no season. season: its number. startsAt, endsAt: the season's, in milliseconds since
    the epoch, as is now: the server's clock when the frame was made. spread: the seconds within which clients
    that have a reason to ask at the same time should ask.
    """

    type: Literal["snapshot"] = "snapshot"
    board: str
    epoch: int
    version: int
    size: int
    tiebreak: Order | None = Field(None, exclude_if=is_absent)
    season: int | None = Field(None, exclude_if=is_absent)
    starts_at: int | None = Field(None, exclude_if=is_absent)
    ends_at: int | None = Field(None, exclude_if=is_absent)
    now: int | None = Field(None, exclude_if=is_absent)
    spread: int | None = Field(None, exclude_if=is_absent)
    entries: tuple[Entry, ...]


class Diff(Model):
    """The least changes that turn version `from` of a board into version `to`.

    season: left out where the board has none.
    """

    type: Literal["diff"] = "diff"
    board: str
    season: int | None = Field(None, exclude_if=is_absent)
    epoch: int
    from_: int = Field(alias="from")
    to: int
    changes: list[Change]


class Current(Model):
    """The client already holds the board as it is."""

    type: Literal["current"] = "current"
    board: str
    epoch: int
    version: int


class Unsubscribed(Model):
    """The boards are no longer followed."""

    type: Literal["unsubscribed"] = "unsubscribed"
    boards: list[str]


class Pong(Model):
    """The answer to a ping."""

    type: Literal["pong"] = "pong"


class Announcement(Model):
    """A message that an admin sent to a channel."""

    type: Literal["announcement"] = "announcement"
    channel: str
    message: dict[str, JsonValue]


class Broadcasted(Model):
    """The numbers of connections that took an announcement, and that could not be reached."""

    type: Literal["broadcasted"] = "broadcasted"
    delivered: int
    failed: int


class Avatar(Model):
    """A portrait is finished (`avatar`, and whether a `face` was found), or not (`error`, `message`)."""

    type: Literal["avatar"] = "avatar"
    key: str
    avatar: str | None = None
    face: bool | None = None
    error: str | None = None
    message: str | None = None


class ErrorFrame(Model):
    """The error in a client's frame; the connection stays open."""

    type: Literal["error"] = "error"
    code: str
    message: str


ClientFrame = Subscribe | Unsubscribe | Ping | Broadcast
ServerFrame = (
    Snapshot | Diff | Current | Unsubscribed | Pong | Announcement | Broadcasted | Avatar | ErrorFrame
)


def encode(frame: ServerFrame) -> str:
    """Return a frame as JSON text."""
    # An entry without a portrait says so; an avatar frame says what there is.
    return frame.model_dump_json(by_alias=True, exclude_none=isinstance(frame, Avatar))


def encode_change(
    board: Board, read: Position, old: Sequence[Entry], new: Sequence[Entry], moment: Moment | None = None
) -> str | None:
    """Return the frame from the board as read to its next version; None when nothing changed.

    A diff, or the snapshot where that is smaller, and where a season begins: from version 0. A diff does not
    say when its season ends, and then every subscriber would have to ask.
    """
    changes = diff(old, new)
    if not changes:
        return None
    snapshot = encode_snapshot(board, Position(read.epoch, read.version + 1), new, moment)
    if board.season is not None and read.version == 0:
        return snapshot
    frame = encode(
        Diff(
            board=board.id,
            season=board.season,
            epoch=read.epoch,
            from_=read.version,
            to=read.version + 1,
            changes=changes,
        )
    )
    return min(frame, snapshot, key=lambda text: len(text.encode()))


def encode_snapshot(
    board: Board, position: Position, entries: Sequence[Entry], moment: Moment | None = None
) -> str:
    """Return a whole board as JSON text. The catalogue's bound on K keeps it within one frame.

    moment: for a board that has seasons.
    """
    snapshot = Snapshot(
        board=board.id,
        size=board.top,
        tiebreak=board.tiebreak_order,
        entries=tuple(entries),
        **position._asdict(),
    )
    if board.seasons is not None and board.season is not None:
        times = {
            "season": board.season,
            "starts_at": board.seasons.starts_at(board.season),
            "ends_at": board.seasons.ends_at(board.season),
        }
        snapshot = snapshot.model_copy(update=times | (moment._asdict() if moment else {}))
    return encode(snapshot)


def explain(errors: Sequence[Mapping[str, Any]]) -> str:
    """Return pydantic's errors in a frame as a sentence that names the fields; at most 500 characters."""
    return "; ".join(
        ": ".join(filter(None, [".".join(map(str, error["loc"])), str(error["msg"])])) for error in errors
    )[:500]
