"""`Leaderboards`: publishing versions, the outbox, and a new epoch."""

import asyncio
import json

import pytest

from game.board import Entry
from game.catalogue import Board, Catalogue
from realtime.protocol import encode_snapshot
from store import boards
from store.boards import PublishedBoard, StaleBoardError
from store.database import Database, to_item
from store.profiles import Profile
from store.schema import LEADERBOARDS
from store.submission import submit
from tests.support.boards import republished

NOW = 1_763_812_800_000


@pytest.fixture
def forest(catalogue: Catalogue) -> Board:
    """Return the board that the tests publish."""
    return catalogue.boards["forest"]


def _entries(*all_points: int) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            rank=rank, user_id=f"u{points}", name="Ärger 🦔", avatar=None, points=points, achieved_at=points
        )
        for rank, points in enumerate(all_points, start=1)
    )


def _frame(word: str) -> str:
    return json.dumps({"word": word})


async def _loaded(db: Database, board: Board) -> PublishedBoard:
    published = await boards.load(db, board.id)
    assert published is not None
    return published


async def test_board_is_created_as_the_table_has_it(
    db: Database, catalogue: Catalogue, forest: Board
) -> None:
    assert await boards.load(db, "forest") is None
    await submit(db, catalogue, Profile(user_id="ada", name="Ada"), "forest", 5, 1000)
    created = await boards.load_or_create(db, forest, 777, encode_snapshot)
    assert (created.position, created.outbox) == ((777, 1), {})
    assert [entry.user_id for entry in created.entries] == ["ada"]
    assert (
        await boards.load_or_create(db, forest, 888, encode_snapshot) == created == await _loaded(db, forest)
    )


async def test_creators_at_once_agree_on_one_board(db: Database, forest: Board) -> None:
    created = await asyncio.gather(
        *(boards.load_or_create(db, forest, epoch, encode_snapshot) for epoch in range(1, 9))
    )
    assert {board.position for board in created} == {(await _loaded(db, forest)).position}


async def test_publishing_counts_versions_up_and_fills_the_outbox(db: Database, forest: Board) -> None:
    first = await boards.load_or_create(db, forest, 777, encode_snapshot)
    second = await boards.publish(db, first, _entries(9), _frame("two"), now=NOW, collapse=False)
    third = await boards.publish(db, second, _entries(9, 8), _frame("three"), now=NOW, collapse=False)
    assert (third.position, third.entries) == ((777, 3), _entries(9, 8))
    assert third.outbox == {2: _frame("two"), 3: _frame("three")}
    assert await _loaded(db, forest) == third


async def test_only_one_of_two_publishers_wins(db: Database, forest: Board) -> None:
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    won = await boards.publish(db, read, _entries(9), _frame("mine"), now=NOW, collapse=False)
    for collapse in (False, True):
        with pytest.raises(StaleBoardError):
            await boards.publish(db, read, _entries(8), _frame("late"), now=NOW, collapse=collapse)
    assert await _loaded(db, forest) == won


async def test_publisher_of_an_earlier_epoch_is_stale(db: Database, forest: Board) -> None:
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    await republished(db, forest, 888)
    with pytest.raises(StaleBoardError):
        await boards.publish(db, read, _entries(8), _frame("late"), now=NOW, collapse=False)


async def test_collapsing_replaces_the_outbox(db: Database, forest: Board) -> None:
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    for version in (2, 3):
        read = await boards.publish(
            db, read, _entries(version), _frame(str(version)), now=NOW, collapse=False
        )
    collapsed = await boards.publish(db, read, _entries(4), _frame("snapshot"), now=NOW, collapse=True)
    assert collapsed.outbox == {4: _frame("snapshot")}
    assert (
        await boards.publish(db, collapsed, _entries(5), _frame("5"), now=NOW, collapse=False)
    ).outbox == {
        4: _frame("snapshot"),
        5: _frame("5"),
    }


async def test_clearing_leaves_the_frames_that_came_later(db: Database, forest: Board) -> None:
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    pushed = await boards.publish(db, read, _entries(2), _frame("two"), now=NOW, collapse=False)
    later = await boards.publish(db, pushed, _entries(3), _frame("three"), now=NOW, collapse=False)
    await boards.clear_outbox(db, pushed)
    await boards.clear_outbox(db, pushed)
    assert (await _loaded(db, forest)).outbox == {3: _frame("three")}
    await boards.clear_outbox(db, later)
    assert (await _loaded(db, forest)).outbox == {}


async def test_clearing_leaves_a_later_epoch_alone(db: Database, forest: Board) -> None:
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    pushed = await boards.publish(db, read, _entries(2), _frame("old"), now=NOW, collapse=False)
    again = await republished(db, forest, 888)
    new = await boards.publish(db, again, _entries(2), _frame("new"), now=NOW, collapse=False)
    await boards.clear_outbox(db, pushed)
    assert await _loaded(db, forest) == new


async def test_publishing_again_starts_a_later_epoch_whatever_the_clock_says(
    db: Database, catalogue: Catalogue, forest: Board
) -> None:
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    await boards.publish(db, read, _entries(2), _frame("two"), now=NOW, collapse=False)
    await submit(db, catalogue, Profile(user_id="ada", name="Ada"), "forest", 5, 1000)
    again = await republished(db, forest, 5)
    assert (again.position, again.outbox) == ((778, 1), {})
    assert [entry.user_id for entry in again.entries] == ["ada"]
    assert (await republished(db, forest, 9_999)).position == (9_999, 1)
    assert (await _loaded(db, forest)).position == (9_999, 1)


async def test_loading_many_leaves_out_what_was_never_published(db: Database, catalogue: Catalogue) -> None:
    created = {
        name: await boards.load_or_create(db, catalogue.boards[name], 777, encode_snapshot)
        for name in ("forest", "global")
    }
    assert await boards.load_many(db, catalogue.boards) == created


@pytest.mark.parametrize(
    ("damage", "epoch"),
    [
        ({"entries": "{}"}, 778),
        ({"entries": None, "outbox": None}, 778),
        ({"outbox": ["frame"]}, 778),
        ({"fanout": {"id": "f"}}, 778),
        ({"version": "two"}, 778),
        ({"version": None}, 778),
        ({"epoch": "long ago"}, 500),
        ({"epoch": None}, 500),
        ({"epoch": 10**30}, 500),
    ],
)
async def test_board_that_cannot_be_read_is_published_again_in_a_later_epoch(
    db: Database, catalogue: Catalogue, forest: Board, damage: dict[str, object], epoch: int
) -> None:
    await submit(db, catalogue, Profile(user_id="ada", name="Ada"), "forest", 5, 1000)
    row = {"gameArea": "forest", "epoch": 777, "version": 9, "entries": "[]", "outbox": {}} | damage
    await db.client.put_item(TableName=db.name(LEADERBOARDS), Item=to_item(row))
    assert await boards.load(db, "forest") is None
    assert await boards.load_many(db, ["forest"]) == {}
    made = await asyncio.gather(*(boards.load_or_create(db, forest, 500, encode_snapshot) for _ in range(3)))
    assert [board.position for board in made] == [(epoch, 1)] * 3
    (frame,) = made[0].outbox.values()
    assert json.loads(frame)["entries"][0]["userId"] == "ada"
    assert await _loaded(db, forest) == made[0] == made[2]
    await boards.clear_outbox(db, made[0])
    published = await boards.publish(
        db, await _loaded(db, forest), _entries(9), _frame("two"), now=NOW, collapse=False
    )
    assert (published.position, published.outbox) == ((epoch, 2), {2: _frame("two")})


async def test_withdrawn_board_is_published_again_with_its_snapshot_for_subscribers(
    db: Database, forest: Board
) -> None:
    await boards.withdraw(db, "forest")
    assert await boards.load(db, "forest") is None, "never published, and not made"
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    await boards.withdraw(db, "forest")
    await boards.withdraw(db, "forest")
    with pytest.raises(StaleBoardError):
        await boards.publish(db, read, _entries(8), _frame("late"), now=NOW, collapse=False)
    await boards.clear_outbox(db, await boards.load_or_create(db, forest, 5, encode_snapshot))
    assert (await _loaded(db, forest)).position == (778, 1)


@pytest.mark.parametrize("collapse", [False, True])
async def test_bar_is_kept_with_its_version(db: Database, forest: Board, collapse: bool) -> None:
    read = await boards.load_or_create(db, forest, 777, encode_snapshot)
    assert read.bar is None
    full = await boards.publish(
        db, read, _entries(9, 8, 7), _frame("two"), now=NOW, collapse=collapse, bar="key"
    )
    assert full.bar == (await _loaded(db, forest)).bar == "key"
    room = await boards.publish(db, full, _entries(9), _frame("three"), now=NOW, collapse=collapse)
    assert (await _loaded(db, forest)).bar is room.bar is None
