"""A board's entries, and the least changes that turn one state of a board into another."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from game.model import Model
from game.scoring import POINTS_LIMIT, TIME_LIMIT, Order, encode


class Position(NamedTuple):
    """The place in a board's history: versions count up by one within an epoch (milliseconds)."""

    epoch: int
    version: int


NAME_BYTES = 96
"""The most bytes of UTF-8 in a display name, so that a board of such names stays in its frame.

In names that players choose, quotation marks and backslashes count twice: JSON escapes them.
"""


def _short(name: str) -> str:
    if (size := len(name.encode())) > NAME_BYTES:
        raise ValueError(f"must be at most {NAME_BYTES} bytes of UTF-8, not {size}")
    return name


# Nothing that a board shows is so large that its frames cannot be sent, whatever was written into a row.
Name = Annotated[str, AfterValidator(_short)]
UserId = Annotated[str, Field(min_length=1, max_length=128)]
Avatar = Annotated[str, Field(max_length=256)]
Points = Annotated[int, Field(gt=-POINTS_LIMIT, lt=POINTS_LIMIT)]
Milliseconds = Annotated[int, Field(ge=0, lt=TIME_LIMIT)]


class Entry(Model):
    """One player on a board. Ranks count from 1, each for one player. In JSON the points are `score`."""

    rank: int
    user_id: UserId
    name: Name
    avatar: Avatar | None
    points: Points = Field(alias="score")
    achieved_at: Milliseconds


class SetEntry(Entry):
    """The player is on the board with exactly this entry."""

    op: Literal["set"] = "set"


class RemoveEntry(Model):
    """The player is no longer on the board."""

    op: Literal["remove"] = "remove"
    user_id: str


Change = Annotated[SetEntry | RemoveEntry, Field(discriminator="op")]


def ranked(order: Order, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries in the board's order, with the ranks that follow from it."""
    ordered = sorted(
        entries,
        key=lambda entry: encode(order, entry.points, entry.achieved_at, entry.user_id),
        reverse=order == "desc",
    )
    return tuple(
        entry if entry.rank == rank else entry.model_copy(update={"rank": rank})
        for rank, entry in enumerate(ordered, start=1)
    )


def diff(old: Sequence[Entry], new: Sequence[Entry]) -> list[Change]:
    """Return the least changes that turn one ranked board into another: `apply(order, old, diff(old, new)) ==
    new`.

    A player whose rank alone moved is not named: ranks follow from the order. Removals come first.
    """
    before = {entry.user_id: _content(entry) for entry in old}
    after = {entry.user_id for entry in new}
    removed = [RemoveEntry(user_id=entry.user_id) for entry in old if entry.user_id not in after]
    changed = [
        SetEntry.model_validate(entry.model_dump(by_alias=True))
        for entry in new
        if before.get(entry.user_id) != _content(entry)
    ]
    return [*removed, *changed]


def apply(order: Order, entries: Sequence[Entry], changes: Iterable[Change]) -> tuple[Entry, ...]:
    """Return the ranked board after the changes."""
    board = {entry.user_id: entry for entry in entries}
    for change in changes:
        if isinstance(change, RemoveEntry):
            board.pop(change.user_id, None)
        else:
            board[change.user_id] = Entry.model_validate(change.model_dump(by_alias=True, exclude={"op"}))
    return ranked(order, board.values())


def _content(entry: Entry) -> tuple[Any, ...]:
    return entry.name, entry.avatar, entry.points, entry.achieved_at
