"""How many bytes the frames of a board are: real frames of typical entries, encoded as they are sent."""

from functools import cache

from game.board import Entry, Position
from game.catalogue import Board
from game.frames import FRAME_LIMIT
from realtime import protocol

NAME = "Whispering Ada"
"""A name of 14 characters: between the 3 and the 24 that a player may choose."""

POSITION = Position(epoch=1_763_812_800_000, version=12_345)
# As long as what Cognito and the portrait container give out.
_USER_ID = "87313b53-604d-4405-b676-{:012d}"
_AVATAR = "avatars/{}/0b9f3e61-6d1c-4a2e-9c55-0a6d3f7a2b11"


def diff_bytes(top: int, changes: int, portrait_share: float) -> float:
    """Return the bytes of the frame for a full board that this number of players entered, and as many left.

    `portrait_share` is the share of players with a portrait. The frame is the snapshot where that is smaller.
    """
    return _mixed(portrait_share, _diff(top, min(changes, top), False), _diff(top, min(changes, top), True))


def snapshot_bytes(top: int, portrait_share: float) -> float:
    """Return the bytes of a full board."""
    return _mixed(portrait_share, _snapshot(top, False), _snapshot(top, True))


def board(top: int) -> Board:
    """Return a board that shows this number of entries."""
    return Board(id="whispering-forest", order="desc", top=top)


@cache
def pong_bytes() -> int:
    """Return the bytes of the answer to a ping."""
    return len(protocol.encode(protocol.Pong()).encode())


def metered(size: float) -> int:
    """Return the messages that API Gateway counts for a frame: one per 32 KB of it, or part of them."""
    return max(1, -(-int(size) // FRAME_LIMIT))


def _mixed(portrait_share: float, without: int, with_portraits: int) -> float:
    return without + portrait_share * (with_portraits - without)


@cache
def _diff(top: int, changes: int, portraits: bool) -> int:
    old = _entries(top, 0, portraits)
    new = _entries(top, changes, portraits)
    frame = protocol.encode_change(board(top), POSITION, old, new)
    return len((frame or "").encode())


@cache
def _snapshot(top: int, portraits: bool) -> int:
    return len(protocol.encode_snapshot(board(top), POSITION, _entries(top, 0, portraits)).encode())


def _entries(top: int, newcomers: int, portraits: bool) -> tuple[Entry, ...]:
    entries = []
    for place in range(top):
        # Places from the first on are newcomers', whose ids no other board has.
        user_id = _USER_ID.format(place if place >= newcomers else top + place)
        entries.append(
            Entry(
                rank=place + 1,
                user_id=user_id,
                name=NAME,
                avatar=_AVATAR.format(user_id) if portraits else None,
                points=987_654 - place,
                achieved_at=POSITION.epoch + place,
            )
        )
    return tuple(entries)
