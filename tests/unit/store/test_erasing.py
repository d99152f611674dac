"""The deletion of everything about a player."""

import asyncio
from typing import Any, cast

import pytest

from store import appearance, connections, players, progress, scores, unfinished
from store.database import BATCH_WRITE_LIMIT, Database, to_item
from store.deletion import DELETION_HANG_UP_SECONDS, HANG_UPS_AT_ONCE, delete_player
from store.players import TOMBSTONE_SECONDS, DeletedError
from store.portraits import PortraitBucket
from store.profiles import Profile
from store.schema import PLAYERS, STANDINGS, USER_PROFILES, USER_PROGRESS
from streams.report import Report
from tests.simulation import aws, clock
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW, RecordingPush, broadcaster
from tests.unit.store.appearance_scene import (
    BOB,
    CATALOGUE,
    Erased,
    by_text,
    clean,
    erase,
    fill,
    hold,
    left_of,
    login,
    publish,
    rename,
    score,
    shown,
)
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase, die, interrupted_database, moments


async def test_erased_player_is_in_no_table(tables: InterruptedDatabase) -> None:
    await fill(tables, requests=BATCH_WRITE_LIMIT + 1)
    await connections.open_connection(tables.direct, "tablet", ADA, NOW)
    before = await tables.rows()
    erased = await erase(tables.db)
    assert sorted(erased.closed) == [f"{ADA}-phone", "tablet"]
    assert (erased.pictures, erased.users) == ([ADA], 1)
    for board in CATALOGUE.boards.values():
        assert [entry.user_id for entry in await scores.top(tables.direct, board)] == [BOB]
    await publish(tables)
    assert await left_of(tables, ADA) == ""
    after = await tables.rows()
    for name, rows in before.items():
        if name not in ("Leaderboards", PLAYERS.name):
            assert by_text(after[name]) == by_text(row for row in rows if ADA not in str(row))


async def test_tombstone_comes_first_and_outlives_every_token(tables: InterruptedDatabase) -> None:
    await fill(tables)
    tables.after[0] = die
    with pytest.raises(CrashError):
        await erase(tables.db)
    assert await tombstone(tables) == {
        "userId": ADA,
        "deletedAt": NOW,
        "pending": "erase",
        "pendingSince": NOW,
        "username": login(ADA),
    }, "it does not expire before all is deleted"
    tables.restart()
    await erase(tables.db)
    assert await tombstone(tables) == {
        "userId": ADA,
        "deletedAt": NOW,
        "expiresAt": NOW // 1000 + TOMBSTONE_SECONDS,
    }
    assert TOMBSTONE_SECONDS == 31 * 24 * 60 * 60
    with pytest.raises(DeletedError):
        await rename(tables.direct, "Lovelace")


async def test_boards_follow_an_erased_player(tables: InterruptedDatabase) -> None:
    await fill(tables)
    push = RecordingPush()
    live = broadcaster(tables.direct, CATALOGUE, push)
    delivered = len(aws.score_records())
    await erase(tables.db)
    assert await live.process(aws.score_records()[delivered:], Report()) == []
    (frame,) = push.sent_to("bob-phone")
    assert (frame["type"], frame["board"]) == ("diff", "forest")
    assert frame["changes"] == [{"op": "remove", "userId": ADA}]
    assert push.sent_to(f"{ADA}-phone") == []


async def test_unknown_player_is_erased_without_an_error(tables: InterruptedDatabase) -> None:
    assert (await erase(tables.db)).closed == []
    assert await left_of(tables, ADA) == ""


async def test_later_writes_of_an_erased_player_are_refused(tables: InterruptedDatabase) -> None:
    await fill(tables)
    await erase(tables.db)
    for write in (score(tables.db, "forest", 3), rename(tables.db, "Ada"), progress.load(tables.db, ADA)):
        with pytest.raises(DeletedError):
            await write
    await publish(tables)
    assert await left_of(tables, ADA) == ""


@pytest.mark.parametrize("again", [True, False], ids=["asked again", "janitor"])
@pytest.mark.parametrize("bests", [0, 60])
async def test_crash_anywhere_in_erasing_is_mended(
    tables: InterruptedDatabase, bests: int, again: bool
) -> None:
    """Everything there is of a player; and 60 standings on boards that have left the catalogue."""
    await begin(tables, bests)
    await erase(tables.db)
    requests = len(tables.log)
    assert requests > 2 * bests / BATCH_WRITE_LIMIT
    # With many standings the requests in the middle are all alike; the janitor does what asking again does.
    for side, number in moments(requests)[:: (1 if bests == 0 else 3) * (1 if again else 3)]:
        if (side, number) == ("before", 0) and not again:
            continue  # nothing has begun, and only the player can know
        await begin(tables, bests)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await erase(tables.db)
        tables.restart()
        done = (side, number) == ("after", requests - 1)
        erased = await (erase(tables.db) if again else clean(tables.db))
        assert erased.users == (0 if done and not again else 1)
        if bests == 0:
            await publish(tables)
        assert await left_of(tables, ADA) == ""
        assert (await tombstone(tables)).keys() == {"userId", "deletedAt", "expiresAt"}


async def tombstone(tables: InterruptedDatabase) -> dict[str, Any]:
    (row,) = (row for row in (await tables.rows())[PLAYERS.name] if row["userId"] == ADA)
    return row


async def begin(tables: InterruptedDatabase, bests: int) -> None:
    await tables.clear()
    if bests:
        await hold(tables, [f"old-{number}" for number in range(bests)])
    else:
        await fill(tables)
    tables.restart()


@pytest.mark.parametrize("step", ["delete_all", "delete_user"])
async def test_failure_outside_of_the_tables_is_mended_by_asking_again(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def fail(*_: object) -> None:
        raise TimeoutError

    await fill(tables)
    with monkeypatch.context() as patch:
        patch.setattr(Erased, step, fail)
        with pytest.raises(TimeoutError):
            await erase(tables.db)
    erased = await erase(tables.db)
    assert (erased.pictures, erased.users) == ([ADA], 1)
    await publish(tables)
    assert await left_of(tables, ADA) == ""


async def test_player_whose_progress_cannot_be_read_is_erased(tables: InterruptedDatabase) -> None:
    await fill(tables)
    (row,) = (row for row in (await tables.rows())[USER_PROGRESS.name] if row["userId"] == ADA)
    damaged = to_item(row | {"money": "a fortune"})
    await tables.direct.client.put_item(TableName=USER_PROGRESS.name, Item=damaged)
    assert (await erase(tables.db)).users == 1
    await publish(tables)
    assert await left_of(tables, ADA) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"points": "many"},
        {"score": "0#0#x"},
        {"score": 7, "points": None},
        {"score": None, "points": None, "achievedAt": None, "revision": None},
    ],
)
async def test_board_of_a_damaged_standing_is_searched_for_the_players_row(
    tables: InterruptedDatabase, changes: dict[str, Any]
) -> None:
    await fill(tables)
    (row,) = (
        row
        for row in (await tables.rows())[STANDINGS.name]
        if (row["userId"], row["board"]) == (ADA, "forest")
    )
    await tables.direct.client.put_item(TableName=STANDINGS.name, Item=to_item(row | changes))
    assert (await erase(tables.db)).users == 1
    await publish(tables)
    assert await left_of(tables, ADA) == ""
    assert await shown(tables, BOB)
    searched = [entry for entry in tables.log if entry == "Query Scores"]
    assert len(searched) == (0 if changes == {"points": "many"} else 1), "and no other board"


async def test_one_player_who_cannot_be_finished_holds_up_no_other(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A profile that cannot be read, and a deletion that takes for ever, beside a rename that died."""
    monkeypatch.setattr(unfinished, "PLAYER_SECONDS", 0.2)
    monkeypatch.setattr(appearance, "SECONDS", 0)
    for player in (ADA, BOB, "cyd"):
        profile = Profile(user_id=player, name="Old")
        await score(tables.direct, "forest", 10, profile)
        await appearance.change(
            tables.direct, profile, lambda old: old.model_copy(update={"name": "New"}), NOW
        )
    damaged = {"userId": BOB, "name": {"a": 1}, "look": NOW, "revision": "r"}
    await tables.direct.client.put_item(TableName=USER_PROFILES.name, Item=to_item(damaged))
    await players.bury(tables.direct, "cyd", NOW, login("cyd"))

    async def for_ever(_: object, __: str) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(Erased, "delete_all", for_ever)
    await clean(tables.db, finished=1, failed=2)
    assert await shown(tables) == {"forest": (10, "New", None), "global": (10, "New", None)}
    assert "what is pending of player cyd cannot be finished" in caplog.text
    left = {row["userId"]: row["pending"] for row in (await tables.rows())[PLAYERS.name] if "pending" in row}
    assert left == {BOB: "look", "cyd": "erase"}


CONNECTIONS = 300
CLOSING_SECONDS = 0.1


async def connect(db: Database) -> None:
    for number in range(CONNECTIONS):
        await connections.open_connection(db, f"connection-{number}", ADA, NOW)


async def erase_slowly(db: Database, slow: frozenset[str], failing: frozenset[str] = frozenset()) -> float:
    """Erase a player whose connections take a while to close, or never do, or fail; the seconds it took."""
    users = Erased()

    async def hang_up(connection_id: str) -> None:
        if connection_id in failing:
            raise OSError(connection_id)
        await asyncio.sleep(3600 if connection_id in slow else CLOSING_SECONDS)

    loop = asyncio.get_running_loop()
    start = loop.time()
    await delete_player(
        db,
        cast(PortraitBucket, users),
        ADA,
        NOW,
        username=login(ADA),
        hang_up=hang_up,
        delete_user=users.delete_user,
    )
    assert users.users == 1
    return loop.time() - start


def test_connections_are_closed_side_by_side() -> None:
    async def play() -> None:
        async with interrupted_database() as tables:
            await connect(tables.direct)
            seconds = await erase_slowly(tables.db, frozenset())
            assert seconds == pytest.approx(CONNECTIONS / HANG_UPS_AT_ONCE * CLOSING_SECONDS)
            assert await left_of(tables, ADA) == ""

    clock.run(play())


def test_connections_that_do_not_close_hold_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    slow = frozenset({"connection-7", "connection-8"})
    failing = frozenset({"connection-9"})

    async def play() -> None:
        async with interrupted_database() as tables:
            await connect(tables.direct)
            assert await erase_slowly(tables.db, slow, failing) == pytest.approx(DELETION_HANG_UP_SECONDS)
            left = [row["connectionId"] for row in (await tables.rows())["Connections"]]
            assert set(left) == slow | failing
            # Asking again tries them again.
            assert await erase_slowly(tables.db, frozenset()) == pytest.approx(CLOSING_SECONDS)
            assert await left_of(tables, ADA) == ""

    clock.run(play())
    assert "3 connections of a deleted player are open: 2 took too long, 1 failed" in caplog.text
