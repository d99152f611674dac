"""A player's name and portrait, which all boards share."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from game.catalogue import GLOBAL_BOARD
from store import appearance, boards, profiles, progress, scores
from store.actions import act
from store.database import Database
from store.players import DeletedError
from store.profiles import Profile
from store.submission import submit
from streams.report import Report
from tests.simulation import aws
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW, RecordingPush, broadcaster
from tests.unit.store.appearance_scene import (
    BOB,
    CATALOGUE,
    POINTS,
    REQUESTS,
    TOKEN,
    assert_consistent,
    by_text,
    catalogue_with,
    erase,
    fill,
    hold,
    left_of,
    rename,
    score,
    score_everywhere,
    show,
    shown,
    take_away,
)
from tests.unit.store.bookkeeping import ADA, EARN
from tests.unit.store.interrupted import InterruptedDatabase, die, moments

MOMENTS = moments(REQUESTS)


async def test_new_name_is_on_the_profile_and_every_board(tables: InterruptedDatabase) -> None:
    await score_everywhere(tables.direct)
    await score(tables.direct, "forest", 50, Profile(user_id=BOB, name="Bob"))
    before = await progress.load(tables.direct, ADA)
    new = await rename(tables.db, "Lovelace")
    assert (new.name, new.created_at, new.updated_at) == ("Lovelace", NOW, NOW)
    assert await shown(tables) == {board: (points, "Lovelace", None) for board, points in POINTS.items()}
    assert (await shown(tables, BOB))["forest"] == (50, "Bob", None)
    assert (await progress.load(tables.direct, ADA)).bests == before.bests
    await assert_consistent(tables)


async def test_new_portrait_is_on_every_board(tables: InterruptedDatabase) -> None:
    await score_everywhere(tables.direct)
    await rename(tables.direct, "Lovelace")
    await show(tables.db, "avatars/ada/1")
    assert await shown(tables) == {
        board: (points, "Lovelace", "avatars/ada/1") for board, points in POINTS.items()
    }


async def test_rows_keep_their_place(tables: InterruptedDatabase) -> None:
    await score_everywhere(tables.direct)
    before = await scores.top(tables.direct, CATALOGUE.boards["forest"])
    await rename(tables.db, "Lovelace")
    after = await scores.top(tables.direct, CATALOGUE.boards["forest"])
    assert after == tuple(entry.model_copy(update={"name": "Lovelace"}) for entry in before)


async def test_change_that_no_board_shows_writes_no_board(tables: InterruptedDatabase) -> None:
    await score_everywhere(tables.direct)
    await rename(tables.direct, "Lovelace")
    records = len(aws.score_records())
    new = await appearance.change(
        tables.db,
        CATALOGUE.boards,
        TOKEN,
        lambda profile: profile.model_copy(update={"problem": "too small"}),
        NOW,
    )
    assert new.problem == "too small"
    assert len(aws.score_records()) == records


async def test_first_change_writes_the_boards_even_to_the_name_of_the_token(
    tables: InterruptedDatabase,
) -> None:
    """The token may have said another name when the score was submitted."""
    await score(tables.direct, "forest", 40, TOKEN.model_copy(update={"name": "Earlier"}))
    await rename(tables.db, TOKEN.name)
    await assert_consistent(tables)


async def test_times_of_creation_and_update(tables: InterruptedDatabase) -> None:
    await rename(tables.db, "Lovelace", at=NOW)
    new = await rename(tables.db, "Byron", at=NOW + 5)
    stored = await profiles.load(tables.direct, ADA)
    assert stored is not None
    assert (new.created_at, new.updated_at) == (stored.created_at, stored.updated_at) == (NOW, NOW + 5)


async def test_score_after_the_change_has_the_new_name(tables: InterruptedDatabase) -> None:
    await rename(tables.db, "Lovelace")
    await score(tables.db, "forest", 40)
    await assert_consistent(tables)
    assert (await shown(tables))["forest"] == (40, "Lovelace", None)


async def test_board_that_has_left_the_catalogue_keeps_the_name_and_is_erased_too(
    tables: InterruptedDatabase,
) -> None:
    await score_everywhere(tables.direct)
    await hold(tables, ["swamp"])
    await rename(tables.db, "Lovelace")
    assert (await shown(tables))["swamp"] == (5, TOKEN.name, None)
    assert (await shown(tables))["forest"] == (40, "Lovelace", None)
    await erase(tables.db)
    assert await left_of(tables, ADA) == ""


BOARDS = [f"board-{number}" for number in range(10)]


@pytest.fixture
def four_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction takes four rows, so that a rename on `BOARDS` takes three transactions."""
    monkeypatch.setattr(appearance, "ROWS_AT_ONCE", 4)


async def rename_on(boards: Sequence[str], db: Database, name: str) -> Profile:
    return await appearance.change(
        db, boards, TOKEN, lambda profile: profile.model_copy(update={"name": name}), NOW
    )


async def names(tables: InterruptedDatabase) -> set[str]:
    return {name for _, name, _ in (await shown(tables)).values()}


async def test_name_reaches_any_number_of_boards(tables: InterruptedDatabase) -> None:
    boards = [f"board-{number}" for number in range(200)]
    await hold(tables, boards)
    await rename_on(boards, tables.db, "Lovelace")
    assert await names(tables) == {"Lovelace"}
    stored = await profiles.load(tables.direct, ADA)
    assert stored is not None
    assert (stored.name, stored.unshown, stored.updated_at) == ("Lovelace", (), NOW)
    assert tables.log == ["TransactGetItems", "TransactWriteItems"] * 3


@pytest.mark.usefixtures("four_at_once")
@pytest.mark.parametrize(("side", "number"), moments(6))
async def test_rename_that_died_is_finished_by_the_next_score_or_change(
    tables: InterruptedDatabase, side: str, number: int
) -> None:
    await hold(tables, BOARDS)
    getattr(tables, side)[number] = die
    with pytest.raises(CrashError):
        await rename_on(BOARDS, tables.db, "Lovelace")
    stored = await profiles.load(tables.direct, ADA)
    after = {TOKEN.name if stored is None else "Lovelace"}
    tables.restart()
    if number % 2:
        await submit(tables.db, catalogue_with(BOARDS), TOKEN, BOARDS[0], 4, NOW)
    else:
        await appearance.change(
            tables.db, BOARDS, TOKEN, lambda profile: profile.model_copy(update={"problem": "small"}), NOW
        )
    # A change that no board shows writes a first profile, with the name of the token.
    assert await names(tables) == after
    await rename_on(BOARDS, tables.db, "Byron")
    assert await names(tables) == {"Byron"}


@pytest.mark.usefixtures("four_at_once")
@pytest.mark.parametrize(("side", "number"), moments(6))
async def test_later_of_two_renames_at_once_is_on_every_board(
    tables: InterruptedDatabase, side: str, number: int
) -> None:
    await hold(tables, BOARDS)
    getattr(tables, side)[number] = lambda: rename_on(BOARDS, tables.direct, "Byron")
    await rename_on(BOARDS, tables.db, "Lovelace")
    stored = await profiles.load(tables.direct, ADA)
    assert stored is not None
    assert await names(tables) == {stored.name}


async def test_rename_brings_no_row_back(tables: InterruptedDatabase) -> None:
    await score_everywhere(tables.direct)
    await take_away(tables, "sprint")
    await rename(tables.db, "Lovelace")
    assert await shown(tables) == {
        "forest": (40, "Lovelace", None),
        GLOBAL_BOARD: (40, "Lovelace", None),
    }


Work = Callable[[Database], Awaitable[object]]
CHANGES: dict[str, Work] = {
    "rename": lambda db: rename(db, "Lovelace"),
    "portrait": lambda db: show(db, "avatars/ada/1"),
    "better": lambda db: score(db, "forest", 60),
    "first": lambda db: score(db, "desert", 5),
    "earn": lambda db: act(db, ADA, EARN.decide(), EARN.key("k"), NOW),
    "erase": erase,
}
RACES = [
    *((*pair, True) for pair in itertools.permutations(CHANGES, 2) if {"rename", "erase"} & set(pair)),
    *((*pair, False) for pair in itertools.permutations(("rename", "first", "erase"), 2)),
]


@pytest.mark.parametrize(("one", "other", "scored"), RACES)
async def test_two_changes_at_once_are_one_after_the_other(
    tables: InterruptedDatabase, one: str, other: str, scored: bool
) -> None:
    """Whichever request of `one` the whole of `other` falls on, the outcome is that of some order."""
    outcomes = []
    for first, second in ((one, other), (other, one)):
        await begin(tables, scored)
        await CHANGES[first](tables.direct)
        await unless_deleted(second, tables.direct)
        await assert_consistent(tables)
        outcomes.append(await state(tables))
    await begin(tables, scored)
    await CHANGES[one](tables.db)
    for side, number in moments(len(tables.log)):
        await begin(tables, scored)
        getattr(tables, side)[number] = lambda: unless_deleted(other, tables.direct)
        await unless_deleted(one, tables.db)
        await assert_consistent(tables)
        assert await state(tables) in outcomes


async def unless_deleted(change: str, db: Database) -> None:
    with suppress(DeletedError):
        await CHANGES[change](db)


async def begin(tables: InterruptedDatabase, scored: bool) -> None:
    await tables.clear()
    if scored:
        await score_everywhere(tables.direct)
    tables.restart()


async def state(tables: InterruptedDatabase) -> dict[str, Any]:
    """Return what there is of Ada, but for the revisions, which are random."""
    rows = await tables.rows()
    return {
        name: by_text({key: value for key, value in row.items() if key != "revision"} for row in rows[name])
        for name in ("UserProfiles", "UserProgress", "Scores")
    }


@pytest.mark.parametrize(("side", "number"), MOMENTS)
async def test_crash_leaves_the_old_name_everywhere_or_the_new_one(
    tables: InterruptedDatabase, side: str, number: int
) -> None:
    await score_everywhere(tables.direct)
    getattr(tables, side)[number] = die
    with pytest.raises(CrashError):
        await rename(tables.db, "Lovelace")
    await assert_consistent(tables)
    written = (side, number) == ("after", REQUESTS - 1)
    assert (await profiles.load(tables.direct, ADA) is not None) is written
    tables.restart()
    await rename(tables.db, "Lovelace")
    assert {name for _, name, _ in (await shown(tables)).values()} == {"Lovelace"}
    await assert_consistent(tables)


async def test_boards_follow_a_new_name(tables: InterruptedDatabase) -> None:
    await fill(tables)
    push = RecordingPush()
    live = broadcaster(tables.direct, CATALOGUE, push)
    delivered = len(aws.score_records())
    await rename(tables.db, "Lovelace")
    assert await live.process(aws.score_records()[delivered:], Report()) == []
    (frame,) = push.sent_to("bob-phone")
    (change,) = frame["changes"]
    assert (change["op"], change["userId"], change["name"]) == ("set", ADA, "Lovelace")
    published = await boards.load(tables.direct, "forest")
    assert published is not None
    assert published.entries == await scores.top(tables.direct, CATALOGUE.boards["forest"])
