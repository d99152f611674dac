"""The deletion of everything about a player."""

import asyncio
from typing import Any, cast

import pytest

from store import connections, progress, scores
from store.database import BATCH_WRITE_LIMIT, Database, to_item
from store.deletion import DELETION_HANG_UP_SECONDS, HANG_UPS_AT_ONCE, delete_player
from store.players import TOMBSTONE_SECONDS, DeletedError
from store.portraits import PortraitBucket
from store.schema import PLAYERS, USER_PROGRESS
from streams.report import Report
from tests.simulation import aws, clock
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW, RecordingPush, broadcaster
from tests.unit.store.appearance_scene import (
    BOB,
    CATALOGUE,
    Erased,
    by_text,
    erase,
    fill,
    hold,
    left_of,
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
    (row,) = (await tables.rows())[PLAYERS.name]
    assert row == {"userId": ADA, "deletedAt": NOW, "expiresAt": NOW // 1000 + TOMBSTONE_SECONDS}
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


@pytest.mark.parametrize("bests", [0, 300])
async def test_crash_anywhere_in_erasing_is_mended_by_asking_again(
    tables: InterruptedDatabase, bests: int
) -> None:
    """Everything there is of a player; and 300 bests on boards that have left the catalogue."""
    await begin(tables, bests)
    await erase(tables.db)
    requests = len(tables.log)
    assert requests > bests / BATCH_WRITE_LIMIT
    # With 300 bests the requests in the middle are all alike.
    for side, number in moments(requests)[:: 1 if bests == 0 else 3]:
        await begin(tables, bests)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await erase(tables.db)
        tables.restart()
        erased = await erase(tables.db)
        assert erased.users == 1
        if bests == 0:
            await publish(tables)
        assert await left_of(tables, ADA) == ""


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


@pytest.mark.parametrize(
    "changes",
    [
        {"money": "a fortune"},
        {"bests": {"forest": {"points": "many", "achievedAt": None, "score": "0#0#x"}, "desert": {}}},
        {"bests": {"forest": "none"}},
        {"bests": "none"},
    ],
)
async def test_player_whose_row_cannot_be_read_is_erased(
    tables: InterruptedDatabase, changes: dict[str, Any]
) -> None:
    await fill(tables)
    (row,) = (row for row in (await tables.rows())[USER_PROGRESS.name] if row["userId"] == ADA)
    await tables.direct.client.put_item(TableName=USER_PROGRESS.name, Item=to_item(row | changes))
    erased = await erase(tables.db)
    assert erased.users == 1
    await publish(tables)
    assert await left_of(tables, ADA) == ""
    assert await shown(tables, BOB)


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
        db, cast(PortraitBucket, users), ADA, NOW, boards=(), hang_up=hang_up, delete_user=users.delete_user
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
