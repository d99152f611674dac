"""From a published board to every screen: the outbox, connections that fail, and what is reported."""

import logging
from typing import Any

import pytest

from realtime.push.client import PushResult
from store import boards
from store.boards import OUTBOX_LIMIT
from store.connections import channels
from streams.report import Report
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW
from tests.unit.streams.broadcast_scene import BroadcastScene, full_board, number, told


async def test_left_over_outbox_is_pushed_and_cleared_though_nothing_changed(scene: BroadcastScene) -> None:
    await full_board(scene)
    read = await scene.published()
    await boards.publish(scene.direct, read, read.entries, '{"type":"diff","to":2}', now=NOW, collapse=False)
    await scene.score("dee", 1)
    assert await scene.process() == []
    assert "Query Scores" not in scene.log
    assert told(scene) == [("diff", 2)]
    assert (await scene.published()).outbox == {}


async def test_outbox_is_pushed_in_the_order_of_its_versions(scene: BroadcastScene) -> None:
    await full_board(scene)
    for _ in range(2, 9):
        pushed = await boards.publish(
            scene.direct, await scene.published(), (), "{}", now=NOW, collapse=False
        )
        await boards.clear_outbox(scene.direct, pushed)
    for version in range(9, 12):
        frame = f'{{"type":"diff","to":{version}}}'
        await boards.publish(scene.direct, await scene.published(), (), frame, now=NOW, collapse=False)
    await scene.broadcaster.sweep(Report())
    assert told(scene)[:3] == [("diff", 9), ("diff", 10), ("diff", 11)]


async def test_stuck_connection_keeps_the_outbox(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.subscribe("stuck", "forest")
    scene.push.failing = scene.push.unclosable = {"stuck"}
    await scene.score("dee", 40)
    batch = scene.records()
    assert await scene.process(batch) == [number(batch[0])]
    assert told(scene) == [("diff", 2)], "the others are served all the same"
    assert list((await scene.published()).outbox) == [2]
    scene.push.failing = scene.push.unclosable = set()
    assert await scene.process(batch) == []
    assert told(scene, "stuck") == [("diff", 2)]
    assert (await scene.published()).outbox == {}


async def test_connection_that_took_no_frame_is_closed_and_spared_the_rest(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.subscribe("slow", "forest")
    scene.push.failing = {"slow"}
    read = await scene.published()
    await boards.publish(scene.direct, read, (), '{"type":"diff","to":2}', now=NOW, collapse=False)
    await scene.score("dee", 40)
    report = Report()
    assert await scene.process(report=report) == []
    assert scene.push.closed == ["slow"]
    assert [version for _, version in told(scene)] == [2, 3]
    assert report.pushes_failed == 1
    assert (await scene.published()).outbox == {}


async def test_gone_connection_is_forgotten_and_closed(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.subscribe("gone", "forest", "desert", "all")
    scene.push.gone = {"gone"}
    await scene.score("dee", 40)
    assert await scene.process() == []
    assert await channels(scene.direct, "gone") == []
    assert scene.push.closed == ["gone"]
    assert told(scene) == [("diff", 2)]


async def test_full_outbox_collapses_into_one_snapshot(scene: BroadcastScene) -> None:
    await full_board(scene)
    scene.push.failing = scene.push.unclosable = {"viewer"}
    for points in range(40, 40 + OUTBOX_LIMIT):
        await scene.score("dee", points)
        assert len(await scene.process()) == 1
    assert list((await scene.published()).outbox) == list(range(2, 2 + OUTBOX_LIMIT))
    await scene.score("dee", 90)
    await scene.process()
    newest = 2 + OUTBOX_LIMIT
    assert list((await scene.published()).outbox) == [newest]
    scene.push.failing = scene.push.unclosable = set()
    assert await scene.broadcaster.sweep(Report()) == []
    (frame,) = scene.push.sent_to("viewer")
    assert (frame["type"], frame["version"]) == ("snapshot", newest)
    assert [(one["userId"], one["score"]) for one in frame["entries"]] == [
        ("dee", 90),
        ("ada", 30),
        ("bo", 20),
    ]


async def test_report_counts_what_was_done(scene: BroadcastScene) -> None:
    await full_board(scene)
    await full_board(scene, "desert")
    for connection_id in ("gone", "slow"):
        await scene.subscribe(connection_id, "forest")
    scene.push.gone, scene.push.failing = {"gone"}, {"slow"}
    await scene.score("dee", 40, at=NOW - 3000)
    await scene.score("eve", 50, at=NOW - 1000)
    await scene.score("dee", 1, "desert", at=NOW - 9000)
    batch = scene.records()
    for seconds, record in zip((4, 2, 1), batch, strict=True):
        record["dynamodb"]["ApproximateCreationDateTime"] = NOW / 1000 - seconds
    report = Report()
    assert await scene.process(batch, report) == []
    assert report == Report(
        boards_changed=1,
        diffs_pushed=1,
        pushes_failed=1,
        connections_gone=1,
        oldest_record_age=4000.0,
        # The desert's score is under the bar: no client waits for it.
        score_to_pushed=3000.0,
    )


async def test_report_of_nothing_has_no_times(scene: BroadcastScene) -> None:
    report = Report()
    assert await scene.process([], report) == []
    assert report == Report()
    assert (report.oldest_record_age, report.score_to_pushed) == (None, None)


async def test_mistake_of_ours_on_one_board_leaves_the_others_alone(
    scene: BroadcastScene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await full_board(scene)
    await full_board(scene, "desert")
    push = scene.push.push

    async def broken(frame: str, *rest: Any, **options: Any) -> PushResult:
        if '"forest"' in frame:
            raise RuntimeError("a mistake of ours")
        return await push(frame, *rest, **options)

    monkeypatch.setattr(scene.push, "push", broken)
    await scene.score("dee", 40)
    await scene.score("dee", 40, "desert")
    with caplog.at_level(logging.ERROR, "podium.broadcaster"):
        assert await scene.process() == [], "a retry would not mend it"
        assert [frame["board"] for frame in scene.push.sent_to("viewer")] == ["desert"]
        assert await scene.broadcaster.sweep(Report()) == ["forest"], "the sweep's alarm sees it"
    assert "Traceback" in caplog.text
    assert "board forest: RuntimeError('a mistake of ours')" in caplog.text


async def test_end_of_the_process_is_not_swallowed(
    scene: BroadcastScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ended(*_: Any, **__: Any) -> None:
        raise CrashError

    await full_board(scene)
    monkeypatch.setattr(scene.push, "push", ended)
    await scene.score("dee", 40)
    with pytest.RaisesGroup(CrashError):
        await scene.process()
