"""Boards with many subscribers: who pushes what to whom, and the outcome when a part of it fails."""

from collections.abc import AsyncIterator, Collection

import pytest

from game.board import Entry
from realtime.push.client import PushResult
from store import connections, fanouts
from store.boards import OUTBOX_LIMIT, PublishedBoard
from streams.fanout import LEASE_SECONDS, Slice, UnpushedError
from streams.report import Report
from tests.support.boards import republished
from tests.unit.realtime.fakes import NOW
from tests.unit.streams.broadcast_scene import BroadcastScene, broadcast_scene, told

VIEWERS = [f"{letter}{number}=" for letter in "AKZaz" for number in range(4)]


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BroadcastScene]:
    """Yield a board that many watch, read in pages of two; its fan-outs have three slices."""
    monkeypatch.setattr(connections, "PAGE_LIMIT", 2)
    async with broadcast_scene(direct_limit=5) as scene:
        await scene.published()
        for viewer in VIEWERS:
            await scene.subscribe(viewer, "forest")
        yield scene


async def publish(scene: BroadcastScene, player: str, points: int, at: int = NOW) -> PublishedBoard:
    """Submit a player's score, and let the broadcaster publish it."""
    await scene.score(player, points, at=at)
    assert await scene.process() == []
    return await scene.published()


async def take(scene: BroadcastScene, number: int) -> Slice:
    """Let one of the pushers that wait do its work."""
    task = scene.started.pop(number)
    await scene.broadcaster.runner.push_slice(task, Report())
    return task


def test_event_of_a_slice_has_the_names_that_the_release_before_reads() -> None:
    event = Slice(board="forest", epoch=NOW, fanout="one", name="0").model_dump(by_alias=True)
    assert event == {"board": "forest", "epoch": NOW, "fanout": "one", "shard": "0"}
    assert Slice.model_validate(event).name == "0"


async def assert_quiet(scene: BroadcastScene) -> None:
    published = await scene.published()
    assert published.fanout is None
    assert published.outbox == {}
    assert scene.started == []


async def test_every_subscriber_gets_the_diff_once(scene: BroadcastScene) -> None:
    published = await publish(scene, "dee", 40)
    assert len(scene.started) == 3
    assert scene.push.frames == []
    assert published.fanout is not None
    assert set(published.fanout.pending) == {task.name for task in scene.started}
    report = await scene.run_pushers()
    assert {viewer: told(scene, viewer) for viewer in VIEWERS} == {
        viewer: [("snapshot", 2)] for viewer in VIEWERS
    }
    assert report.diffs_pushed == len(VIEWERS)
    await assert_quiet(scene)


async def test_small_board_is_pushed_to_directly(scene: BroadcastScene) -> None:
    for viewer in VIEWERS[5:]:
        await connections.close_connection(scene.direct, viewer)
    await publish(scene, "dee", 40)
    assert [viewer for viewer in VIEWERS if told(scene, viewer)] == VIEWERS[:5]
    await assert_quiet(scene)


async def test_what_is_published_meanwhile_goes_out_as_one_snapshot_by_the_last_pusher(
    scene: BroadcastScene,
) -> None:
    await publish(scene, "dee", 40)
    await take(scene, 0)
    for points in (50, 60, 70):
        await publish(scene, "dee", points)
    assert len(scene.started) == 2, "no second fan-out beside the first"
    await take(scene, 0)
    last = await take(scene, 0)
    assert len(scene.started) == 3
    assert all(task.fanout != last.fanout for task in scene.started)
    await scene.run_pushers()
    for viewer in VIEWERS:
        assert [version for _, version in told(scene, viewer)] == [2, 5]
    await assert_quiet(scene)


async def test_waiting_frames_collapse_and_reach_every_subscriber(scene: BroadcastScene) -> None:
    await publish(scene, "dee", 1)
    for points in range(2, OUTBOX_LIMIT + 6):
        await publish(scene, "dee", points)
    await scene.run_pushers()
    truth = (await scene.published()).entries
    for viewer in VIEWERS:
        frame = scene.push.sent_to(viewer)[-1]
        assert tuple(Entry.model_validate(entry) for entry in frame["entries"]) == truth
    await assert_quiet(scene)


async def test_repeated_event_does_nothing(scene: BroadcastScene) -> None:
    await publish(scene, "dee", 40)
    task = await take(scene, 0)
    before = len(scene.push.frames)
    await scene.broadcaster.runner.push_slice(task, Report())
    assert len(scene.push.frames) == before
    await scene.run_pushers()
    await scene.broadcaster.runner.push_slice(task, Report())
    assert len(scene.push.frames) == len(VIEWERS)


async def test_pushers_that_died_are_replaced_once_the_fanout_has_expired(scene: BroadcastScene) -> None:
    await publish(scene, "dee", 40)
    await take(scene, 0)
    dead = scene.started.copy()
    scene.started.clear()
    assert await scene.broadcaster.sweep(Report()) == []
    assert scene.started == [], "they may be at work"
    scene.now += LEASE_SECONDS * 1000
    assert await scene.broadcaster.sweep(Report()) == []
    assert [task.name for task in scene.started] == [task.name for task in dead]
    before = len(scene.push.frames)
    for task in dead:
        await scene.broadcaster.runner.push_slice(task, Report())
    assert len(scene.push.frames) == before, "the dead come back too late"
    await scene.run_pushers()
    assert all(len(told(scene, viewer)) == 1 for viewer in VIEWERS)
    await assert_quiet(scene)


async def test_pusher_that_dies_half_way_is_resumed_where_it_was(
    scene: BroadcastScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(scene, "dee", 40)
    pages: list[Collection[str]] = []
    push = scene.push.push

    async def die_at_second_page(frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        pages.append(connection_ids)
        if len(pages) == 2:
            raise RuntimeError("killed")
        return await push(frame, connection_ids, within=within)

    with monkeypatch.context() as patch:
        patch.setattr(scene.push, "push", die_at_second_page)
        with pytest.raises(RuntimeError):
            await scene.broadcaster.runner.push_slice(scene.started[0], Report())
    scene.started.append(scene.started[0])
    await scene.run_pushers()
    assert {viewer: len(told(scene, viewer)) for viewer in VIEWERS} == dict.fromkeys(VIEWERS, 1)
    await assert_quiet(scene)


async def test_stuck_connection_holds_up_no_other_and_keeps_the_frame(scene: BroadcastScene) -> None:
    stuck = VIEWERS[3]
    scene.push.failing = scene.push.unclosable = {stuck}
    await publish(scene, "dee", 40)
    with pytest.raises(UnpushedError):
        await scene.run_pushers()
    assert all(len(told(scene, viewer)) == 1 for viewer in VIEWERS if viewer != stuck)
    assert list((await scene.published()).outbox) == [2]
    scene.push.failing = scene.push.unclosable = set()
    assert await scene.broadcaster.sweep(Report()) == []
    await scene.run_pushers()
    assert told(scene, stuck) == [("snapshot", 2)]
    await assert_quiet(scene)


async def test_stuck_connection_does_not_hold_up_the_next_version(scene: BroadcastScene) -> None:
    stuck = VIEWERS[3]
    scene.push.failing = scene.push.unclosable = {stuck}
    await publish(scene, "dee", 40)
    await publish(scene, "dee", 50)
    with pytest.raises(UnpushedError):
        await scene.run_pushers()
    assert all(told(scene, viewer)[-1][1] == 3 for viewer in VIEWERS if viewer != stuck)


async def test_gone_connections_are_forgotten_and_failing_ones_closed(scene: BroadcastScene) -> None:
    gone, failing = VIEWERS[2], VIEWERS[7]
    scene.push.gone, scene.push.failing = {gone}, {failing}
    await publish(scene, "dee", 40)
    report = await scene.run_pushers()
    assert (report.connections_gone, report.pushes_failed) == (1, 1)
    assert await connections.channels(scene.direct, gone) == []
    assert failing in scene.push.closed
    await assert_quiet(scene)


async def test_slice_whose_pusher_does_not_start_is_pushed_by_the_function_that_noticed(
    scene: BroadcastScene,
) -> None:
    scene.unstartable = True
    await publish(scene, "dee", 40)
    assert all(len(told(scene, viewer)) == 1 for viewer in VIEWERS)
    await assert_quiet(scene)


async def test_republished_board_has_no_use_for_the_pushers_of_the_old_one(scene: BroadcastScene) -> None:
    await publish(scene, "dee", 40)
    await republished(scene.direct, scene.board("forest"), NOW + 1)
    await scene.run_pushers()
    assert scene.push.frames == []
    await assert_quiet(scene)


async def test_two_functions_that_start_a_fanout_at_once_start_one(scene: BroadcastScene) -> None:
    await scene.score("dee", 40)
    records = scene.records()
    other: list[list[str]] = []

    async def meanwhile() -> None:
        other.append(await scene.broadcaster.process(records, Report()))

    # The second broadcaster works off the same records between the first one's publication and its fan-out.
    scene.meanwhile["Query Connections"] = meanwhile
    assert await scene.broadcaster.process(records, Report()) == []
    assert other == [[]]
    assert len({task.fanout for task in scene.started}) == 1
    await scene.run_pushers()
    assert all(len(told(scene, viewer)) == 1 for viewer in VIEWERS)
    await assert_quiet(scene)


async def test_late_pusher_notices_that_it_was_replaced(scene: BroadcastScene) -> None:
    await publish(scene, "dee", 40)
    slow = scene.started.pop(0)
    published = await scene.published()
    assert published.fanout is not None

    async def replace() -> None:
        fanout = published.fanout
        assert fanout is not None
        await fanouts.start(scene.direct, published, fanout.model_copy(update={"id": "another"}))

    scene.meanwhile["UpdateItem Leaderboards"] = replace
    await scene.broadcaster.runner.push_slice(slow, Report())
    held = (await scene.published()).fanout
    assert held is not None
    assert (held.id, held.pending) == ("another", published.fanout.pending)


async def test_time_until_all_have_a_score_is_reported_by_the_last_pusher(scene: BroadcastScene) -> None:
    await publish(scene, "dee", 40, at=NOW - 500)
    scene.now += 2000
    report = await scene.run_pushers()
    assert (report.score_to_pushed, report.fanout_time) == (2500.0, 2000.0)
