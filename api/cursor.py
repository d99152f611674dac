"""Cursors: where the next page of a board starts, as a text that clients hand back unread.

A cursor is the last entry's rank and sort key with a checksum over both and the board. The checksum is
against mistakes (a cut copy, another board's cursor), not against forgers: all that a cursor can reach is
public anyway.
"""

import base64
import hashlib
from typing import NamedTuple

from game.catalogue import Board

_CHECKSUM_CHARACTERS = 12


class CursorError(ValueError):
    """The text is not a cursor of this board."""


class Cursor(NamedTuple):
    """The entry behind which the next page starts: its rank when it was read, and its sort key."""

    rank: int
    sort_key: str


def pack(content: str) -> str:
    """Return what a cursor says as URL-safe text."""
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def unpack(text: str) -> str:
    """Return what a cursor says. Raises ValueError for another text."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()


def encode_cursor(board: Board, cursor: Cursor) -> str:
    """Return the cursor as URL-safe text."""
    content = f"{cursor.rank}|{cursor.sort_key}"
    return pack(f"{_checksum(board, content)}|{content}")


def decode_cursor(board: Board, text: str) -> Cursor:
    """Return the cursor behind a text. Raises CursorError unless `encode_cursor` wrote it for this board."""
    try:
        checksum, _, content = unpack(text).partition("|")
        rank, _, sort_key = content.partition("|")
        cursor = Cursor(int(rank), sort_key)
        board.read_key(sort_key)
    except ValueError as error:
        raise CursorError("not a cursor of this board") from error
    if cursor.rank < 1 or encode_cursor(board, cursor) != text or checksum != _checksum(board, content):
        raise CursorError("not a cursor of this board")
    return cursor


def _checksum(board: Board, content: str) -> str:
    return hashlib.sha256(f"{board.key}|{content}".encode()).hexdigest()[:_CHECKSUM_CHARACTERS]
