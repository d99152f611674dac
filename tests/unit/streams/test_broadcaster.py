"""The broadcaster, case by case; `test_promise.py` has them all at once."""

import logging

import pytest

from store import boards, scores
from store.board_rules import Admission, BrokenBoardsError, find_breaks, settle
from store.database import to_item
from store.schema import LEADERBOARDS
from streams.report import Report
from tests.support.boards import republished
from tests.support.catalogues import edited
from tests.unit.realtime.fakes import NOW
from tests.unit.streams.broadcast_scene import CATALOGUE, BroadcastScene, full_board, number, told


async def test_batch_of_any_size_is_one_diff_per_board(scene: BroadcastScene) -> None:
    await full_board(scene)
    await full_board(scene, "desert")
    for points in (40, 41, 42):
        await scene.score("ada", points)
        await scene.score("bo", points)
        await scene.score("cy", points, "desert")
    assert await scene.process() == []
    frames = {frame["board"]: frame for frame in scene.push.sent_to("viewer")}
    assert len(scene.push.frames) == 2
    assert (frames["forest"]["from"], frames["forest"]["to"]) == (1, 2)
    assert [(one["userId"], one["score"]) for one in frames["forest"]["changes"]] == [("bo", 42), ("ada", 42)]
    assert [(one["userId"], one["score"]) for one in frames["desert"]["changes"]] == [("cy", 42)]
    for area in ("forest", "desert"):
        assert (await scene.published(area)).outbox == {}


@pytest.mark.parametrize(
    ("area", "points", "late"),
    [
        ("forest", (30, 20, 10), 9),
        ("forest", (30, 20, 10), 10),
        ("sprint", (10, 20, 30), 31),
        ("sprint", (10, 20, 30), 30),
    ],
)
async def test_score_under_the_bar_costs_one_read(
    scene: BroadcastScene, area: str, points: tuple[int, ...], late: int
) -> None:
    await full_board(scene, area, points)
    # As many points as the last on the board, but later: still under it.
    await scene.score("dee", late, area, at=NOW + 1)
    assert await scene.process() == []
    assert scene.log == ["GetItem Leaderboards"]
    assert (await scene.published(area)).version == 1


@pytest.mark.parametrize(
    ("area", "points", "good"), [("forest", (30, 20, 10), 11), ("sprint", (10, 20, 30), 29)]
)
async def test_score_over_the_bar_is_published(
    scene: BroadcastScene, area: str, points: tuple[int, ...], good: int
) -> None:
    await full_board(scene, area, points)
    await scene.score("dee", good, area, at=NOW + 1)
    assert await scene.process() == []
    assert await scene.shown(area) == ["ada", "bo", "dee"]
    (frame,) = scene.push.sent_to("viewer")
    assert [(one["op"], one["userId"]) for one in frame["changes"]] == [("remove", "cy"), ("set", "dee")]


async def test_any_score_is_published_while_the_board_has_room(scene: BroadcastScene) -> None:
    await scene.score("ada", 30)
    await scene.published()
    scene.records()
    await scene.score("bo", -99)
    await scene.process()
    assert await scene.shown() == ["ada", "bo"]


async def test_board_is_loaded_before_the_truth_and_subscribers_after_the_write(
    scene: BroadcastScene,
) -> None:
    await full_board(scene)
    await scene.score("dee", 40)
    await scene.process()
    assert scene.log == [
        "GetItem Leaderboards",
        "Query Scores",
        "UpdateItem Leaderboards",
        "Query Connections",
        "push",
        "UpdateItem Leaderboards",
    ]


async def test_batch_given_again_pushes_nothing_new(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.score("dee", 40)
    batch = scene.records()
    await scene.process(batch)
    before = list(scene.push.frames)
    assert await scene.process(batch) == []
    assert scene.push.frames == before
    assert (await scene.published()).version == 2


async def test_failed_board_reports_its_first_record_and_the_others_go_out(scene: BroadcastScene) -> None:
    await full_board(scene)
    await full_board(scene, "desert")
    await scene.score("dee", 50, "desert")
    await scene.score("dee", 50)
    await scene.score("eve", 60)
    batch = scene.records()
    scene.refused = {"forest"}
    assert await scene.process(batch) == [number(batch[1])]
    assert await scene.shown("desert") == ["dee", "ada", "bo"]
    assert [frame["board"] for frame in scene.push.sent_to("viewer")] == ["desert"]
    scene.refused = set()
    assert await scene.process(batch) == []
    assert await scene.shown() == ["eve", "dee", "ada"]


async def test_record_that_cannot_be_read_is_left_to_the_sweep_and_the_rest_done(
    scene: BroadcastScene, caplog: pytest.LogCaptureFixture
) -> None:
    await full_board(scene)
    await scene.score("dee", 40)
    await scene.score("eve", 50)
    bad, *good = scene.records()
    del bad["dynamodb"]["Keys"]
    with caplog.at_level(logging.ERROR, "podium.broadcaster"):
        assert await scene.process([*good, bad]) == [], "a shard would stand still for nothing"
    assert await scene.shown() == ["eve", "dee", "ada"]
    assert f"record {number(bad)}" in caplog.text


async def test_record_of_an_area_that_left_the_catalogue_is_passed_over(scene: BroadcastScene) -> None:
    await scene.score("ada", 30)
    (record,) = scene.records()
    record["dynamodb"]["Keys"]["gameArea"] = {"S": "swamp"}
    assert await scene.process([record]) == []
    assert scene.log == []


async def test_lowered_bar_looks_again(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.score("dee", 5)
    scene.records()

    async def late_score() -> None:
        # Under the bar that is published at this moment, so that its own broadcaster drops it.
        await scene.score("eve", 7)

    scene.meanwhile["UpdateItem Leaderboards"] = late_score
    await scene.erase("ada")
    assert await scene.process() == []
    assert scene.log.count("Query Scores") == 2
    assert await scene.shown() == ["bo", "cy", "eve"]
    assert told(scene) == [("diff", 2), ("diff", 3)]


async def test_raised_bar_does_not_look_again(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.score("dee", 40)
    await scene.process()
    assert scene.log.count("Query Scores") == 1


async def test_lost_race_is_run_again_from_what_the_winner_published(scene: BroadcastScene) -> None:
    await full_board(scene)

    async def winner() -> None:
        read = await scene.published()
        frame = '{"type":"diff","to":2}'
        await boards.publish(scene.direct, read, read.entries, frame, now=NOW, collapse=False)

    scene.meanwhile["UpdateItem Leaderboards"] = winner
    await scene.score("dee", 40)
    assert await scene.process() == []
    assert scene.log.count("Query Scores") == 2
    assert await scene.shown() == ["dee", "ada", "bo"]
    assert told(scene) == [("diff", 2), ("diff", 3)], "the winner's frame was not pushed yet"


async def test_board_that_was_withdrawn_meanwhile_is_published_in_its_new_epoch(
    scene: BroadcastScene,
) -> None:
    await full_board(scene)

    async def withdraw() -> None:
        await republished(scene.direct, scene.board("forest"), NOW + 1000)

    scene.meanwhile["UpdateItem Leaderboards"] = withdraw
    await scene.score("dee", 40)
    assert await scene.process() == []
    published = await scene.published()
    assert published.position == (NOW + 1000, 1)
    assert await scene.shown() == ["dee", "ada", "bo"]


async def test_sweep_publishes_changes_without_a_record(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.score("dee", 40)
    report = Report()
    assert await scene.broadcaster.sweep(report) == []
    assert await scene.shown() == ["dee", "ada", "bo"]
    assert told(scene) == [("diff", 2)]
    assert report.boards_changed == 1


async def test_sweep_names_the_boards_that_failed_and_does_the_rest(scene: BroadcastScene) -> None:
    await full_board(scene, "desert")
    for area in ("forest", "sprint"):
        await scene.published(area)
    await scene.score("dee", 40, "desert")
    scene.refused = {"forest", "sprint"}
    assert sorted(await scene.broadcaster.sweep(Report())) == ["forest", "sprint"]
    assert await scene.shown("desert") == ["dee", "ada", "bo"]


async def test_bar_is_the_stored_sort_key_of_the_last_row(scene: BroadcastScene) -> None:
    for area in ("forest", "sprint"):
        await full_board(scene, area)
        await scene.score("dee", 5 if area == "sprint" else 40, area)
        assert await scene.process() == []
        last = (await scores.rows(scene.direct, scene.board(area), limit=3))[-1]
        published = await scene.published(area)
        assert (published.version, published.bar) == (2, last.sort_key)
        await republished(scene.direct, scene.board(area), NOW)
        assert (await scene.published(area)).bar == last.sort_key


async def test_bar_that_a_release_without_bars_left_behind_is_not_believed(scene: BroadcastScene) -> None:
    await full_board(scene)
    await scene.score("dee", 40)
    await scene.process()
    await scene.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": "forest"}),
        UpdateExpression="SET #version = :version",
        ExpressionAttributeNames={"#version": "version"},
        ExpressionAttributeValues=to_item({":version": 3}),
    )
    assert (await scene.published()).bar is None
    await scene.score("eve", 1)
    await scene.process()
    assert "Query Scores" in scene.log


async def test_board_that_a_release_without_bars_published_has_one_all_the_same(
    scene: BroadcastScene,
) -> None:
    await full_board(scene)
    await scene.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": "forest"}),
        UpdateExpression="REMOVE #last",
        ExpressionAttributeNames={"#last": "last"},
    )
    await scene.score("eve", 1)
    await scene.process()
    assert "Query Scores" not in scene.log
    await scene.score("fay", 99)
    await scene.process()
    assert (await scene.shown())[0] == "fay"


async def test_nothing_is_published_by_a_catalogue_that_misreads_the_rows(scene: BroadcastScene) -> None:
    await full_board(scene)
    await settle(scene.direct, CATALOGUE)
    flipped = edited(CATALOGUE, areas={"forest": {"order": "asc"}}, boards={"global": None})
    await scene.score("dee", 40)
    records = scene.records()
    held = await scene.published()
    scene.broadcaster._catalogue = flipped
    scene.broadcaster._admission = Admission(scene.direct, flipped, find_breaks)
    with pytest.raises(BrokenBoardsError, match=r"areas\.forest\.order"):
        await scene.process(records)
    with pytest.raises(BrokenBoardsError, match=r"areas\.forest\.order"):
        await scene.broadcaster.sweep(Report())
    assert await scene.published() == held
    scene.broadcaster._catalogue = CATALOGUE
    scene.broadcaster._admission = Admission(scene.direct, CATALOGUE, find_breaks)
    assert await scene.process(records) == []
    assert await scene.shown() == ["dee", "ada", "bo"]
