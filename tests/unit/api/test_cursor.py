"""Cursors."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursor import Cursor, CursorError, decode_cursor, encode_cursor
from game.catalogue import Board
from game.scoring import Order, encode
from tests.unit.game.strategies import ORDERS, points, times, user_ids

FOREST = Board(id="forest", order="desc", top=10)
CURSOR = Cursor(20, encode("desc", 12345, 1_763_812_800_000, "87313b53-604d-4405-b676-4eb8a21c5969"))
TEXT = encode_cursor(FOREST, CURSOR)


@pytest.mark.parametrize("order", ORDERS)
@given(rank=st.integers(1, 10**9), points=points, time=times, user_id=user_ids)
def test_decode_gives_back_what_was_encoded(
    order: Order, rank: int, points: int, time: int, user_id: str
) -> None:
    board = Board(id="forest", order=order, top=10)
    cursor = Cursor(rank, encode(order, points, time, user_id))
    assert decode_cursor(board, encode_cursor(board, cursor)) == cursor


def test_cursor_needs_no_escaping_in_a_query_string() -> None:
    assert TEXT.replace("-", "").replace("_", "").isalnum()
    assert TEXT.isascii()


def test_cursor_of_another_board_is_refused() -> None:
    with pytest.raises(CursorError):
        decode_cursor(Board(id="desert", order="desc", top=10), TEXT)


@pytest.mark.parametrize("length", range(len(TEXT)))
def test_cut_cursor_is_refused(length: int) -> None:
    with pytest.raises(CursorError):
        decode_cursor(FOREST, TEXT[:length])


@given(index=st.integers(0, len(TEXT) - 1), character=st.characters())
def test_changed_cursor_is_refused(index: int, character: str) -> None:
    changed = TEXT[:index] + character + TEXT[index + 1 :]
    if changed != TEXT:
        with pytest.raises(CursorError):
            decode_cursor(FOREST, changed)


@given(st.text())
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        decode_cursor(FOREST, text)


@given(st.binary())
def test_cursor_with_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(CursorError):
        decode_cursor(FOREST, base64.urlsafe_b64encode(content).decode().rstrip("="))


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(0, CURSOR.sort_key),
        Cursor(-1, CURSOR.sort_key),
        Cursor(1, ""),
        Cursor(1, "x"),
        Cursor(1, "9" * 5000 + "#1#x"),
    ],
)
def test_cursor_with_a_good_checksum_but_a_bad_content_is_refused(cursor: Cursor) -> None:
    with pytest.raises(CursorError):
        decode_cursor(FOREST, encode_cursor(FOREST, cursor))


def test_padded_cursor_is_refused() -> None:
    with pytest.raises(CursorError):
        decode_cursor(FOREST, TEXT + "=")
