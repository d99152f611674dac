"""Sort keys."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.scoring import (
    POINTS_LIMIT,
    TIME_LIMIT,
    Order,
    SortKey,
    SortKeyError,
    behind,
    better,
    decode,
    encode,
    is_owned_by,
    order_of,
    points_of,
    tiebreak_orders,
)
from tests.unit.game.strategies import ORDERS, points, times, user_ids

TIEBREAK_ORDERS: list[Order | None] = [None, *ORDERS]


def keys(tiebreak_order: Order | None) -> st.SearchStrategy[SortKey]:
    """Return what keys of a board with or without a tie-break may tell."""
    return st.builds(SortKey, points, times, user_ids, points if tiebreak_order else st.none())


def ranks_above(order: Order, tiebreak_order: Order | None, one: SortKey, other: SortKey) -> bool:
    """Return the board's order in words: points, tie-break, then who was first, then the user id."""
    if one.points != other.points:
        return one.points > other.points if order == "desc" else one.points < other.points
    if one.tiebreak is not None and other.tiebreak is not None and one.tiebreak != other.tiebreak:
        return (one.tiebreak > other.tiebreak) == (tiebreak_order == "desc")
    if one.achieved_at != other.achieved_at:
        return one.achieved_at < other.achieved_at
    return one.user_id > other.user_id if order == "desc" else one.user_id < other.user_id


@pytest.mark.parametrize("tiebreak_order", TIEBREAK_ORDERS)
@pytest.mark.parametrize("order", ORDERS)
@given(data=st.data())
def test_keys_sort_in_the_documented_order(
    order: Order, tiebreak_order: Order | None, data: st.DataObject
) -> None:
    one, other = data.draw(keys(tiebreak_order)), data.draw(keys(tiebreak_order))
    first, second = (encode(order, *key, tiebreak_order) for key in (one, other))
    assert (first > second if order == "desc" else first < second) == ranks_above(
        order, tiebreak_order, one, other
    )
    assert (first == second) == (one == other)


@pytest.mark.parametrize("tiebreak_order", TIEBREAK_ORDERS)
@pytest.mark.parametrize("order", ORDERS)
@given(data=st.data())
def test_decode_gives_back_what_was_encoded(
    order: Order, tiebreak_order: Order | None, data: st.DataObject
) -> None:
    key = data.draw(keys(tiebreak_order))
    text = encode(order, *key, tiebreak_order)
    assert decode(order, text, tiebreak_order) == key
    assert is_owned_by(text, key.user_id)
    assert not is_owned_by(text, key.user_id + "x")
    assert points_of(text) == key.points
    assert order_of(text, key.achieved_at) == order
    expected = () if tiebreak_order is None else (tiebreak_order,) if key.tiebreak else ("desc", "asc")
    assert tiebreak_orders(order, text, key.tiebreak or 0) == expected
    with pytest.raises(SortKeyError):
        decode(order, text, None if tiebreak_order else "desc")


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak_order=st.sampled_from(TIEBREAK_ORDERS), data=st.data())
def test_place_behind_equal_ones_is_before_worse_ones(
    order: Order, tiebreak_order: Order | None, data: st.DataObject
) -> None:
    one, other = data.draw(keys(tiebreak_order)), data.draw(keys(tiebreak_order))
    place = behind(order, one.points, one.tiebreak, tiebreak_order)
    text = encode(order, *other, tiebreak_order)
    run = other._replace(achieved_at=one.achieved_at, user_id=one.user_id)
    worse = ranks_above(order, tiebreak_order, one, run)
    assert (text < place if order == "desc" else text > place) is worse


def test_key_is_the_documented_text() -> None:
    key = encode("desc", 12345, 1_763_812_800_000, "87313b53-604d-4405-b676-4eb8a21c5969")
    assert key == "1000000000012345#998236187199999#87313b53-604d-4405-b676-4eb8a21c5969"


def test_key_with_a_tiebreak_is_the_documented_text() -> None:
    parts = (12345, 1_763_812_800_000, "87313b53-604d-4405-b676-4eb8a21c5969", 7)
    assert encode("desc", *parts, "desc") == (
        "1000000000012345#1000000000000007#998236187199999#87313b53-604d-4405-b676-4eb8a21c5969"
    )
    assert encode("desc", *parts, "asc").split("#")[1] == "0999999999999993"


@pytest.mark.parametrize("tiebreak_order", TIEBREAK_ORDERS)
@pytest.mark.parametrize("order", ORDERS)
@given(text=st.text(st.sampled_from("0123456789#-a٣²"), max_size=40))
def test_decode_refuses_or_reads_back_the_very_text(
    order: Order, tiebreak_order: Order | None, text: str
) -> None:
    try:
        key = decode(order, text, tiebreak_order)
    except SortKeyError:
        return
    assert encode(order, *key, tiebreak_order) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#",
        "##",
        "12345",
        "1000000000012345#998236187199999#",
        "1000000000012345#998236187199999",
        "1000000000012345#98236187199999#player",
        "2000000000000000#998236187199999#player",
        "0000000000000000#998236187199999#player",
        "-000000000012345#998236187199999#player",
        "1000000000012345#-98236187199999#player",
        " 000000000012345#998236187199999#player",
        "\u0661000000000012345#998236187199999#player",
        "1000000000012345#1998236187199999#player",
        "9" * 5000 + "#998236187199999#player",
    ],
)
def test_decode_refuses_what_encode_never_writes(text: str) -> None:
    with pytest.raises(SortKeyError):
        decode("desc", text)


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"points": POINTS_LIMIT}, "points"),
        ({"points": -POINTS_LIMIT}, "points"),
        ({"achieved_at": -1}, "achieved_at"),
        ({"achieved_at": TIME_LIMIT}, "achieved_at"),
        ({"user_id": ""}, "user_id"),
        ({"tiebreak": 1}, "tiebreak"),
        ({"tiebreak_order": "desc"}, "tiebreak"),
        ({"tiebreak": POINTS_LIMIT, "tiebreak_order": "desc"}, "tiebreak"),
        ({"tiebreak": -POINTS_LIMIT, "tiebreak_order": "asc"}, "tiebreak"),
    ],
)
def test_encode_refuses_a_part_that_would_sort_wrongly(part: dict[str, Any], named: str) -> None:
    arguments: dict[str, Any] = {"points": 1, "achieved_at": 1, "user_id": "ada"} | part
    with pytest.raises(SortKeyError, match=named):
        encode("desc", **arguments)


@pytest.mark.parametrize(
    ("order", "points", "best", "expected"),
    [
        ("desc", 2, 1, True),
        ("desc", 1, 1, False),
        ("desc", 0, 1, False),
        ("asc", 2, 1, False),
        ("asc", 1, 1, False),
        ("asc", 0, 1, True),
    ],
)
def test_only_strictly_better_points_beat_a_best(
    order: Order, points: int, best: int, expected: bool
) -> None:
    assert better(order, points, best) is expected
