"""Which edits of the catalogue break rows that are there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board_rules import (
    UNREAD,
    BoardRules,
    Sample,
    breaks,
    changed_areas,
    dropped_with,
    is_judged_by_rows,
    rules_of,
)
from game.catalogue import load_catalogue
from game.scoring import Order
from tests.support.catalogues import edited

DESC = BoardRules(order="desc", min=0, max=100)
ASC = BoardRules(order="asc", min=10, max=100)
COINS = DESC.model_copy(update={"tiebreak": "asc"})
ADDED = DESC.model_copy(update={"keep": "sum"})
LATEST = DESC.model_copy(update={"keep": "latest"})
SUM = BoardRules(order="desc", areas=("desert", "forest"))


def broken(
    written: BoardRules | None,
    given: BoardRules,
    sample: Sample | None,
    scored: tuple[str, ...] = (),
    board: str = "forest",
) -> list[str]:
    """Return the keys of the catalogue that are refused."""
    return [one.key for one in breaks(board, written, given, sample, scored)]


def test_rules_are_those_of_every_area_and_board() -> None:
    catalogue = edited(
        load_catalogue(),
        areas={
            "cave": {"title": "C", "order": "desc", "min": 0, "max": 5, "keep": "sum"},
            "sprint": {"tiebreak": {"name": "falls", "order": "asc", "min": 0, "max": 9}},
        },
        boards={"cup": {"title": "Cup", "areas": ["sprint"], "top": 5}},
    )
    rules = rules_of(catalogue)
    sprint = BoardRules(order="asc", min=1, max=3_600_000, tiebreak="asc")
    assert rules == {
        "forest": BoardRules(order="desc", min=0, max=1_000_000),
        "desert": BoardRules(order="desc", min=0, max=1_000_000),
        "sprint": sprint,
        "cave": BoardRules(order="desc", min=0, max=5, keep="sum", shown=False),
        "cup": sprint.model_copy(update={"areas": ("sprint",)}),
        "global": SUM,
    }


@pytest.mark.parametrize(
    ("written", "changes", "best", "keys"),
    [
        (DESC, {"order": "asc"}, 50, ["areas.forest.order"]),
        (ASC, {"order": "desc"}, 50, ["areas.forest.order"]),
        (DESC, {"max": 49}, 50, ["areas.forest.max"]),
        (DESC, {"max": 50}, 50, []),
        (DESC, {"max": 1_000}, 50, []),
        (DESC, {"min": 60}, 50, []),
        (DESC, {"min": -5}, 50, []),
        (ASC, {"min": 51}, 50, ["areas.forest.min"]),
        (ASC, {"min": 50}, 50, []),
        (ASC, {"min": 1}, 50, []),
        (ASC, {"max": 40}, 50, []),
        (ASC, {"max": 1_000}, 50, []),
        (DESC, {"tiebreak": "desc"}, 50, ["areas.forest.tiebreak"]),
        (COINS, {"tiebreak": "desc"}, 50, ["areas.forest.tiebreak"]),
        (COINS, {"tiebreak": None}, 50, ["areas.forest.tiebreak"]),
        (COINS, {"tiebreak": None, "max": 49}, 50, ["areas.forest.tiebreak", "areas.forest.max"]),
        (DESC, {"keep": "sum"}, 50, ["areas.forest.keep"]),
        (DESC, {"keep": "latest"}, 50, []),
        (DESC, {"keep": "latest", "max": 49}, 50, []),
        (ADDED, {"keep": "best"}, 50, ["areas.forest.keep"]),
        (ADDED, {"keep": "latest"}, 50, ["areas.forest.keep"]),
        (ADDED, {"max": 49}, 50, []),
        (LATEST, {"keep": "best"}, 50, []),
        (LATEST, {"keep": "best", "max": 49}, 50, ["areas.forest.max"]),
        (LATEST, {"max": 49}, 50, []),
        (DESC, {"shown": False}, 50, []),
    ],
)
def test_edit_of_an_area_is_refused_where_it_breaks_a_row(
    written: BoardRules, changes: dict[str, object], best: int, keys: list[str]
) -> None:
    given = written.model_copy(update=changes)
    assert broken(written, given, Sample(written.order, best)) == keys
    assert broken(written, given, None) == [], "a board without rows takes any edit"


def test_row_that_cannot_be_read_is_a_row_of_the_old_order() -> None:
    assert broken(DESC, ASC, UNREAD) == ["areas.forest.order"]


@pytest.mark.parametrize(
    ("areas", "scored", "keys"),
    [
        (("desert",), ("forest",), ["boards.global.areas"]),
        (("desert", "forest", "cave"), ("cave",), ["boards.global.areas"]),
        (("cave", "desert"), ("cave", "forest"), ["boards.global.areas"]),
        (("desert", "forest", "cave"), (), []),
        (("desert",), (), []),
    ],
)
def test_sums_are_broken_by_areas_that_have_rows(
    areas: tuple[str, ...], scored: tuple[str, ...], keys: list[str]
) -> None:
    given = BoardRules(order="desc", areas=areas)
    assert changed_areas(SUM, given) >= set(scored)
    assert broken(SUM, given, Sample("desc", 9), scored, "global") == keys
    assert broken(SUM, given, None, scored, "global") == []


@pytest.mark.parametrize(
    ("given", "sample", "keys"),
    [
        (DESC, Sample("desc", 100), []),
        (DESC, Sample("asc", 5), ["areas.forest.order"]),
        (DESC, Sample("desc", 101), ["areas.forest.max"]),
        (DESC, UNREAD, []),
        (DESC, Sample("desc", 5, ("asc",)), ["areas.forest.tiebreak"]),
        (COINS, Sample("desc", 5), ["areas.forest.tiebreak"]),
        (COINS, Sample("desc", 5, ("desc",)), ["areas.forest.tiebreak"]),
        (COINS, Sample("desc", 5, ("desc", "asc")), []),
        (COINS, UNREAD, []),
    ],
)
def test_rows_whose_rules_were_lost_tell_themselves(
    given: BoardRules, sample: Sample, keys: list[str]
) -> None:
    assert broken(None, given, sample) == keys


def test_message_names_board_rule_and_both_values() -> None:
    (order,) = breaks("forest", DESC, ASC, Sample("desc", 50), ())
    assert str(order) == 'board forest: its rows were written under "desc", and areas.forest.order is "asc"'
    (bound,) = breaks("forest", DESC, DESC.model_copy(update={"max": 40}), Sample("desc", 50), ())
    assert "max 100, one of them with 50 points, and areas.forest.max is 40" in str(bound)
    given = BoardRules(order="desc", areas=("desert",))
    (areas,) = breaks("global", SUM, given, Sample("desc", 50), ("forest",))
    assert str(areas) == (
        "board global: its rows were written under a sum over desert, forest,"
        " and boards.global.areas is desert, where forest has scores"
    )
    (tiebreak,) = breaks("forest", DESC, COINS, Sample("desc", 50), ())
    assert str(tiebreak) == (
        'board forest: its rows were written under the tie-break none, and areas.forest.tiebreak is "asc"'
    )
    (keep,) = breaks("forest", DESC, ADDED, Sample("desc", 50), ())
    assert str(keep) == 'board forest: its rows were written under "best", and areas.forest.keep is "sum"'
    found = (order, bound, areas, tiebreak, keep)
    assert [one.misreads for one in found] == [True, False, True, True, True]
    assert [one.mend for one in found] == ["drop", "drop", "drop", "rekey", "drop"]


@given(
    order=st.sampled_from(["desc", "asc"]),
    bounds=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    points=st.lists(st.integers(-9, 9), min_size=1),
)
def test_bounds_are_accepted_exactly_where_every_row_can_be_equalled(
    order: Order, bounds: tuple[int, int], points: list[int]
) -> None:
    written = BoardRules(order=order, min=-9, max=9)
    given = BoardRules(order=order, min=bounds[0], max=bounds[1])
    best = max(points) if order == "desc" else min(points)
    reach = best <= bounds[1] if order == "desc" else best >= bounds[0]
    assert (broken(written, given, Sample(order, best)) == []) is reach
    assert is_judged_by_rows(written, given) or reach, "nothing that breaks a row goes without a look"


def test_sums_over_a_board_go_with_it_and_before_it() -> None:
    written, given = {"forest": DESC, "global": SUM}, {"forest": ASC, "global": SUM}
    assert dropped_with("forest", written, given) == ["global", "forest"]
    assert dropped_with("forest", written, {}) == ["global", "forest"], "it was in the sums"
    assert dropped_with("global", written, given) == ["global"]
    assert dropped_with("sprint", written, given) == ["sprint"]
    cup = {"sprint": ASC, "cup": ASC.model_copy(update={"areas": ("sprint",)})}
    assert dropped_with("sprint", cup, {}) == ["cup", "sprint"], "it has the same runs"


def test_board_over_one_area_names_the_rules_of_that_area() -> None:
    cup = ASC.model_copy(update={"areas": ("sprint",)})
    given = DESC.model_copy(update={"areas": ("sprint",)})
    assert broken(cup, given, Sample("asc", 50), board="cup") == ["areas.sprint.order"]
