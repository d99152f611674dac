"""The deletion of everything about a player."""

import json

import pytest

from game.catalogue import GLOBAL_BOARD
from store import connections, progress, scores
from store.database import BATCH_WRITE_LIMIT
from streams.report import Report
from tests.simulation import aws
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW, RecordingPush, broadcaster
from tests.unit.store.appearance_scene import (
    BOB,
    CATALOGUE,
    REQUESTS,
    TOKEN,
    assert_consistent,
    by_text,
    erase,
    fill,
    publish,
    score,
    shown,
)
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase, die, moments


async def test_erased_player_is_in_no_table(tables: InterruptedDatabase) -> None:
    await fill(tables, requests=BATCH_WRITE_LIMIT + 1)
    await connections.open_connection(tables.direct, "tablet", ADA, NOW)
    before = await tables.rows()
    assert sorted(await erase(tables.db)) == [f"{ADA}-phone", "tablet"]
    for board in CATALOGUE.boards.values():
        assert [entry.user_id for entry in await scores.top(tables.direct, board)] == [BOB]
    await publish(tables)
    after = await tables.rows()
    assert ADA not in json.dumps(after, default=str)
    for name, rows in before.items():
        if name != "Leaderboards":
            assert by_text(after[name]) == by_text(row for row in rows if ADA not in str(row))


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
    assert await erase(tables.db) == []
    assert not any((await tables.rows()).values())


async def test_erased_player_may_begin_again(tables: InterruptedDatabase) -> None:
    await fill(tables)
    await erase(tables.db)
    await score(tables.db, "forest", 3)
    assert await shown(tables) == dict.fromkeys(("forest", GLOBAL_BOARD), (3, TOKEN.name, None))
    assert (await progress.load(tables.direct, ADA)).money == 0


async def test_crash_anywhere_in_erasing_is_mended_by_asking_again(tables: InterruptedDatabase) -> None:
    await fill(tables)
    await erase(tables.db)
    requests = len(tables.log)
    assert requests > REQUESTS
    for side, number in moments(requests):
        tables.restart()
        await fill(tables)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await erase(tables.db)
        await assert_consistent(tables)
        tables.restart()
        await erase(tables.db)
        await publish(tables)
        assert ADA not in json.dumps(await tables.rows(), default=str)
