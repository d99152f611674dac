"""Which boards a sweep visits, what that costs, and that one of them holds up no other."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from game.activity import HOUR_MS, active_hours, hour_of
from game.catalogue import Board
from realtime.routes import OK, Live, handle
from store import boards, spectators
from store.boards import EncodeSnapshot, PublishedBoard
from store.database import Database, to_item
from store.schema import LEADERBOARDS
from store.spectators import Bounds
from streams.broadcaster import BATCH_BOARDS_AT_ONCE, SWEEP_ENDS_SECONDS, SWEPT_BOARDS_AT_ONCE
from streams.report import Report
from tests.simulation import clock
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW, RecordingPush, broadcaster, recorded_database
from tests.unit.realtime.live_scene import catalogue_of
from tests.unit.streams.broadcast_scene import CATALOGUE, BroadcastScene, broadcast_scene, full_board, told

LONG = 10 * HOUR_MS
"""Until a board is not active any more."""
INDEX_QUERIES = len(active_hours(NOW))


async def no_member(username: str, user_id: str, group: str) -> bool:
    raise AssertionError(f"the user pool was asked for {username}")


async def ask(scene: BroadcastScene, frame: dict[str, Any]) -> None:
    """The viewer sends a frame."""
    live = Live(scene.direct, CATALOGUE, scene.push, scene.clock, no_member)
    context = {"routeKey": frame["action"], "connectionId": "viewer", "authorizer": {"userId": "viewer"}}
    assert await handle(live, {"requestContext": context, "body": json.dumps(frame)}) == OK


async def ping(scene: BroadcastScene) -> None:
    """The viewer holds the board as it was published, and pings."""
    held = (await scene.published()).position
    await ask(scene, {"action": "ping", "versions": {"forest": held._asdict()}})


def diffs(scene: BroadcastScene) -> list[int]:
    """Return the versions to which diffs have led the viewer."""
    return [frame["to"] for frame in scene.push.sent_to("viewer") if frame["type"] == "diff"]


async def sweep(scene: BroadcastScene) -> list[str]:
    scene.log.clear()
    return await scene.broadcaster.sweep(Report())


async def untold_score(scene: BroadcastScene) -> None:
    """A score comes whose record is lost, long after the board was last active."""
    await full_board(scene)
    await scene.score("dee", 40)
    scene.records()
    scene.now = NOW + LONG


async def test_board_that_no_client_looks_at_costs_a_sweep_nothing(scene: BroadcastScene) -> None:
    await untold_score(scene)
    assert await sweep(scene) == []
    assert scene.log == ["Query Leaderboards"] * INDEX_QUERIES


async def test_board_that_a_client_subscribes_to_is_put_right(scene: BroadcastScene) -> None:
    await untold_score(scene)
    await ask(scene, {"action": "subscribe", "boards": ["forest"]})
    assert told(scene) == [("snapshot", 1)]
    await sweep(scene)
    assert told(scene) == [("snapshot", 1), ("diff", 2)]
    assert await scene.shown() == ["dee", "ada", "bo"]


async def test_board_that_a_client_names_in_a_ping_is_put_right(scene: BroadcastScene) -> None:
    await untold_score(scene)
    await ping(scene)
    await sweep(scene)
    assert diffs(scene) == [2]


async def test_board_with_a_new_score_is_pushed_though_its_broadcaster_died(
    scene: BroadcastScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await full_board(scene)
    scene.now = NOW + LONG
    await scene.score("dee", 40)
    monkeypatch.setattr(scene.broadcaster.runner, "push_outbox", dies)
    with pytest.RaisesGroup(CrashError):
        await scene.process()
    monkeypatch.undo()
    await sweep(scene)
    assert told(scene) == [("diff", 2)]
    assert (await scene.published()).outbox == {}


async def dies(*_: object, **__: object) -> None:
    raise CrashError


async def test_lost_mark_is_put_back_by_the_next_ping(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.score("dee", 40)
    scene.records()
    await scene.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": "forest"}),
        UpdateExpression="REMOVE activeHour",
    )
    await sweep(scene)
    assert diffs(scene) == []
    await ping(scene)
    await sweep(scene)
    assert diffs(scene) == [2]


async def test_subscription_alone_keeps_a_board_active_for_two_hours(scene: BroadcastScene) -> None:
    await untold_score(scene)
    await ask(scene, {"action": "subscribe", "boards": ["forest"]})
    scene.now += 2 * HOUR_MS
    await sweep(scene)
    assert told(scene) == [("snapshot", 1), ("diff", 2)]


async def test_damaged_board_that_is_active_is_published_again(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": "forest"}),
        UpdateExpression="SET entries = :broken",
        ExpressionAttributeValues=to_item({":broken": "[{}]"}),
    )
    await scene.published("desert")
    await scene.score("dee", 40, "desert")
    assert await sweep(scene) == []
    assert told(scene) == [("snapshot", 1)]
    assert await scene.shown("desert") == ["dee"]


async def test_board_that_has_left_the_catalogue_is_not_visited(scene: BroadcastScene) -> None:
    swamp = CATALOGUE.boards["forest"].model_copy(update={"id": "swamp"})
    await boards.load_or_create(scene.direct, swamp, NOW, unused)
    assert await sweep(scene) == []
    assert scene.log == ["Query Leaderboards"] * INDEX_QUERIES


def unused(*_: object) -> str:
    raise AssertionError("a board that was never published has no subscribers")


async def requests_of_a_sweep(areas: int) -> Counter[str]:
    """Return the requests of a sweep over a game of this number of areas, three of which are active."""
    catalogue = catalogue_of(areas)
    async with recorded_database() as tables:
        for number in (1, 2, 4):
            board = catalogue.boards[f"area-{number}"]
            await boards.load_or_create(tables.direct, board, NOW, unused)
        for number in range(5, areas + 1):
            row = {"gameArea": f"area-{number}", "activeHour": hour_of(f"area-{number}", NOW - LONG)}
            await tables.direct.client.put_item(TableName=LEADERBOARDS.name, Item=to_item(row))
        report = Report()
        assert await broadcaster(tables.db, catalogue, RecordingPush()).sweep(report) == []
        assert (report.boards_active, report.boards_left) == (3, 0)
        return Counter(tables.log)


async def test_sweep_of_2000_boards_asks_as_much_as_one_of_four() -> None:
    few = await requests_of_a_sweep(4)
    assert few == {"Query Leaderboards": INDEX_QUERIES, "GetItem Leaderboards": 3, "Query Scores": 3}
    assert await requests_of_a_sweep(2000) == few


class SlowBoards:
    """Tables that take these seconds, in virtual time, before they give a board out. `began` tells when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: Callable[[str], float]) -> None:
        self.began: dict[str, float] = {}
        self._load = boards.load_or_create
        self._seconds = seconds
        monkeypatch.setattr(boards, "load_or_create", self.load)

    async def load(
        self, db: Database, board: Board, now: int, encode: EncodeSnapshot, *, compare: bool
    ) -> PublishedBoard:
        self.began[board.id] = asyncio.get_running_loop().time()
        await asyncio.sleep(self._seconds(board.id))
        return await self._load(db, board, now, encode, compare=compare)


def in_virtual_time(play: Callable[[BroadcastScene], Awaitable[None]]) -> None:
    async def run() -> None:
        async with broadcast_scene() as scene:
            await play(scene)

    clock.run(run())


def test_slow_board_holds_up_neither_a_batch_nor_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(scene: BroadcastScene) -> None:
        for area in ("forest", "desert", "sprint"):
            await full_board(scene, area)
        SlowBoards(monkeypatch, lambda name: 1000 if name == "forest" else 0)
        await scene.score("dee", 40)
        await scene.score("dee", 40, "desert")
        batch = asyncio.create_task(scene.process())
        await asyncio.sleep(1)
        assert [frame["board"] for frame in scene.push.sent_to("viewer")] == ["desert"]
        batch.cancel()
        await scene.score("eve", 1, "sprint")
        scene.records()
        started = asyncio.get_running_loop().time()
        assert await sweep(scene) == ["forest"], "it has its end"
        assert asyncio.get_running_loop().time() == started + SWEEP_ENDS_SECONDS
        assert [frame["board"] for frame in scene.push.sent_to("viewer")] == ["desert", "sprint"]

    in_virtual_time(play)


def test_boards_whose_pushes_take_long_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than are read at a time: in all they take as long as one."""
    catalogue = catalogue_of(BATCH_BOARDS_AT_ONCE * 3)

    async def play() -> None:
        async with recorded_database() as tables:
            one = broadcaster(tables.db, catalogue, RecordingPush())
            pushed: list[str] = []

            async def push_outbox(board: PublishedBoard, *_: object) -> None:
                await asyncio.sleep(5)
                pushed.append(board.game_area)

            monkeypatch.setattr(one.runner, "push_outbox", push_outbox)
            for board in catalogue.boards.values():
                read = await boards.load_or_create(tables.direct, board, NOW, unused)
                await boards.publish(tables.direct, read, (), "{}", now=NOW, collapse=False)
            started = asyncio.get_running_loop().time()
            records = [record(name, number) for number, name in enumerate(catalogue.boards)]
            assert await one.process(records, Report()) == []
            assert asyncio.get_running_loop().time() == started + 5
            assert sorted(pushed) == sorted(catalogue.boards)

    clock.run(play())


def record(board: str, number: int) -> dict[str, Any]:
    """A record that tells of no better row than there is."""
    keys = to_item({"gameArea": board, "score": "1"})
    change = {"SequenceNumber": str(number), "Keys": keys, "ApproximateCreationDateTime": NOW / 1000}
    return {"eventName": "REMOVE", "dynamodb": change}


def test_sweep_goes_on_where_the_last_one_had_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted(f"area-{number}" for number in range(1, 5 * SWEPT_BOARDS_AT_ONCE + 1))

    async def play() -> None:
        catalogue = catalogue_of(len(names))
        async with recorded_database() as tables:
            for name in names:
                await boards.load_or_create(tables.direct, catalogue.boards[name], NOW, unused)
            slow = SlowBoards(monkeypatch, lambda _: 11)
            one = broadcaster(tables.db, catalogue, RecordingPush())
            visited: list[list[str]] = []
            for _ in range(2):
                report = Report()
                assert await one.sweep(report) == []
                assert (report.boards_active, report.boards_left) == (len(names), 2 * SWEPT_BOARDS_AT_ONCE)
                visited.append([*slow.began])
                slow.began.clear()
            first = names.index(visited[0][0])
            turned = names[first:] + names[:first]
            assert visited[0] == turned[: 3 * SWEPT_BOARDS_AT_ONCE]
            assert visited[1][: 2 * SWEPT_BOARDS_AT_ONCE] == turned[3 * SWEPT_BOARDS_AT_ONCE :]

    clock.run(play())


async def test_log_of_an_outage_does_not_grow_with_the_boards(caplog: pytest.LogCaptureFixture) -> None:
    catalogue = catalogue_of(100)
    async with recorded_database() as tables:
        for board in catalogue.boards.values():
            await boards.load_or_create(tables.direct, board, NOW, unused)
        tables.throttled.add("GetItem")
        with caplog.at_level(logging.ERROR, "podium.broadcaster"):
            failed = await broadcaster(tables.db, catalogue, RecordingPush()).sweep(Report())
    assert sorted(failed) == sorted(catalogue.boards)
    assert len(caplog.messages) == 21
    assert caplog.messages[-1] == "and 81 more boards"


async def test_sweep_tells_how_many_spectators_there_are() -> None:
    async with broadcast_scene(spectators=True) as scene:
        report = Report()
        assert await scene.broadcaster.sweep(report) == []
        assert report.spectators == 0
        for name in ("a", "b"):
            await spectators.admit(scene.direct, Bounds(9, 9), name, "203.0.113.9", NOW)
        await spectators.enter(scene.direct, 9)
        assert await scene.broadcaster.sweep(report) == []
        assert report.spectators == 2, "one of three had no connection"


async def test_spectators_that_cannot_be_counted_hold_up_no_board() -> None:
    async with broadcast_scene(spectators=True) as scene:
        await full_board(scene)
        await scene.score("dee", 40)
        scene.records()
        scene.refused = {"spectators"}
        report = Report()
        assert await scene.broadcaster.sweep(report) == ["spectators"]
        assert report.spectators is None
        assert await scene.shown() == ["dee", "ada", "bo"]


async def test_stage_without_spectators_counts_none(scene: BroadcastScene) -> None:
    report = Report()
    scene.log.clear()
    await scene.broadcaster.sweep(report)
    assert report.spectators is None
    assert scene.log == ["Query Leaderboards"] * INDEX_QUERIES
