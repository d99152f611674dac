"""The designer's file: what loads, and how a mistake in it is named."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from game.board import NAME_BYTES, Entry, Position
from game.catalogue import (
    AREAS_LIMIT,
    BOARDS_LIMIT,
    FED_LIMIT,
    TOP_LIMIT,
    Area,
    Board,
    Catalogue,
    CatalogueError,
    Tiebreak,
    load_catalogue,
)
from game.frames import FRAME_LIMIT, fits
from game.metadata import METADATA_DEPTH, METADATA_LIMIT
from game.names import NAME_MAX, clean_name
from game.prizes import Prize, Tier, prize_of
from game.scoring import POINTS_LIMIT, TIME_LIMIT
from realtime.protocol import encode_change, encode_snapshot

FOREST = '[areas.forest]\ntitle = "F"\norder = "desc"\nmin = 0\nmax = 10\ntop = 5\n'
SPRINT = FOREST.replace("forest", "sprint").replace("desc", "asc")
LEVELS = '[series.level]\ncount = 3\ntitle = "Level {n}"\norder = "desc"\nmin = 0\nmax = 7\n'
TOTAL = '[boards.total]\ntitle = "All"\nareas = ["forest", "level-2"]\ntop = 10\n'
GOOD = FOREST + SPRINT + LEVELS + TOTAL


def good(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(text, encoding="utf-8")
    return load_catalogue(path)


def load(tmp_path: Path, text: str | bytes) -> CatalogueError:
    path = tmp_path / "catalogue.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    assert str(path) in str(caught.value)
    return caught.value


def test_catalogue_that_comes_with_podium_loads() -> None:
    catalogue = load_catalogue()
    assert {"forest", "desert", "sprint"} <= set(catalogue.areas)
    forest, sprint = catalogue.areas["forest"], catalogue.areas["sprint"]
    assert (forest.min, forest.max, forest.order) == (0, 1_000_000, "desc")
    assert sprint.order == "asc"
    assert set(catalogue.boards) == {*catalogue.areas, "global", "forest-week"}
    week = catalogue.boards["forest-week"]
    assert week.seasons == catalogue.seasons["weekly"]
    assert prize_of(week.prizes, 1, 1) == Prize(money=500, items={"camel": 1})
    assert prize_of(week.prizes, 2, 11) == Prize(money=20)
    assert catalogue.boards["global"].areas == ("forest", "desert")


def test_boards_carry_order_size_and_areas(tmp_path: Path) -> None:
    assert good(tmp_path, GOOD).boards == {
        "forest": Board(id="forest", title="F", order="desc", top=5, areas=("forest",)),
        "sprint": Board(id="sprint", title="F", order="asc", top=5, areas=("sprint",)),
        "total": Board(id="total", title="All", order="desc", top=10, areas=("forest", "level-2")),
    }


def test_series_is_as_many_areas_with_their_numbers_in_the_titles(tmp_path: Path) -> None:
    catalogue = good(tmp_path, GOOD)
    assert {name: area.title for name, area in catalogue.areas.items()} == {
        "forest": "F",
        "sprint": "F",
        "level-1": "Level 1",
        "level-2": "Level 2",
        "level-3": "Level 3",
    }
    single = LEVELS.replace("series.level", "areas.level-2").replace("count = 3\n", "")
    alone = good(tmp_path, FOREST + single.replace("{n}", "2"))
    assert catalogue.areas["level-2"] == alone.areas["level-2"]


def test_board_over_one_area_takes_what_its_area_has(tmp_path: Path) -> None:
    extra = 'tiebreak = { name = "coins", order = "asc", min = 0, max = 9 }\nmetadata = 64\n'
    week = '[boards.week]\ntitle = "W"\nareas = ["sprint"]\ntop = 4\n'
    boards = good(tmp_path, FOREST + SPRINT + extra + week).boards
    week_board = boards["week"]
    assert (week_board.order, week_board.top, week_board.metadata) == ("asc", 4, 64)
    assert week_board.tiebreak == Tiebreak(name="coins", order="asc", min=0, max=9)
    assert boards["sprint"].tiebreak == week_board.tiebreak
    assert boards["forest"].tiebreak is None


def test_sum_has_neither_tiebreak_nor_metadata(tmp_path: Path) -> None:
    extra = 'tiebreak = { name = "coins", order = "asc", min = 0, max = 9 }\nmetadata = 64\n'
    total = good(tmp_path, FOREST + extra + LEVELS + TOTAL).boards["total"]
    assert (total.tiebreak, total.metadata) == (None, 0)


def test_area_feeds_its_own_board_and_the_sums_over_it(tmp_path: Path) -> None:
    catalogue = good(tmp_path, GOOD)
    fed = {area: [board.id for board in catalogue.boards_of(area)] for area in (*catalogue.areas, "swamp")}
    assert fed == {
        "forest": ["forest", "total"],
        "sprint": ["sprint"],
        "level-1": [],
        "level-2": ["total"],
        "level-3": [],
        "swamp": [],
    }


@pytest.mark.parametrize(
    ("wrong", "right", "named"),
    [
        ("max = 10", "max = 0", "areas.forest"),
        ("max = 10", "max = 1e3", "areas.forest.max"),
        ("max = 10", 'max = "10"', "areas.forest.max"),
        ("max = 10", f"max = {POINTS_LIMIT}", "areas.forest.max"),
        ("max = 10", "max = true", "areas.forest.max"),
        ("min = 0", f"min = {-POINTS_LIMIT}", "areas.forest.min"),
        ("min = 0\n", "", "areas.forest.min"),
        ('order = "desc"', 'order = "up"', "areas.forest.order"),
        ('title = "F"', 'title = " "', "areas.forest.title"),
        ('title = "F"', f'title = "{"F" * 61}"', "areas.forest.title"),
        ("top = 5", "top = 0", "areas.forest.top"),
        ("top = 5", f"top = {TOP_LIMIT + 1}", "areas.forest.top"),
        ("top = 5", 'keep = "worst"', "areas.forest.keep"),
        ("top = 5", "metadata = -1", "areas.forest.metadata"),
        ("top = 5", f"metadata = {METADATA_LIMIT + 1}", "areas.forest.metadata"),
        ("top = 5", 'metadata = "256"', "areas.forest.metadata"),
        ("top = 5", "top = 100\nmetadata = 1", "areas.forest.top"),
        ("top = 5", "top = 9\nmetadata = 4096", "areas.forest.top"),
        ("top = 5", 'tiebreak = "coins"', "areas.forest.tiebreak"),
        ("top = 5", 'tiebreak = { name = "c", order = "asc", min = 0 }', "areas.forest.tiebreak.max"),
        (
            "top = 5",
            'tiebreak = { name = "", order = "asc", min = 0, max = 1 }',
            "areas.forest.tiebreak.name",
        ),
        (
            "top = 5",
            'tiebreak = { name = "c", order = "up", min = 0, max = 1 }',
            "areas.forest.tiebreak.order",
        ),
        ("top = 5", 'tiebreak = { name = "c", order = "asc", min = 1, max = 1 }', "areas.forest.tiebreak"),
        (
            "top = 5",
            'keep = "sum"\ntiebreak = { name = "c", order = "asc", min = 0, max = 1 }',
            "areas.forest",
        ),
        ("top = 5", "top = 5\ncolour = 1", "areas.forest.colour"),
        ("top = 5", 'top = 5\nseason = "weekly"', "areas.forest.season"),
        ("top = 5", "top = 5\n[areas.forest.laws]", "areas.forest.laws"),
        ("[areas.forest]", "[areas.all]", "areas.all"),
        ("[areas.forest]", '[areas."user#1"]', "areas.user#1"),
        ("[areas.forest]", "[areas.Forest]", "areas.Forest"),
        ("[areas.forest]", f"[areas.{'f' * 33}]", f"areas.{'f' * 33}"),
        ("[areas.forest]", '[areas."forest\\n"]', "areas.forest\n"),
        ("[areas.forest]", "[areas.level]", "series.level"),
        ("[areas.forest]", "[areas.level-2]", "series.level"),
        ("[areas.forest]", "[areas.total]", "boards.total"),
        ("[boards.total]", "[boards.level]", "boards.level"),
        ("[boards.total]", "[boards.level-3]", "boards.level-3"),
        ("[boards.total]", "[boards.forest]", "boards.forest"),
        ("[boards.total]", "[boards.all]", "boards.all"),
        ("count = 3", "count = 0", "series.level.count"),
        ("count = 3", "count = 2501", "series.level.count"),
        ("count = 3\n", "", "series.level.count"),
        ("count = 3", "count = 2499", "areas"),
        ("[series.level]", f"[series.{'l' * 31}]", f"series.{'l' * 31}"),
        ("Level {n}", "Level", "series.level"),
        ("Level {n}", "L" * 57 + "{n}", None),
        ('count = 3\ntitle = "Level {n}', 'count = 1234\ntitle = "' + "L" * 57 + "{n}", "series.level"),
        ("max = 7", "max = 0", "series.level"),
        ("max = 7", "max = 7\ntop = 101", "series.level.top"),
        ('"forest", "level-2"', '"forest", "level-4"', "boards.total.areas"),
        ('"forest", "level-2"', '"forest", "level"', "boards.total.areas"),
        ('"forest", "level-2"', '"forest", "forest"', "boards.total.areas"),
        ('"forest", "level-2"', '"forest", "sprint"', "boards.total.areas"),
        ('"forest", "level-2"', "", "boards.total.areas"),
        ("top = 10", "top = 0", "boards.total.top"),
        ("top = 10", 'top = 10\norder = "asc"', "boards.total.order"),
        ("top = 10", 'top = 10\nseason = "weekly"', "boards.total.season"),
        ('title = "All"\n', "", "boards.total.title"),
        (GOOD, "areas = 1\n", "areas"),
        (GOOD, "[areas]\n", "areas"),
        (GOOD, FOREST.replace("top = 5\n", ""), "boards"),
        (TOTAL, "[weather]\n", "weather"),
        (TOTAL, "[leagues.gold]\n", "leagues"),
        (TOTAL, "[own_areas]\n", "own_areas"),
    ],
)
def test_mistake_is_named_by_its_key(tmp_path: Path, wrong: str, right: str, named: str | None) -> None:
    assert wrong in GOOD
    text = GOOD.replace(wrong, right, 1)
    if named is None:
        good(tmp_path, text)
    else:
        assert f" {named}: " in str(load(tmp_path, text))


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    message = str(load(tmp_path, GOOD.replace("top = 5", "top = 0").replace("top = 10", "top = 0")))
    assert "boards.total.top: " in message
    assert "areas.forest.top: " in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            GOOD.replace("top = 5", "counts = true"),
            "areas.forest.counts: .*name the area in `areas` of the board",
        ),
        (FOREST + '[global]\ntitle = "All"\ntop = 5\n', r"global: .*write \[boards.global\]"),
    ],
)
def test_file_of_the_first_release_is_told_what_to_write_instead(
    tmp_path: Path, text: str, told: str
) -> None:
    assert re.search(told, str(load(tmp_path, text)))


SEASONS = '[seasons.weekly]\nstart = 2026-01-05T00:00:00Z\nevery = "7d"\n'
SHOP = '[shop.camel]\ntitle = "Camel"\nprice = 1\nunique = true\n'
FIRST = "[[boards.total.prizes]]\nranks = [1, 1]\nmoney = 500\nitems = { camel = 1 }\n"
BEST = '[[boards.total.prizes]]\ntop = "10%"\nmoney = 20\n'
PRIZES = GOOD + 'season = "weekly"\n' + FIRST + BEST + SEASONS + SHOP


def test_board_of_a_season_has_its_prizes(tmp_path: Path) -> None:
    catalogue = good(tmp_path, PRIZES)
    assert catalogue.boards["total"].in_season(3).prizes == (
        Tier(ranks=(1, 1), money=500, items={"camel": 1}),
        Tier.model_validate({"top": "10%", "money": 20}),
    )
    assert catalogue.boards["forest"].prizes == ()


@pytest.mark.parametrize(
    ("wrong", "right", "named"),
    [
        ('season = "weekly"\n', "", "boards.total.prizes"),
        ("[1, 1]", "[2, 1]", "boards.total.prizes.0.ranks"),
        ("[1, 1]", "[0, 1]", "boards.total.prizes.0.ranks.0"),
        ('"10%"', '"101%"', "boards.total.prizes.1.top"),
        ('"10%"', '"most"', "boards.total.prizes.1.top"),
        ("camel = 1", "horse = 1", "boards.total.prizes.0.items.horse"),
        ("camel = 1", "camel = 2", "boards.total.prizes.0.items.camel"),
        (BEST, FIRST, "boards.total.prizes.1"),
        (FIRST + BEST, BEST + FIRST, "boards.total.prizes.1"),
        (BEST, FIRST * 50, "boards.total.prizes"),
        ("[[boards.total.prizes]]", "[[areas.sprint.prizes]]", "areas.sprint.prizes"),
    ],
)
def test_mistake_in_prizes_is_named_by_its_key(tmp_path: Path, wrong: str, right: str, named: str) -> None:
    assert wrong in PRIZES
    assert f" {named}: " in str(load(tmp_path, PRIZES.replace(wrong, right, 1)))


def test_sums_beyond_what_sorts_are_refused(tmp_path: Path) -> None:
    most = FOREST.replace("max = 10", f"max = {POINTS_LIMIT - 1}")
    assert "add up" in str(load(tmp_path, most + LEVELS + TOTAL))


def test_area_feeds_no_more_boards_than_one_transaction_has_items_for(tmp_path: Path) -> None:
    def boards(count: int) -> str:
        return FOREST + "".join(
            f'[boards.b{number}]\ntitle = "B"\nareas = ["forest"]\ntop = 5\n' for number in range(count)
        )

    assert len(good(tmp_path, boards(FED_LIMIT - 1)).boards_of("forest")) == FED_LIMIT
    assert f"boards: forest feeds {FED_LIMIT + 1} of them" in str(load(tmp_path, boards(FED_LIMIT)))


def test_largest_game_loads_and_one_more_of_anything_is_refused(tmp_path: Path) -> None:
    full = LEVELS.replace("count = 3", f"count = {AREAS_LIMIT}") + "top = 50\n"
    catalogue = good(tmp_path, full)
    assert (len(catalogue.areas), len(catalogue.boards)) == (AREAS_LIMIT, BOARDS_LIMIT)
    assert f"areas: a game has 1 to {AREAS_LIMIT} areas" in str(load(tmp_path, full + FOREST))
    sums = TOTAL.replace('"forest"', '"level-1"')
    assert f"boards: a game has 1 to {BOARDS_LIMIT} boards" in str(load(tmp_path, full + sums))


ids = st.sampled_from(["a", "b", "c", "a-1", "b-2", "c-1"])
tiebreaks = st.none() | st.builds(
    lambda order: {"name": "coins", "order": order, "min": 0, "max": 9}, st.sampled_from(["asc", "desc"])
)
areas = st.fixed_dictionaries(
    {"order": st.sampled_from(["asc", "desc"]), "min": st.integers(-9, 0), "max": st.integers(1, 9)},
    optional={
        "top": st.integers(1, 100),
        "keep": st.sampled_from(["best", "sum", "latest"]),
        "metadata": st.integers(1, 4096),
        "tiebreak": tiebreaks,
    },
)
files = st.fixed_dictionaries(
    {
        "areas": st.dictionaries(ids, areas.map(lambda area: area | {"title": "A"}), max_size=4),
        "series": st.dictionaries(
            ids,
            st.tuples(areas, st.integers(1, 3)).map(
                lambda both: both[0] | {"count": both[1], "title": "A {n}"}
            ),
            max_size=2,
        ),
        "boards": st.dictionaries(
            ids,
            st.fixed_dictionaries(
                {
                    "title": st.just("B"),
                    "areas": st.lists(ids, min_size=1, max_size=3),
                    "top": st.integers(1, 100),
                }
            ),
            max_size=3,
        ),
    }
)


@given(file=files)
def test_what_loads_keeps_every_rule_of_the_catalogue(file: dict[str, Any]) -> None:
    try:
        catalogue = Catalogue.model_validate(file)
    except ValidationError:
        return
    made = [*file["areas"], *file["series"], *file["boards"]]
    made += [f"{name}-{n}" for name, one in file["series"].items() for n in range(1, one["count"] + 1)]
    assert len(made) == len(set(made))
    assert set(catalogue.areas) | set(file["series"]) | set(file["boards"]) == set(made)
    own = {name for name, area in catalogue.areas.items() if area.top is not None}
    assert set(catalogue.boards) == own | set(file["boards"])
    for board in catalogue.boards.values():
        sources = [catalogue.areas[area] for area in board.areas]
        assert len(set(board.areas)) == len(sources) >= 1
        assert all(board in catalogue.boards_of(area) for area in board.areas)
        if len(sources) > 1:
            assert {area.order for area in sources} == {board.order} == {"desc"}
        else:
            assert (board.order, board.tiebreak) == (sources[0].order, sources[0].tiebreak)
        assert not (board.tiebreak and sources[0].keep == "sum")
        entries = [longest_entry(rank, "\\", board) for rank in range(1, board.top + 1)]
        assert fits(encode_snapshot(board, POSITION, entries))


@pytest.mark.parametrize("content", ["[boards", b"\xff\xfe", ""])
def test_unreadable_file_is_named(tmp_path: Path, content: str | bytes) -> None:
    load(tmp_path, content)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"missing\.toml"):
        load_catalogue(tmp_path / "missing.toml")


POSITION = Position(TIME_LIMIT - 1, 2**53 - 1)


def longest_entry(rank: int, last: str, board: Board) -> Entry:
    """Return an entry of the most bytes that a board has; `last` is the last letter of the name."""
    name = clean_name("\U0001f3c6" * (NAME_MAX - 2) + '"\u0316' + last + "\u0316")
    assert len(json.dumps(name, ensure_ascii=False).encode()) == NAME_BYTES + len('""')
    player = str(uuid.UUID(int=rank))
    content = 7 if board.metadata == 1 else "m" * (board.metadata - len('""'))
    return Entry(
        rank=rank,
        user_id=player,
        name=name,
        avatar=f"avatars/{player}/{uuid.UUID(int=0)}-256.webp",
        points=1 - POINTS_LIMIT,
        achieved_at=TIME_LIMIT - 1,
        tiebreak=1 - POINTS_LIMIT if board.tiebreak else None,
        metadata=content if board.metadata else None,
    )


COINS = Tiebreak(name="coins", order="asc", min=0, max=9)


@pytest.mark.parametrize(
    "board",
    [
        Board(id="f" * 32, order="desc", top=TOP_LIMIT),
        Board(id="f" * 32, order="desc", top=91, tiebreak=COINS),
        Board(id="f" * 32, order="desc", top=52, tiebreak=COINS, metadata=256),
        Board(id="f" * 32, order="desc", top=7, metadata=METADATA_LIMIT),
    ],
)
def test_largest_board_fits_into_one_frame(board: Board) -> None:
    entries = [longest_entry(rank, "\\", board) for rank in range(1, board.top + 1)]
    snapshot = encode_snapshot(board, POSITION, entries)
    assert fits(snapshot)
    assert len(snapshot.encode()) > FRAME_LIMIT * 9 // 10, "the case is not the worst any more"
    renamed = [longest_entry(rank, '"', board) for rank in range(1, board.top + 1)]
    change = encode_change(board, POSITION._replace(version=1), entries, renamed)
    assert change is not None
    assert fits(change)


AREA = Area(title="A", order="desc", min=0, max=10)
RICH = Area(title="A", order="desc", min=0, max=10, tiebreak=COINS, metadata=16)


@pytest.mark.parametrize(
    ("area", "points", "tiebreak", "content", "fields"),
    [
        (AREA, 0, None, None, []),
        (AREA, 10, None, None, []),
        (AREA, 11, None, None, ["score"]),
        (AREA, -1, None, None, ["score"]),
        (AREA, 1, 1, {}, ["tiebreak", "metadata"]),
        (RICH, 1, 0, None, []),
        (RICH, 1, 9, {"car": "red"}, []),
        (RICH, 1, None, None, ["tiebreak"]),
        (RICH, 1, 10, "x" * 15, ["tiebreak", "metadata"]),
        (RICH, 1, -1, "x" * 14, ["tiebreak"]),
        (RICH, 1, 1, "\u00e9" * 8, ["metadata"]),
        (RICH, 1, 1, "\ud800", ["metadata"]),
        (RICH, 1, 1, float("inf"), ["metadata"]),
        (RICH, 1, 1, [[]] * 3, []),
    ],
)
def test_score_is_judged_by_every_rule_of_its_area(
    area: Area, points: int, tiebreak: int | None, content: Any, fields: list[str]
) -> None:
    faults = [*area.faults("forest", points, tiebreak, content)]
    assert [fault.field for fault in faults] == fields
    assert all("forest" in fault.detail for fault in faults)


def test_metadata_that_is_nested_too_deeply_is_refused() -> None:
    content: Any = []
    for _ in range(METADATA_DEPTH - 1):
        content = [content]
    area = RICH.model_copy(update={"metadata": 4096})
    assert not [*area.faults("forest", 1, 1, content)]
    assert [fault.field for fault in area.faults("forest", 1, 1, [content])] == ["metadata"]
