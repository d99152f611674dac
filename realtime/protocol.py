"""The frames of the WebSocket: JSON text, one model each."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from game.board import Change, Entry, Position, diff
from game.catalogue import Board
from game.live import BOARDS_LIMIT
from game.model import Model
from game.scoring import Order

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

    tiebreak: which tie-breaks are better, on a board that has one; left out on others.
    """

    type: Literal["snapshot"] = "snapshot"
    board: str
    epoch: int
    version: int
    size: int
    tiebreak: Order | None = Field(None, exclude_if=lambda order: order is None)
    entries: tuple[Entry, ...]


class Diff(Model):
    """The least changes that turn version `from` of a board into version `to`."""

    type: Literal["diff"] = "diff"
    board: str
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


def encode_change(board: Board, read: Position, old: Sequence[Entry], new: Sequence[Entry]) -> str | None:
    """Return the frame from the board as read to its next version; None when nothing changed.

    A diff, or the snapshot where that is smaller.
    """
    changes = diff(old, new)
    if not changes:
        return None
    frame = encode(
        Diff(board=board.id, epoch=read.epoch, from_=read.version, to=read.version + 1, changes=changes)
    )
    snapshot = encode_snapshot(board, Position(read.epoch, read.version + 1), new)
    return min(frame, snapshot, key=lambda text: len(text.encode()))


def encode_snapshot(board: Board, position: Position, entries: Sequence[Entry]) -> str:
    """Return a whole board as JSON text. The catalogue's bound on K keeps it within one frame."""
    return encode(
        Snapshot(
            board=board.id,
            size=board.top,
            tiebreak=board.tiebreak_order,
            entries=tuple(entries),
            **position._asdict(),
        )
    )


def explain(errors: Sequence[Mapping[str, Any]]) -> str:
    """Return pydantic's errors in a frame as a sentence that names the fields; at most 500 characters."""
    return "; ".join(
        ": ".join(filter(None, [".".join(map(str, error["loc"])), str(error["msg"])])) for error in errors
    )[:500]
