"""The designer's file: what loads, and how a mistake in it is named."""

import json
import uuid
from pathlib import Path

import pytest

from game.board import NAME_BYTES, Entry, Position
from game.catalogue import TOP_LIMIT, Board, CatalogueError, load_catalogue
from game.frames import FRAME_LIMIT, fits
from game.names import NAME_MAX, clean_name
from game.scoring import POINTS_LIMIT, TIME_LIMIT
from realtime.protocol import encode_change, encode_snapshot

GLOBAL = '[global]\ntitle = "All"\ntop = 10\n'
FOREST = '[areas.forest]\ntitle = "F"\norder = "desc"\nmin = 0\nmax = 10\ntop = 5\ncounts = true\n'
GOOD = GLOBAL + FOREST


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
    assert catalogue.counting_areas == {"forest", "desert"}
    assert set(catalogue.boards) == {*catalogue.areas, "global"}


def test_boards_carry_order_size_and_areas(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_catalogue(path).boards == {
        "forest": Board(id="forest", order="desc", top=5, areas=("forest",)),
        "global": Board(id="global", order="desc", top=10, areas=("forest",)),
    }


def test_area_feeds_its_own_board_and_the_sums_over_it() -> None:
    catalogue = load_catalogue()
    fed = {area: [board.id for board in catalogue.boards_of(area)] for area in ("forest", "sprint", "swamp")}
    assert fed == {"forest": ["forest", "global"], "sprint": ["sprint"], "swamp": []}


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
        ('order = "desc"', 'order = "asc"', "areas.forest"),
        ('title = "F"', 'title = " "', "areas.forest.title"),
        ('title = "F"', f'title = "{"F" * 61}"', "areas.forest.title"),
        ("top = 5", "top = 0", "areas.forest.top"),
        ("top = 5", f"top = {TOP_LIMIT + 1}", "areas.forest.top"),
        ("counts = true", 'counts = "maybe"', "areas.forest.counts"),
        ("counts = true", "counts = true\ncolour = 1", "areas.forest.colour"),
        ("[areas.forest]", "[areas.global]", "areas.global"),
        ("[areas.forest]", "[areas.all]", "areas.all"),
        ("[areas.forest]", '[areas."user#1"]', "areas.user#1"),
        ("[areas.forest]", "[areas.Forest]", "areas.Forest"),
        ("[areas.forest]", f"[areas.{'f' * 33}]", f"areas.{'f' * 33}"),
        ("[areas.forest]", '[areas."forest\\n"]', "areas.forest\n"),
        ("top = 10", "top = 0", "global.top"),
        ('title = "All"\n', "", "global.title"),
        ("top = 10", 'top = 10\norder = "asc"', "global.order"),
        (FOREST, "areas = 1\n", "areas"),
        (FOREST, "[areas]\n", "areas"),
        (FOREST, "", "areas"),
        (GLOBAL, "", "global"),
        (GLOBAL, GLOBAL + "[weather]\n", "weather"),
    ],
)
def test_mistake_is_named_by_its_key(tmp_path: Path, wrong: str, right: str, named: str) -> None:
    assert wrong in GOOD
    assert f" {named}: " in str(load(tmp_path, GOOD.replace(wrong, right, 1)))


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    message = str(load(tmp_path, GOOD.replace("top = 5", "top = 0").replace("top = 10", "top = 0")))
    assert "global.top: " in message
    assert "areas.forest.top: " in message


def test_sums_beyond_what_sorts_are_refused(tmp_path: Path) -> None:
    most = FOREST.replace("max = 10", f"max = {POINTS_LIMIT - 1}")
    assert "add up" in str(load(tmp_path, GLOBAL + most + most.replace("forest", "desert")))


@pytest.mark.parametrize("content", ["[global", b"\xff\xfe", ""])
def test_unreadable_file_is_named(tmp_path: Path, content: str | bytes) -> None:
    load(tmp_path, content)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"missing\.toml"):
        load_catalogue(tmp_path / "missing.toml")


def longest_entry(rank: int, last: str) -> Entry:
    """Return the most bytes that a name may have in a frame."""
    name = clean_name("\U0001f3c6" * (NAME_MAX - 2) + '"\u0316' + last + "\u0316")
    assert len(json.dumps(name, ensure_ascii=False).encode()) == NAME_BYTES + len('""')
    player = str(uuid.UUID(int=rank))
    return Entry(
        rank=rank,
        user_id=player,
        name=name,
        avatar=f"avatars/{player}/{uuid.UUID(int=0)}-256.webp",
        points=1 - POINTS_LIMIT,
        achieved_at=TIME_LIMIT - 1,
    )


def test_largest_board_fits_into_one_frame() -> None:
    board, position = "f" * 32, Position(TIME_LIMIT, 10**9)
    entries = [longest_entry(rank, "\\") for rank in range(1, TOP_LIMIT + 1)]
    snapshot = encode_snapshot(board, TOP_LIMIT, position, entries)
    assert fits(snapshot)
    assert len(snapshot.encode()) > FRAME_LIMIT * 3 // 4, "the case is not the worst any more"
    renamed = [longest_entry(rank, '"') for rank in range(1, TOP_LIMIT + 1)]
    change = encode_change(board, TOP_LIMIT, position, entries, renamed)
    assert change is not None
    assert fits(change)
