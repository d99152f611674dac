"""A player's name and portrait, which all boards share."""

import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from game.catalogue import GLOBAL_BOARD
from store import appearance, boards, profiles, scores
from store.actions import act
from store.database import Database, to_item
from store.players import DeletedError
from store.profiles import Profile
from store.schema import STANDINGS
from store.unfinished import OLD_MS
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
    clean,
    erase,
    fill,
    held_by,
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
    before = await held_by(tables.direct, ADA)
    new = await rename(tables.db, "Lovelace")
    assert (new.name, new.created_at, new.updated_at) == ("Lovelace", NOW, NOW)
    assert await shown(tables) == {board: (points, "Lovelace", None) for board, points in POINTS.items()}
    assert (await shown(tables, BOB))["forest"] == (50, "Bob", None)
    assert await held_by(tables.direct, ADA) == before
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


async def test_board_that_has_left_the_catalogue_shows_the_name_and_is_erased_too(
    tables: InterruptedDatabase,
) -> None:
    await score_everywhere(tables.direct)
    await hold(tables, ["swamp"])
    await rename(tables.db, "Lovelace")
    assert (await shown(tables))["swamp"] == (5, "Lovelace", None)
    assert (await shown(tables))["forest"] == (40, "Lovelace", None)
    await erase(tables.db)
    assert await left_of(tables, ADA) == ""


async def names(tables: InterruptedDatabase) -> set[str]:
    return {name for _, name, _ in (await shown(tables)).values()}


async def pending(tables: InterruptedDatabase) -> list[str]:
    return [row["pending"] for row in (await tables.rows())["Players"] if "pending" in row]


async def test_name_reaches_any_number_of_boards(tables: InterruptedDatabase) -> None:
    await hold(tables, [f"board-{number}" for number in range(200)])
    await rename(tables.db, "Lovelace")
    assert await names(tables) == {"Lovelace"}
    stored = await profiles.load(tables.direct, ADA)
    assert stored is not None
    assert (stored.name, stored.look, stored.updated_at) == ("Lovelace", NOW, NOW)
    assert await pending(tables) == []


async def test_looks_count_up_where_the_clock_stands_still_or_runs_back(tables: InterruptedDatabase) -> None:
    await score_everywhere(tables.direct)
    looks = [(await rename(tables.db, name, at=at)).look for name, at in (("A", NOW), ("B", NOW), ("C", 5))]
    assert looks == [NOW, NOW + 1, NOW + 2]
    assert await names(tables) == {"C"}


@pytest.mark.parametrize(("side", "number"), MOMENTS)
@pytest.mark.parametrize("finisher", ["janitor", "change"])
async def test_rename_that_died_is_finished(
    tables: InterruptedDatabase, side: str, number: int, finisher: str
) -> None:
    await score_everywhere(tables.direct)
    getattr(tables, side)[number] = die
    with pytest.raises(CrashError):
        await rename(tables.db, "Lovelace")
    stored = await profiles.load(tables.direct, ADA)
    assert (stored is not None) is (number > 1 or (side, number) == ("after", 1))
    tables.restart()
    if finisher == "janitor":
        await clean(tables.db)
    else:
        await appearance.change(
            tables.db, TOKEN, lambda profile: profile.model_copy(update={"problem": "small"}), NOW
        )
    assert await names(tables) == {TOKEN.name if stored is None else "Lovelace"}
    assert await pending(tables) == []
    await assert_consistent(tables)


async def test_rows_left_over_when_time_runs_out_are_the_janitors(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await score_everywhere(tables.direct)
    monkeypatch.setattr(appearance, "SECONDS", 0)
    assert (await rename(tables.db, "Lovelace")).name == "Lovelace"
    assert "left to the janitor" in caplog.text
    assert await pending(tables) == ["look"]
    await clean(tables.db, at=NOW + OLD_MS - 1, finished=0)
    assert await names(tables) == {TOKEN.name}, "it may still be under way"
    await clean(tables.db, finished=1)
    await assert_consistent(tables)
    assert await pending(tables) == []


async def test_looks_that_differ_are_made_the_same_by_a_score_a_change_or_the_janitor(
    tables: InterruptedDatabase,
) -> None:
    """As after a restore, which brings profiles back and leaves the players' rows."""
    for mend in (
        lambda: score(tables.db, "forest", 90),
        lambda: rename(tables.db, "Byron"),
        lambda: clean(tables.db, at=NOW + 2 * OLD_MS),
    ):
        await tables.clear()
        await score_everywhere(tables.direct)
        await rename(tables.direct, "Lovelace")
        before = (await tables.rows())["UserProfiles"][0]
        await rename(tables.direct, "King", at=NOW + 5)
        await tables.direct.client.put_item(TableName="UserProfiles", Item=to_item(before))
        await set_pending(tables)
        await mend()
        await clean(tables.direct, at=NOW + 3 * OLD_MS)
        await assert_consistent(tables)
        assert await pending(tables) == []


async def set_pending(tables: InterruptedDatabase) -> None:
    await tables.direct.client.update_item(
        TableName="Players",
        Key=to_item({"userId": ADA}),
        UpdateExpression="SET pending = :look, pendingSince = :now",
        ExpressionAttributeValues=to_item({":look": "look", ":now": NOW}),
    )


async def test_look_without_a_profile_is_forgotten(tables: InterruptedDatabase) -> None:
    """An operator took the profile away: the player is shown as the token says."""
    await score_everywhere(tables.direct)
    await rename(tables.direct, "Lovelace")
    await profiles.delete(tables.direct, ADA)
    await score(tables.db, "forest", 90)
    assert (await shown(tables))["forest"] == (90, TOKEN.name, None)
    await set_pending(tables)
    await clean(tables.db)
    assert await pending(tables) == []
    await rename(tables.db, "Byron", at=NOW + 1)
    await assert_consistent(tables)


async def test_damaged_standing_does_not_keep_the_others_from_the_new_name(
    tables: InterruptedDatabase,
) -> None:
    await score_everywhere(tables.direct)
    damaged = {"userId": ADA, "board": "aaa", "score": "0#0#another", "points": "many"}
    await tables.direct.client.put_item(TableName=STANDINGS.name, Item=to_item(damaged))
    await rename(tables.db, "Lovelace")
    assert await names(tables) == {"Lovelace"}
    assert await pending(tables) == []


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
    # After one request is before the next.
    for number in range(len(tables.log)):
        await begin(tables, scored)
        tables.before[number] = lambda: unless_deleted(other, tables.direct)
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
        for name in ("UserProfiles", "UserProgress", "Standings", "Scores", "Players")
    }


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
