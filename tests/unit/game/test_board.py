"""Boards, and the least changes between two states of one."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import Change, Entry, RemoveEntry, SetEntry, apply, diff, ranked
from game.scoring import Order
from tests.unit.game.strategies import ORDERS, TIEBREAKS, boards


def entry(rank: int, user_id: str, points: int, achieved_at: int = 0) -> Entry:
    return Entry(rank=rank, user_id=user_id, name="Ada", avatar=None, points=points, achieved_at=achieved_at)


def same(one: Sequence[Entry], other: Sequence[Entry]) -> bool:
    """Return whether clients would see the same: in Python, true equals 1."""
    return [entry.model_dump_json() for entry in one] == [entry.model_dump_json() for entry in other]


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_applying_a_diff_gives_the_new_board(
    order: Order, tiebreak: Order | None, data: st.DataObject
) -> None:
    old, new = data.draw(boards(order, tiebreak)), data.draw(boards(order, tiebreak))
    assert same(apply(order, old, diff(old, new), tiebreak), new)


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_diff_has_no_redundant_change(order: Order, tiebreak: Order | None, data: st.DataObject) -> None:
    old, new = data.draw(boards(order, tiebreak)), data.draw(boards(order, tiebreak))
    changes = diff(old, new)
    for index in range(len(changes)):
        assert same(apply(order, old, changes[:index] + changes[index + 1 :], tiebreak), new) is False
    named = [change.user_id for change in changes]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_changes_give_the_same_board_in_any_order(
    order: Order, tiebreak: Order | None, data: st.DataObject
) -> None:
    old, new = data.draw(boards(order, tiebreak)), data.draw(boards(order, tiebreak))
    shuffled: list[Change] = data.draw(st.permutations(diff(old, new)))
    assert same(apply(order, old, shuffled, tiebreak), new)


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_equal_boards_have_no_diff(order: Order, tiebreak: Order | None, data: st.DataObject) -> None:
    board = data.draw(boards(order, tiebreak))
    assert diff(board, board) == []


def test_player_whose_rank_alone_moved_is_not_named() -> None:
    old = (entry(1, "ada", 30), entry(2, "bo", 20))
    new = (entry(1, "cy", 40), entry(2, "ada", 30), entry(3, "bo", 20))
    assert diff(old, new) == [SetEntry(**entry(1, "cy", 40).model_dump())]


def test_removals_come_first() -> None:
    old, new = (entry(1, "ada", 30),), (entry(1, "bo", 20),)
    assert [change.op for change in diff(old, new)] == ["remove", "set"]


def test_removing_a_stranger_changes_nothing() -> None:
    board = (entry(1, "ada", 30),)
    assert apply("desc", board, [RemoveEntry(user_id="bo")]) == board


def test_new_name_or_avatar_is_a_change() -> None:
    old = (entry(1, "ada", 30),)
    for update in ({"name": "Grace"}, {"avatar": "portrait"}):
        new = (old[0].model_copy(update=update),)
        assert [change.user_id for change in diff(old, new)] == ["ada"]
        assert apply("desc", old, diff(old, new)) == new


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_ranks_count_from_one_without_gaps(order: Order, tiebreak: Order | None, data: st.DataObject) -> None:
    board = data.draw(boards(order, tiebreak))
    assert [one.rank for one in board] == list(range(1, len(board) + 1))
    assert ranked(order, reversed(board), tiebreak) == board


def test_descending_board_breaks_ties_by_time_then_by_greater_id() -> None:
    board = ranked("desc", [entry(9, "ada", 5, 2), entry(9, "bo", 5, 2), entry(9, "cy", 5, 1)])
    assert [one.user_id for one in board] == ["cy", "bo", "ada"]


def test_ascending_board_breaks_ties_by_time_then_by_lesser_id() -> None:
    board = ranked("asc", [entry(9, "ada", 5, 2), entry(9, "bo", 5, 2), entry(9, "cy", 5, 1)])
    assert [one.user_id for one in board] == ["cy", "ada", "bo"]


def test_equal_points_are_ranked_by_the_tiebreak_before_the_time() -> None:
    entries = [
        entry(9, "ada", 5, 3).model_copy(update={"tiebreak": 7}),
        entry(9, "bo", 5, 1).model_copy(update={"tiebreak": 2}),
        entry(9, "cy", 5, 2).model_copy(update={"tiebreak": 2}),
        entry(9, "dee", 5, 0),
    ]
    assert [one.user_id for one in ranked("desc", entries, "desc")] == ["ada", "bo", "cy", "dee"]
    assert [one.user_id for one in ranked("desc", entries, "asc")] == ["bo", "cy", "ada", "dee"]
    assert [one.user_id for one in ranked("asc", entries, "desc")] == ["ada", "bo", "cy", "dee"]


def test_entry_without_tiebreak_and_metadata_is_what_it_was() -> None:
    assert entry(1, "ada", 5, 2).model_dump_json(by_alias=True) == (
        '{"rank":1,"userId":"ada","name":"Ada","avatar":null,"score":5,"achievedAt":2}'
    )
