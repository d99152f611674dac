"""A board's entries, and the least changes that turn one state of a board into another."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue

from game.metadata import to_text
from game.model import Model, is_absent
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
Seconds = Annotated[int, Field(ge=0, le=TIME_LIMIT // 1000)]


class Entry(Model):
    """One player on a board. Ranks count from 1, each for one player. In JSON the points are `score`.

    tiebreak, metadata: those of the run, where its area has them; left out where it has none.
    """

    rank: int
    user_id: UserId
    name: Name
    avatar: Avatar | None
    points: Points = Field(alias="score")
    achieved_at: Milliseconds
    tiebreak: Points | None = Field(None, exclude_if=is_absent)
    metadata: JsonValue = Field(None, exclude_if=is_absent)


class SetEntry(Entry):
    """The player is on the board with exactly this entry."""

    op: Literal["set"] = "set"


class RemoveEntry(Model):
    """The player is no longer on the board."""

    op: Literal["remove"] = "remove"
    user_id: str


Change = Annotated[SetEntry | RemoveEntry, Field(discriminator="op")]


_AVATAR_LENGTH = len(f"avatars/{UUID(int=0)}/{UUID(int=0)}-128.webp")


@cache
def largest_entry(*, tiebreak: bool, metadata_bytes: int) -> int:
    """Return the most bytes that an entry has in a snapshot, with the comma behind it.

    tiebreak, metadata_bytes: whether there may be a tie-break, and how long the metadata may be.
    """
    entry = Entry(
        rank=999,
        user_id=str(UUID(int=0)),
        name="n" * NAME_BYTES,
        avatar="a" * _AVATAR_LENGTH,
        points=1 - POINTS_LIMIT,
        achieved_at=TIME_LIMIT - 1,
        tiebreak=1 - POINTS_LIMIT if tiebreak else None,
        metadata=0 if metadata_bytes else None,
    )
    return len(entry.model_dump_json(by_alias=True)) + max(0, metadata_bytes - len("0")) + len(",")


def ranked(order: Order, entries: Iterable[Entry], tiebreak_order: Order | None = None) -> tuple[Entry, ...]:
    """Return the entries in the board's order, with the ranks that follow from it.

    tiebreak_order: which tie-breaks are better, on a board that has one; others have none to look at.
    """

    def key(entry: Entry) -> str:
        tiebreak = None
        if tiebreak_order is not None:
            # An entry without one loses against every other.
            worst = 1 - POINTS_LIMIT if tiebreak_order == "desc" else POINTS_LIMIT - 1
            tiebreak = worst if entry.tiebreak is None else entry.tiebreak
        return encode(order, entry.points, entry.achieved_at, entry.user_id, tiebreak, tiebreak_order)

    ordered = sorted(entries, key=key, reverse=order == "desc")
    return tuple(
        entry if entry.rank == rank else entry.model_copy(update={"rank": rank})
        for rank, entry in enumerate(ordered, start=1)
    )


def diff(old: Sequence[Entry], new: Sequence[Entry]) -> list[Change]:
    """Return the least changes that turn one ranked board into another: `apply(order, old, diff(old, new),
    tiebreak_order) == new`.

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


def apply(
    order: Order, entries: Sequence[Entry], changes: Iterable[Change], tiebreak_order: Order | None = None
) -> tuple[Entry, ...]:
    """Return the ranked board after the changes. See `ranked`."""
    board = {entry.user_id: entry for entry in entries}
    for change in changes:
        if isinstance(change, RemoveEntry):
            board.pop(change.user_id, None)
        else:
            board[change.user_id] = Entry.model_validate(change.model_dump(by_alias=True, exclude={"op"}))
    return ranked(order, board.values(), tiebreak_order)


def _content(entry: Entry) -> tuple[Any, ...]:
    # As texts, for in Python true equals 1.
    metadata = None if entry.metadata is None else to_text(entry.metadata)
    return entry.name, entry.avatar, entry.points, entry.achieved_at, entry.tiebreak, metadata
