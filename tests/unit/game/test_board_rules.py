"""Which edits of the catalogue break rows that are there."""

import tomllib
from datetime import UTC, datetime

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
from game.seasons import Seasons
from tests.support.catalogues import edited

DESC = BoardRules(order="desc", min=0, max=100)
ASC = BoardRules(order="asc", min=10, max=100)
COINS = DESC.model_copy(update={"tiebreak": "asc"})
ADDED = DESC.model_copy(update={"keep": "sum"})
LATEST = DESC.model_copy(update={"keep": "latest"})
SUM = BoardRules(order="desc", areas=("desert", "forest"))
NOW = 1_768_000_000_000
"""In January 2026."""
WEEKLY = Seasons.model_validate({"start": datetime(2025, 1, 6, tzinfo=UTC), "every": "7d"})
WEEK = DESC.model_copy(update={"areas": ("forest",), "season": "weekly", "seasons": WEEKLY})


def broken(
    written: BoardRules | None,
    given: BoardRules,
    sample: Sample | None,
    scored: tuple[str, ...] = (),
    board: str = "forest",
) -> list[str]:
    """Return the keys of the catalogue that are refused."""
    return [one.key for one in breaks(board, written, given, sample, scored, NOW)]


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
        "gauntlet": BoardRules(order="desc", min=0, max=100_000),
        "cave": BoardRules(order="desc", min=0, max=5, keep="sum", shown=False),
        "cup": sprint.model_copy(update={"areas": ("sprint",)}),
        "global": SUM,
        "forest-week": BoardRules(
            order="desc",
            min=0,
            max=1_000_000,
            areas=("forest",),
            season="weekly",
            seasons=catalogue.seasons["weekly"],
        ),
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
    (order,) = breaks("forest", DESC, ASC, Sample("desc", 50), (), NOW)
    assert str(order) == 'board forest: its rows were written under "desc", and areas.forest.order is "asc"'
    (bound,) = breaks("forest", DESC, DESC.model_copy(update={"max": 40}), Sample("desc", 50), (), NOW)
    assert "max 100, one of them with 50 points, and areas.forest.max is 40" in str(bound)
    given = BoardRules(order="desc", areas=("desert",))
    (areas,) = breaks("global", SUM, given, Sample("desc", 50), ("forest",), NOW)
    assert str(areas) == (
        "board global: its rows were written under a sum over desert, forest,"
        " and boards.global.areas is desert, where forest has scores"
    )
    (tiebreak,) = breaks("forest", DESC, COINS, Sample("desc", 50), (), NOW)
    assert str(tiebreak) == (
        'board forest: its rows were written under the tie-break none, and areas.forest.tiebreak is "asc"'
    )
    (keep,) = breaks("forest", DESC, ADDED, Sample("desc", 50), (), NOW)
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
    assert is_judged_by_rows(written, given, NOW) or reach, "nothing that breaks a row goes without a look"


def rules_in(edit: str, rules: BoardRules = WEEK) -> BoardRules:
    """Return the rules with other seasons, which are called the same."""
    return rules.model_copy(update={"seasons": Seasons.model_validate(tomllib.loads(edit))})


@pytest.mark.parametrize(
    "edit",
    [
        'start = 2025-01-06T00:00:00Z\nevery = "8d"',
        'start = 2025-01-06T01:00:00Z\nevery = "7d"',
        'start = 2025-01-06T00:00:00Z\nevery = [{from = 1, every = "7d"}, {from = 40, every = "1mo"}]',
    ],
)
def test_past_boundary_that_would_move_is_refused_by_name(edit: str) -> None:
    given = rules_in(edit)
    assert is_judged_by_rows(WEEK, given, NOW)
    (found,) = breaks("forest-week", WEEK, given, Sample("desc", 5), (), NOW)
    assert (found.key, found.mend, found.misreads) == ("seasons.weekly", "drop", True)
    assert "which began at 2025-" in str(found)
    assert not [*breaks("forest-week", WEEK, given, None, (), NOW)], "a board without rows takes any edit"


@pytest.mark.parametrize(
    "edit",
    [
        'start = 2025-01-06T00:00:00Z\nevery = "7d"\ngrace = "1h"\nreview = "1h"\nkeep = 3',
        'start = 2025-01-06T00:00:00Z\nevery = "7d"\nkeep = 38',
        'start = 2025-01-06T00:00:00Z\nevery = [{from = 1, every = "7d"}, {from = 80, every = "1mo"}]',
    ],
)
def test_seasons_that_are_to_come_may_change(edit: str) -> None:
    given = rules_in(edit)
    assert not is_judged_by_rows(WEEK, given, NOW)
    assert broken(WEEK, given, Sample("desc", 5), board="forest-week") == []


def test_seasons_kept_for_longer_than_their_rows_are_refused() -> None:
    given = rules_in('start = 2025-01-06T00:00:00Z\nevery = "7d"\nkeep = 39')
    assert is_judged_by_rows(WEEK, given, NOW)
    assert broken(WEEK, given, Sample("desc", 5), board="week") == ["seasons.weekly.keep"]
    longer = rules_in(
        'start = 2025-01-06T00:00:00Z\nevery = [{from = 1, every = "7d"}, {from = 54, every = "1mo"}]'
    )
    assert broken(WEEK, longer, Sample("desc", 5), board="week") == ["seasons.weekly.keep"]


def test_seasons_cannot_come_go_or_be_replaced_under_rows() -> None:
    ever = DESC.model_copy(update={"areas": ("forest",)})
    for written, edit in ((WEEK, ever), (ever, WEEK)):
        assert is_judged_by_rows(written, edit, NOW)
        assert broken(written, edit, Sample("desc", 5), board="week") == ["boards.week.season"]
    renamed = WEEK.model_copy(update={"season": "seven-days"})
    assert broken(WEEK, renamed, Sample("desc", 5)) == [], "no row has the name in its key"
    sums = [SUM.model_copy(update={"season": name, "seasons": WEEKLY}) for name in ("weekly", "seven-days")]
    assert broken(sums[0], sums[1], Sample("desc", 5), board="week") == ["boards.week.season"]


def test_rules_with_seasons_can_be_stored() -> None:
    text = rules_in('start = 2025-01-06T00:00:00+01:00\nevery = [{from = 1, every = "1mo"}]\ngrace = "9m"')
    assert BoardRules.model_validate_json(text.model_dump_json(by_alias=True)) == text


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
