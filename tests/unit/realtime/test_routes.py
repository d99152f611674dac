"""The WebSocket routes: what each frame is answered with, and what is remembered."""

import json
from dataclasses import replace
from typing import Any

import pytest

from game.activity import HOUR_MS, hour_of
from game.live import CONNECTIONS_LIMIT, SUBPROTOCOL
from realtime.gone import forget
from realtime.protocol import encode_snapshot
from realtime.routes import Live, UnreachableError, handle
from store import boards, connections, players, subscriptions
from store.connections import HANDSHAKE_SECONDS, LIFETIME_SECONDS
from store.database import Database, to_item
from store.errors import ConflictError, RequestError
from store.schema import CONNECTIONS, LEADERBOARDS
from store.users import UsersUnavailableError
from tests.simulation import clock as simulated_clock
from tests.support.boards import republished
from tests.unit.events import recorded
from tests.unit.realtime.fakes import NOW, RecordingPush, clock
from tests.unit.realtime.live_scene import (
    CALLER,
    PLAYER,
    LiveScene,
    Members,
    catalogue_of,
    live_scene,
    position,
)
from tests.unit.store.turns import Work, interleave

FOREST = "area-1"
DESERT = "area-2"
AGO = NOW - 1000 * HANDSHAKE_SECONDS
"""When connections were recorded that are open by now."""
STANDING = {"all", f"user#{PLAYER}"}
"""The channels that every connection is on."""


@pytest.fixture
def ticking(scene: LiveScene, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a clock of the scene's: the last of these, in milliseconds."""
    times = [NOW]
    monkeypatch.setattr(scene, "live", replace(scene.live, now_ms=lambda: times[-1]))
    return times


async def connected(scene: LiveScene) -> set[str]:
    """The player's connections."""
    pages = connections.subscribers(scene.direct, connections.user_channel(PLAYER))
    return {one async for page in pages for one in page}


async def published(scene: LiveScene, board: str) -> boards.PublishedBoard:
    return await boards.load_or_create(scene.direct, scene.live.catalogue.boards[board], NOW, encode_snapshot)


async def publish_next(scene: LiveScene, board: str) -> boards.PublishedBoard:
    """Return the board's next version, whatever is on it."""
    read = await published(scene, board)
    return await boards.publish(scene.direct, read, read.entries, "{}", now=NOW, collapse=False)


async def test_connect_records_the_player_and_everyone(scene: LiveScene) -> None:
    assert await scene.event("$connect") == {"statusCode": 200}
    assert await scene.channels() == STANDING
    row = await scene.row("all")
    assert row["userId"] == {"S": PLAYER}
    assert row["expiresAt"] == {"N": str(NOW // 1000 + LIFETIME_SECONDS)}


async def test_connect_chooses_our_subprotocol_when_offered(scene: LiveScene) -> None:
    answer = await scene.event("$connect", headers={"Sec-WebSocket-Protocol": "podium, token"})
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}


async def test_connect_chooses_no_other_subprotocol(scene: LiveScene) -> None:
    assert await scene.event("$connect", headers={"Sec-WebSocket-Protocol": "token"}) == {"statusCode": 200}


async def test_connection_beyond_the_limit_hangs_up_the_one_that_subscribed_the_longest_ago(
    scene: LiveScene,
) -> None:
    for number in range(CONNECTIONS_LIMIT):
        # In no order of their ids.
        opened = AGO - 1000 * (number * 7 % CONNECTIONS_LIMIT)
        await connections.open_connection(scene.direct, f"tab-{number:02}", PLAYER, opened)
    await connections.open_connection(scene.direct, "another's", "another", AGO - 60_000)
    oldest = max(range(CONNECTIONS_LIMIT), key=lambda number: number * 7 % CONNECTIONS_LIMIT)
    assert await scene.event("$connect") == {"statusCode": 200}
    assert scene.push.closed == [f"tab-{oldest:02}"]
    assert await scene.channels(f"tab-{oldest:02}") == set()
    assert await scene.channels() == STANDING
    assert len(await connected(scene)) == CONNECTIONS_LIMIT


async def test_connection_that_may_be_opening_keeps_its_rows(scene: LiveScene, ticking: list[int]) -> None:
    """Closing it is answered with 410, as if it were gone, and it opens after that."""
    await connections.open_connection(scene.direct, "opening", PLAYER, NOW - 1000)
    for number in range(CONNECTIONS_LIMIT - 1):
        await connections.open_connection(scene.direct, f"tab-{number:02}", PLAYER, NOW)
    await scene.event("$connect")
    assert scene.push.closed == ["opening"]
    assert await scene.channels("opening") == STANDING
    # So it is found again, and closed for good.
    ticking.append(NOW + 1000 * HANDSHAKE_SECONDS)
    await scene.event("$connect")
    assert scene.push.closed == ["opening"] * 2
    assert await scene.channels("opening") == set()
    assert len(await connected(scene)) == CONNECTIONS_LIMIT


async def test_connections_up_to_the_limit_stay(scene: LiveScene) -> None:
    for number in range(CONNECTIONS_LIMIT - 1):
        await connections.open_connection(scene.direct, f"tab-{number:02}", PLAYER, AGO)
    await scene.event("$connect")
    assert scene.push.closed == []
    assert len(await connected(scene)) == CONNECTIONS_LIMIT


async def test_connection_that_cannot_be_closed_is_found_again(scene: LiveScene) -> None:
    for number in range(CONNECTIONS_LIMIT):
        await connections.open_connection(scene.direct, f"tab-{number:02}", PLAYER, AGO)
    scene.push.unclosable = {"tab-00"}
    await scene.event("$connect")
    assert len(await connected(scene)) == CONNECTIONS_LIMIT + 1
    scene.push.unclosable = set()
    await scene.event("$connect")
    assert "tab-00" not in await connected(scene)


async def test_hundreds_of_connections_are_worked_off_a_page_at_a_time(scene: LiveScene) -> None:
    for number in range(150):
        await connections.open_connection(scene.direct, f"tab-{number:03}", PLAYER, AGO)
    await scene.event("$connect")
    assert len(scene.push.closed) <= 100
    assert scene.log.count("Query Connections") <= 1 + len(scene.push.closed)
    await scene.event("$connect")
    assert len(await connected(scene)) == CONNECTIONS_LIMIT


async def test_row_without_an_expiry_is_the_first_to_go(scene: LiveScene) -> None:
    for number in range(CONNECTIONS_LIMIT):
        await connections.open_connection(scene.direct, f"tab-{number:02}", PLAYER, AGO)
    row = to_item({"channel": f"user#{PLAYER}", "connectionId": "zzz"})
    await scene.direct.client.put_item(TableName=CONNECTIONS.name, Item=row)
    await scene.event("$connect")
    assert scene.push.closed[0] == "zzz"


async def test_connection_whose_rows_a_push_deleted_while_it_opened_has_them_again(scene: LiveScene) -> None:
    await scene.event("$connect")
    # One cannot post to a connection during its $connect: that is answered 410.
    await forget(scene.direct, scene.push, [CALLER])
    assert await scene.channels() == set()
    await scene.ask({"action": "subscribe", "boards": [FOREST]})
    assert await scene.channels() == {FOREST} | STANDING


async def test_disconnect_forgets_the_connection_alone(scene: LiveScene) -> None:
    await scene.event("$connect")
    await scene.ask({"action": "subscribe", "boards": [FOREST]})
    await scene.subscribe("another", FOREST)
    assert await scene.event("$disconnect") == {"statusCode": 200}
    assert await scene.channels() == set()
    assert await scene.channels("another") == {FOREST}


async def test_disconnect_of_a_stranger_is_no_error(scene: LiveScene) -> None:
    assert await scene.event("$disconnect") == {"statusCode": 200}


async def test_subscribe_answers_a_snapshot_for_each_board(scene: LiveScene) -> None:
    await scene.score("ada", FOREST, 7)
    forest, desert = await scene.ask({"action": "subscribe", "boards": [FOREST, DESERT, FOREST]})
    assert forest == {
        "type": "snapshot",
        "board": FOREST,
        "epoch": NOW,
        "version": 1,
        "size": 3,
        "entries": [
            {"rank": 1, "userId": "ada", "name": "Ada", "avatar": None, "score": 7, "achievedAt": NOW}
        ],
    }
    assert (desert["board"], desert["entries"]) == (DESERT, [])
    assert await scene.channels() == {FOREST, DESERT} | STANDING


async def test_subscribe_writes_the_row_before_it_reads_the_board(scene: LiveScene) -> None:
    await published(scene, FOREST)
    await scene.ask({"action": "subscribe", "boards": [FOREST]})
    assert scene.log == [
        "BatchWriteItem Connections",
        "GetItem Players",
        "BatchGetItem Leaderboards",
        "push",
    ]


async def test_subscribe_makes_an_unpublished_board_after_the_row(scene: LiveScene) -> None:
    await scene.ask({"action": "subscribe", "boards": [FOREST]})
    assert scene.log[0] == "BatchWriteItem Connections"
    assert "PutItem Leaderboards" in scene.log[1:-1]
    assert scene.log[-1] == "push"


async def test_subscribe_with_the_version_held_answers_current(scene: LiveScene) -> None:
    held = position(await published(scene, FOREST))
    answers = await scene.ask({"action": "subscribe", "boards": [FOREST], "versions": {FOREST: held}})
    assert answers == [{"type": "current", "board": FOREST, **held}]
    assert await scene.channels() == {FOREST} | STANDING


@pytest.mark.parametrize(
    "held", [{"epoch": NOW, "version": 1}, {"epoch": NOW, "version": 3}, {"epoch": 1, "version": 2}]
)
async def test_subscribe_with_another_version_answers_a_snapshot(
    scene: LiveScene, held: dict[str, int]
) -> None:
    await publish_next(scene, FOREST)
    (answer,) = await scene.ask({"action": "subscribe", "boards": [FOREST], "versions": {FOREST: held}})
    assert (answer["type"], answer["epoch"], answer["version"]) == ("snapshot", NOW, 2)


async def test_unsubscribe_forgets_the_boards_named(scene: LiveScene) -> None:
    await scene.ask({"action": "subscribe", "boards": [FOREST, DESERT]})
    answers = await scene.ask({"action": "unsubscribe", "boards": [FOREST, "area-3", FOREST]})
    assert answers == [{"type": "unsubscribed", "boards": [FOREST, "area-3"]}]
    assert await scene.channels() == {DESERT} | STANDING


async def test_ping_within_a_second_reads_nothing_again(scene: LiveScene) -> None:
    held = {FOREST: position(await published(scene, FOREST))}
    assert await scene.ask({"action": "ping", "versions": held}) == [{"type": "pong"}]
    assert scene.log == ["BatchGetItem Leaderboards", "push"]
    await publish_next(scene, FOREST)
    assert await scene.ask({"action": "ping", "versions": held}) == [{"type": "pong"}]
    assert scene.log == ["push"]


async def test_ping_after_a_second_finds_what_has_changed(scene: LiveScene, ticking: list[int]) -> None:
    held = {FOREST: position(await published(scene, FOREST))}
    await scene.ask({"action": "ping", "versions": held})
    await publish_next(scene, FOREST)
    ticking.append(NOW + 1000)
    _, snapshot = await scene.ask({"action": "ping", "versions": held})
    assert (snapshot["type"], snapshot["version"]) == ("snapshot", 2)


async def test_ping_is_never_answered_with_an_older_board_than_the_client_holds(scene: LiveScene) -> None:
    held = {FOREST: position(await published(scene, FOREST))}
    await scene.ask({"action": "ping", "versions": held})
    newer = {FOREST: position(await publish_next(scene, FOREST))}
    assert await scene.ask({"action": "ping", "versions": newer}) == [{"type": "pong"}]


async def test_ping_of_another_epoch_is_answered_with_the_board_of_now(scene: LiveScene) -> None:
    """A kept board may be of the epoch before: then the client's is right, and a snapshot would harm."""
    before = {FOREST: position(await published(scene, FOREST))}
    await scene.ask({"action": "ping", "versions": before})
    again = await republished(scene.direct, scene.live.catalogue.boards[FOREST], NOW + 5)
    now = {FOREST: position(again)}
    assert await scene.ask({"action": "ping", "versions": now}) == [{"type": "pong"}]
    _, snapshot = await scene.ask({"action": "ping", "versions": {FOREST: {"epoch": 1, "version": 1}}})
    assert (snapshot["epoch"], snapshot["version"]) == (again.epoch, 1)


async def test_subscribe_never_answers_from_what_a_ping_has_kept(scene: LiveScene) -> None:
    held = {FOREST: position(await published(scene, FOREST))}
    await scene.ask({"action": "ping", "versions": held})
    await publish_next(scene, FOREST)
    (answer,) = await scene.ask({"action": "subscribe", "boards": [FOREST], "versions": held})
    assert (answer["type"], answer["version"]) == ("snapshot", 2)


async def test_ping_answers_pong_and_reads_nothing(scene: LiveScene) -> None:
    assert await scene.ask({"action": "ping"}) == [{"type": "pong"}]
    assert scene.log == ["push"]


async def test_ping_answers_a_snapshot_for_each_board_that_moved_on(scene: LiveScene) -> None:
    still = position(await published(scene, FOREST))
    moved = position(await published(scene, DESERT))
    await publish_next(scene, DESERT)
    answers = await scene.ask({"action": "ping", "versions": {FOREST: still, DESERT: moved}})
    assert [(one["type"], one.get("board"), one.get("version")) for one in answers] == [
        ("pong", None, None),
        ("snapshot", DESERT, 2),
    ]


@pytest.mark.parametrize("groups", ["admins", "players admins"])
async def test_admin_broadcasts_to_a_channel(scene: LiveScene, groups: str) -> None:
    for connection_id in ("one", "two", "three"):
        await scene.subscribe(connection_id, "all")
    scene.push.failing = {"two"}
    frame = {"action": "broadcast", "channel": "all", "message": {"text": "Grüße \U0001f3c6"}}
    assert await scene.ask(frame, groups=groups) == [{"type": "broadcasted", "delivered": 2, "failed": 1}]
    announcement = {"type": "announcement", "channel": "all", "message": {"text": "Grüße \U0001f3c6"}}
    assert scene.push.sent_to("one") == scene.push.sent_to("three") == [announcement]


@pytest.mark.parametrize("groups", ["", "players", "admins2", "no-admins", "Admins", "x,admins"])
async def test_broadcast_is_for_admins_only(scene: LiveScene, groups: str) -> None:
    await scene.subscribe("one", "all")
    frame = {"action": "broadcast", "channel": "all", "message": {"text": "hi"}}
    (answer,) = await scene.ask(frame, groups=groups)
    assert (answer["type"], answer["code"]) == ("error", "forbidden")
    assert scene.push.sent_to("one") == []


async def refusal_of_a_broadcast(scene: LiveScene, **changes: Any) -> str:
    """Return the code with which an admin's broadcast is refused, which then has reached no connection."""
    await scene.subscribe("one", "all")
    frame = {"action": "broadcast", "channel": "all", "message": {"text": "hi"}}
    (answer,) = await scene.ask(frame, groups="admins", **changes)
    assert answer["type"] == "error"
    assert scene.push.sent_to("one") == []
    return str(answer["code"])


@pytest.mark.parametrize("seconds", [0, -1, -7200])
async def test_broadcast_with_an_expired_token_is_refused(scene: LiveScene, seconds: int) -> None:
    expired = {"expiresAt": str(NOW // 1000 + seconds)}
    assert await refusal_of_a_broadcast(scene, authorizer=expired) == "token_expired"
    assert scene.members.asked == 0


async def test_broadcast_of_a_connection_without_a_known_expiry_is_refused(scene: LiveScene) -> None:
    event = recorded("websocket_message")
    del event["requestContext"]["authorizer"]["expiresAt"]
    context = event["requestContext"] | {"routeKey": "broadcast"}
    context["authorizer"]["groups"] = "admins"
    body = '{"action":"broadcast","channel":"all","message":{}}'
    await scene.event("broadcast", body=body, requestContext=context)
    (answer,) = scene.push.sent_to(CALLER)
    assert answer["code"] == "token_expired"


async def test_broadcast_of_a_former_admin_is_refused(scene: LiveScene) -> None:
    scene.members.there.clear()
    assert await refusal_of_a_broadcast(scene) == "forbidden"


async def test_broadcast_is_refused_while_the_user_pool_does_not_answer(scene: LiveScene) -> None:
    scene.members.error = UsersUnavailableError("throttled")
    assert await refusal_of_a_broadcast(scene) == "unavailable"


async def test_player_s_broadcast_asks_the_user_pool_nothing(scene: LiveScene) -> None:
    await scene.ask({"action": "broadcast", "channel": "all", "message": {}})
    assert scene.members.asked == 0


async def test_broadcast_forgets_connections_that_are_gone(scene: LiveScene) -> None:
    for connection_id in ("one", "two"):
        await scene.subscribe(connection_id, "all")
    await scene.subscribe("two", FOREST)
    scene.push.gone = {"two"}
    frame = {"action": "broadcast", "channel": "all", "message": {}}
    assert await scene.ask(frame, groups="admins") == [{"type": "broadcasted", "delivered": 1, "failed": 0}]
    assert await scene.channels("two") == set()
    assert scene.push.closed == ["two"]


async def test_broadcast_that_does_not_fit_into_a_frame_is_refused(scene: LiveScene) -> None:
    await scene.subscribe("one", "all")
    # The announcement is a little longer than the frame that asks for it.
    body = '{"action":"broadcast","channel":"all","message":{"text":"%s"}}'
    body %= "x" * (32 * 1024 - len(body % ""))
    (answer,) = await scene.ask_text(body, route="broadcast", groups="admins")
    assert answer["code"] == "too_large"
    assert answer["message"].startswith("message: ")
    assert scene.push.sent_to("one") == []


async def test_caller_that_is_gone_is_forgotten(scene: LiveScene) -> None:
    scene.push.gone = {CALLER}
    await scene.ask({"action": "subscribe", "boards": [FOREST, DESERT]})
    assert await scene.channels() == set()
    assert scene.log.count("push") == 1, "the second answer is not worth a try"
    assert scene.push.closed == [CALLER]


async def test_caller_that_takes_no_answer_is_closed_and_the_route_fails(scene: LiveScene) -> None:
    scene.push.failing = {CALLER}
    with pytest.raises(UnreachableError, match=CALLER):
        await scene.event("ping", body='{"action":"ping"}')
    assert scene.push.closed == [CALLER]


async def forget_mark(scene: LiveScene, board: str) -> None:
    """A board that no client has looked at for long."""
    await published(scene, board)
    await scene.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": board}),
        UpdateExpression="SET activeHour = :hour",
        ExpressionAttributeValues=to_item({":hour": hour_of(board, NOW - 24 * HOUR_MS)}),
    )


@pytest.mark.parametrize(
    "frame",
    [
        {"action": "subscribe", "boards": [FOREST, DESERT]},
        {"action": "ping", "versions": {name: {"epoch": 1, "version": 1} for name in (FOREST, DESERT)}},
    ],
    ids=lambda frame: str(frame["action"]),
)
async def test_board_that_a_client_looks_at_is_marked_active_once_an_hour(
    scene: LiveScene, ticking: list[int], frame: dict[str, Any]
) -> None:
    await forget_mark(scene, FOREST)
    await published(scene, DESERT)
    await scene.ask(frame)
    assert scene.log.count("UpdateItem Leaderboards") == 1, "that of the other is of this hour"
    assert (await published(scene, FOREST)).active_hour == hour_of(FOREST, NOW)
    await scene.ask(frame)
    assert "UpdateItem Leaderboards" not in scene.log
    ticking.append(NOW + HOUR_MS)
    await scene.ask(frame)
    assert scene.log.count("UpdateItem Leaderboards") == 2


async def test_crowd_that_pings_at_once_marks_a_board_once(scene: LiveScene) -> None:
    """Rows are up to a second old: each ping of that second would find the old hour."""
    await forget_mark(scene, FOREST)
    frame = {"action": "ping", "versions": {FOREST: position(await published(scene, FOREST))}}
    for count in (1, 0, 0):
        await scene.ask(frame)
        assert scene.log.count("UpdateItem Leaderboards") == count


async def test_ping_is_answered_though_its_boards_cannot_be_marked(scene: LiveScene) -> None:
    await forget_mark(scene, FOREST)
    frame = {"action": "ping", "versions": {FOREST: position(await published(scene, FOREST))}}
    scene.throttled.add("UpdateItem")
    assert await scene.ask(frame) == [{"type": "pong"}]
    scene.throttled.clear()
    await scene.ask(frame)
    assert (await published(scene, FOREST)).active_hour == hour_of(FOREST, NOW)


async def test_boards_that_clients_leave_for_others_do_not_count_though_the_index_shows_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A game that shows 32 levels at a time, and turns the page."""
    names = [f"area-{number}" for number in range(1, 65)]
    async with live_scene(catalogue_of(64)) as scene:
        await scene.event("$connect")
        await scene.ask({"action": "subscribe", "boards": names[:32]})
        before = await scene.channels()

        async def as_before(*_: object) -> list[str]:
            return sorted(before)

        monkeypatch.setattr(connections, "channels", as_before)
        await scene.ask({"action": "unsubscribe", "boards": names[:32]})
        assert len(await scene.ask({"action": "subscribe", "boards": names[32:]})) == 32
        (refused,) = await scene.ask({"action": "subscribe", "boards": names[:1]})
        assert refused["code"] == "too_many_boards"


def test_frames_sent_at_once_are_answered_with_the_boards_that_the_connection_has() -> None:
    """All frames read before the first of them writes: the one that waits the longest goes next."""
    catalogue, push = catalogue_of(64), RecordingPush()
    names = [f"area-{number}" for number in range(1, 65)]

    def subscribe(first: int) -> Work:
        event = recorded("websocket_message")
        event["requestContext"]["routeKey"] = "subscribe"
        event["body"] = json.dumps({"action": "subscribe", "boards": names[first : first + 8]})
        return lambda db: handle(Live(db, catalogue, push, clock, Members()), event)

    async def open_connection(db: Database) -> None:
        await connections.open_connection(db, CALLER, PLAYER, NOW)

    async def check(db: Database) -> None:
        answers = push.sent_to(CALLER)
        told = [answer["board"] for answer in answers if answer["type"] == "snapshot"]
        refused = [answer["code"] for answer in answers if answer["type"] != "snapshot"]
        assert (len(told), refused) == (32, ["too_many_boards"] * 2)
        rows = [name for name in names async for _ in connections.subscribers(db, name)]
        assert sorted(told) == sorted(rows)

    works = [subscribe(first) for first in range(0, 48, 8)]
    simulated_clock.run(interleave(open_connection, works, lambda _: 0, check))


async def test_frame_that_loses_every_race_is_answered_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lose(*_: object) -> None:
        raise ConflictError("others wrote the same rows 50 times")

    async with live_scene(catalogue_of(40)) as scene:
        monkeypatch.setattr(subscriptions, "retry_on_conflict", lose)
        for action in ("subscribe", "unsubscribe"):
            (answer,) = await scene.ask({"action": action, "boards": ["area-1"]})
            assert (answer["type"], answer["code"]) == ("error", "busy")


async def test_connection_follows_at_most_32_boards() -> None:
    names = [f"area-{number}" for number in range(1, 41)]
    async with live_scene(catalogue_of(40)) as scene:
        await scene.event("$connect")
        assert len(await scene.ask({"action": "subscribe", "boards": names[:32]})) == 32
        assert len(await scene.ask({"action": "subscribe", "boards": names[:32]})) == 32, "the same again"
        (refused,) = await scene.ask({"action": "subscribe", "boards": names[31:33]})
        assert (refused["type"], refused["code"]) == ("error", "too_many_boards")
        assert refused["message"].startswith("boards: ")
        assert names[32] not in await scene.channels()
        await scene.ask({"action": "unsubscribe", "boards": names[:1]})
        (answer,) = await scene.ask({"action": "subscribe", "boards": names[32:33]})
        assert answer["type"] == "snapshot"


async def test_error_leaves_nothing_behind(scene: LiveScene) -> None:
    frame: dict[str, Any] = {"action": "subscribe", "boards": [FOREST, "nowhere"]}
    (answer,) = await scene.ask(frame)
    assert answer["code"] == "unknown_board"
    assert await scene.channels() == set()
    assert scene.log == ["push"]


@pytest.mark.parametrize(
    ("frame", "operation"),
    [
        ({"action": "subscribe", "boards": [FOREST]}, "BatchWriteItem"),
        ({"action": "subscribe", "boards": [FOREST]}, "BatchGetItem"),
        ({"action": "subscribe", "boards": [FOREST]}, "UpdateItem"),
        ({"action": "unsubscribe", "boards": [FOREST]}, "BatchWriteItem"),
        ({"action": "ping", "versions": {FOREST: {"epoch": 1, "version": 1}}}, "BatchGetItem"),
    ],
)
async def test_frame_is_answered_busy_while_dynamodb_throttles(
    scene: LiveScene, frame: dict[str, Any], operation: str
) -> None:
    await forget_mark(scene, FOREST)
    scene.throttled.add(operation)
    (answer,) = await scene.ask(frame)
    assert (answer["type"], answer["code"]) == ("error", "busy")
    assert len([line for line in scene.log if line.startswith(operation)]) == 4
    scene.throttled.clear()
    assert "error" not in [answer["type"] for answer in await scene.ask(frame)]


async def test_connect_is_refused_while_dynamodb_throttles(scene: LiveScene) -> None:
    scene.throttled.add("BatchWriteItem")
    assert await scene.event("$connect") == {"statusCode": 503}


async def test_disconnect_fails_while_dynamodb_throttles(scene: LiveScene) -> None:
    """No client waits for an answer, and the rows stay."""
    await scene.event("$connect")
    scene.throttled.add("BatchWriteItem")
    with pytest.raises(RequestError):
        await scene.event("$disconnect")


async def test_connection_of_a_deleted_player_is_closed_when_it_subscribes(scene: LiveScene) -> None:
    """It was opening while the player was deleted: closing it then was answered with 410."""
    await scene.event("$connect")
    await players.bury(scene.direct, PLAYER, NOW)
    await connections.close_connection(scene.direct, CALLER)
    assert await scene.ask({"action": "subscribe", "boards": [FOREST]}) == []
    assert scene.push.closed == [CALLER]
    assert await scene.channels() == set()


async def test_connection_that_does_not_close_is_left_no_rows(scene: LiveScene) -> None:
    await scene.event("$connect")
    await players.bury(scene.direct, PLAYER, NOW)
    scene.push.unclosable = {CALLER}
    assert await scene.ask({"action": "subscribe", "boards": [FOREST]}) == []
    assert await scene.channels() == set()


async def test_connect_refuses_a_deleted_player_and_forgets_the_connection(scene: LiveScene) -> None:
    await players.bury(scene.direct, PLAYER, NOW)
    assert await scene.event("$connect") == {"statusCode": 403}
    assert await scene.channels() == set()


async def test_connect_looks_at_the_player_after_its_rows_are_written(scene: LiveScene) -> None:
    """A deletion that this look does not see finds the rows."""
    await scene.event("$connect")
    assert scene.log == ["BatchWriteItem Connections", "GetItem Players", "Query Connections"]
