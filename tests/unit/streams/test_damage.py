"""One bad row stays one bad row: whatever stands in the tables, good boards are published as if it did not.

What stands there comes from hypothesis: rows of `Scores`, of `Leaderboards` and of `Connections` with
attributes gone, of another kind, or huge, and malformed sort keys.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from game.activity import hour_of
from game.board import Position
from game.frames import FRAME_LIMIT
from game.scoring import encode
from realtime.protocol import encode_snapshot
from store import boards, fanouts, scores
from store.database import to_item
from store.errors import RequestError
from store.schema import CONNECTIONS, LEADERBOARDS, SCORES, Table
from streams.report import Report
from tests.simulation import clock
from tests.support.boards import republished
from tests.support.damage import Item, damaged
from tests.unit.realtime.fakes import NOW
from tests.unit.streams.broadcast_scene import CATALOGUE, BroadcastScene, broadcast_scene, full_board, told

ADA = encode("desc", 30, NOW, "ada")
ISSUE = {
    "gameArea": {"S": "forest"},
    "score": {"S": "1000000000000005#999998000000000000#u-x"},
    "points": {"N": "5"},
    "userId": {"S": "u-x"},
}
ROW = to_item(
    {"gameArea": "forest", "score": ADA, "points": 30, "userId": "ada", "name": "Ada", "achievedAt": NOW}
)
FRAME = encode_snapshot(CATALOGUE.boards["forest"], Position(NOW, 3), [])
FANOUT = {"id": "f", "to": 3, "startedAt": NOW, "expiresAt": NOW - 1, "pending": {"0": ["", None]}}
BOARD = to_item(
    {"gameArea": "forest", "epoch": NOW, "version": 3, "entries": "[]", "outbox": {"3": FRAME}}
    | {"fanout": FANOUT}
)
SUBSCRIBER = to_item({"channel": "forest", "connectionId": "viewer", "userId": "v", "expiresAt": NOW})
KEYS = st.one_of(
    st.just(ADA),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60),
    st.sampled_from(
        [
            # Of the other order, of a longer number, and of a row that tells of other points than its key.
            encode("asc", 30, NOW, "ada"),
            "0" + ADA,
            encode("desc", 31, NOW, "ada"),
            "~" * 1000,
        ]
    ),
)
IDS = st.one_of(st.just("viewer"), st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))


class Damage(NamedTuple):
    table: Table
    item: Item

    async def happen(self, scene: BroadcastScene) -> None:
        try:
            await scene.direct.client.put_item(TableName=self.table.name, Item=self.item)
        except RequestError:
            """No such item can stand in a table."""


DAMAGES = st.one_of(
    st.builds(
        lambda key, item: Damage(SCORES, item | {"score": {"S": key}}), KEYS, damaged(ROW, SCORES.keys)
    ),
    damaged(BOARD, LEADERBOARDS.keys).map(lambda item: Damage(LEADERBOARDS, item)),
    st.builds(
        lambda name, item: Damage(CONNECTIONS, item | {"connectionId": {"S": name}}),
        IDS,
        damaged(SUBSCRIBER, CONNECTIONS.keys),
    ),
)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DAMAGES, min_size=1, max_size=4))
def test_boards_survive_any_row(damages: Sequence[Damage]) -> None:
    clock.run(play(damages))


async def play(damages: Sequence[Damage]) -> None:
    async with broadcast_scene() as scene:
        await full_board(scene)
        await full_board(scene, "desert")
        scene.push.frames.clear()
        for damage in damages:
            await damage.happen(scene)
        await scene.score("dee", 40, "desert")
        await scene.score("eve", 99)

        assert await scene.process() == [], "others would wait for a batch that is given again"
        assert await scene.shown("desert") == ["dee", "ada", "bo"]
        assert ("diff", 2) in told(scene), "the board that nothing is wrong with is on the screens at once"
        await scene.run_pushers()
        assert await scene.broadcaster.sweep(Report()) == []
        await scene.run_pushers()
        await check(scene)

        for board in ("forest", "desert", "sprint", "global"):
            await republished(scene.direct, scene.board(board), NOW + 1)
        await check(scene)


async def check(scene: BroadcastScene) -> None:
    """The damaged board, too, is as the good rows of its table have it, and nothing is left to be pushed."""
    truth = await scores.top(scene.direct, scene.board("forest"))
    published = await boards.load(scene.direct, "forest")
    assert published is not None
    assert published.entries == truth
    assert (published.outbox, published.fanout) == ({}, None)
    everybody = await scores.page(scene.direct, scene.board("forest"), limit=100)
    assert {"eve", "bo", "cy"} <= {entry.user_id for entry in everybody}
    assert [entry.rank for entry in everybody] == list(range(1, len(everybody) + 1))


async def test_damaged_row_is_left_out_and_logged_by_key(scene: BroadcastScene, caplog: Any) -> None:
    await full_board(scene)
    await scene.direct.client.put_item(TableName=SCORES.name, Item=ISSUE)
    await scene.score("dee", 40)
    assert await scene.process() == []
    assert await scene.shown() == ["dee", "ada", "bo"]
    everybody = await scores.page(scene.direct, scene.board("forest"), limit=10)
    assert [(entry.rank, entry.user_id) for entry in everybody] == [
        (1, "dee"),
        (2, "ada"),
        (3, "bo"),
        (4, "cy"),
    ]
    (line,) = [line for line in caplog.messages if "left out" in line]
    assert ISSUE["score"]["S"] in line
    assert "name: Field required" in line


async def test_board_that_cannot_be_read_gets_a_later_epoch_and_reaches_every_screen(
    scene: BroadcastScene,
) -> None:
    await full_board(scene)
    before = await scene.published()
    await scene.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": "forest"}),
        UpdateExpression="SET entries = :entries, epoch = :epoch",
        ExpressionAttributeValues=to_item({":entries": '{"ada": 30}', ":epoch": before.epoch + 5}),
    )
    assert await scene.broadcaster.sweep(Report()) == []
    after = await scene.published()
    assert (after.position, after.entries, after.outbox) == ((before.epoch + 6, 1), before.entries, {})
    (frame,) = scene.push.sent_to("viewer")
    assert (frame["type"], frame["epoch"], frame["version"]) == ("snapshot", before.epoch + 6, 1)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "diff",
        "[]",
        "3",
        '"{}"',
        "{",
        '{"x": NaN}',
        FRAME + "x",
        "[" * 30_000,
        FRAME.ljust(FRAME_LIMIT + 1),
    ],
    ids=lambda frame: frame[:9],
)
async def test_text_that_is_no_frame_is_not_pushed(scene: BroadcastScene, frame: str) -> None:
    """A crash, or another hand, left it in the outbox."""
    await full_board(scene)
    before = await scene.published()
    read = await boards.publish(scene.direct, before, before.entries, FRAME, now=NOW, collapse=False)
    await scene.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": "forest"}),
        UpdateExpression="SET outbox = :outbox",
        ExpressionAttributeValues=to_item({":outbox": {str(read.version): frame}}),
    )
    assert await scene.broadcaster.sweep(Report()) == []
    after = await scene.published()
    assert (after.position, after.entries, after.outbox) == ((before.epoch + 1, 1), before.entries, {})
    (pushed,) = scene.push.sent_to("viewer")
    assert (pushed["type"], pushed["epoch"], pushed["version"]) == ("snapshot", before.epoch + 1, 1)


async def test_board_that_another_function_publishes_meanwhile_is_taken_as_it_is(
    scene: BroadcastScene,
) -> None:
    await full_board(scene)
    broken = to_item({"gameArea": "forest", "epoch": NOW, "version": 1, "activeHour": hour_of("forest", NOW)})
    await scene.direct.client.put_item(TableName=LEADERBOARDS.name, Item=broken)

    async def other() -> None:
        await boards.load_or_create(scene.direct, scene.board("forest"), NOW + 50, encode_snapshot)

    scene.meanwhile["PutItem Leaderboards"] = other
    assert await scene.broadcaster.sweep(Report()) == []
    assert (await scene.published()).position == (NOW + 50, 1)


async def test_board_that_breaks_while_it_is_published_is_published_again(scene: BroadcastScene) -> None:
    await full_board(scene)

    async def breaks() -> None:
        await scene.direct.client.update_item(
            TableName=LEADERBOARDS.name,
            Key=to_item({"gameArea": "forest"}),
            UpdateExpression="SET fanout = :broken",
            ExpressionAttributeValues=to_item({":broken": "yes"}),
        )

    scene.meanwhile["UpdateItem Leaderboards"] = breaks
    await scene.score("dee", 40)
    assert await scene.process() == []
    assert await scene.shown() == ["dee", "ada", "bo"]
    assert (await scene.published()).epoch > NOW


async def test_fan_out_that_never_expires_is_taken_over(scene: BroadcastScene) -> None:
    """Nothing would reach the board's screens any more."""
    await full_board(scene)
    read = await scene.published()
    read = await boards.publish(scene.direct, read, read.entries, FRAME, now=NOW, collapse=False)
    fanout = boards.FanOutRow.model_validate(FANOUT | {"expiresAt": NOW * 10, "to": read.version})
    await fanouts.start(scene.direct, read, fanout)
    assert await scene.broadcaster.sweep(Report()) == []
    await scene.run_pushers()
    assert (await scene.published()).outbox == {}


async def test_second_row_of_a_player_is_left_out(scene: BroadcastScene) -> None:
    await full_board(scene)
    row = ROW | {"score": {"S": encode("desc", 25, NOW, "ada")}, "points": {"N": "25"}}
    await scene.direct.client.put_item(TableName=SCORES.name, Item=row)
    assert await scene.broadcaster.sweep(Report()) == []
    assert await scene.shown() == ["ada", "bo", "cy"]
