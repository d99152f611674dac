"""Connections without a token: what they may ask for, and what they are told."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from game.live import SPECTATOR_ACTIONS, SUBPROTOCOL, Action
from realtime.gone import forget
from realtime.routes import handle
from store import connections, spectators
from store.connections import EVERYONE, SPECTATORS, address_channel, user_channel
from store.spectators import Bounds
from tests.unit.realtime.fakes import NOW
from tests.unit.realtime.live_scene import CALLER, PLAYER, LiveScene

FOREST = "area-1"
HERE = "203.0.113.9"
STANDING = {SPECTATORS, address_channel(HERE)}
"""The channels that every spectator is on."""
OPEN = {"statusCode": 200}
FULL = {"statusCode": 503}
NOT_THEIRS = sorted(set(get_args(Action)) - SPECTATOR_ACTIONS)
"""Every action that is for players, those of tomorrow too."""


@pytest.fixture
def scene(scene: LiveScene, monkeypatch: pytest.MonkeyPatch) -> LiveScene:
    """Return a stage that lets two spectators in."""
    monkeypatch.setattr(scene, "live", replace(scene.live, spectators=Bounds(most=2, per_address=2)))
    return scene


async def test_spectator_is_recorded_without_a_player(scene: LiveScene) -> None:
    assert await scene.event("$connect", spectator=True) == OPEN
    assert scene.log == ["UpdateItem Budgets", "BatchWriteItem Connections", "Query Connections"]
    assert await scene.channels() == STANDING
    for channel in STANDING:
        assert "userId" not in await scene.row(channel)


async def test_spectator_is_given_our_subprotocol_when_offered(scene: LiveScene) -> None:
    answer = await scene.event("$connect", spectator=True, headers={"Sec-WebSocket-Protocol": "podium"})
    assert answer == OPEN | {"headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}


async def test_spectator_subscribes_to_boards_and_leaves_them(scene: LiveScene) -> None:
    await scene.event("$connect", spectator=True)
    subscribe = {"action": "subscribe", "boards": [FOREST, "global"]}
    answers = await scene.ask(subscribe, spectator=True)
    assert [(one["type"], one["board"]) for one in answers] == [("snapshot", FOREST), ("snapshot", "global")]
    assert not any(line.endswith("Players") for line in scene.log)
    held = {FOREST: {"epoch": answers[0]["epoch"], "version": answers[0]["version"]}}
    assert await scene.ask({"action": "ping", "versions": held}, spectator=True) == [{"type": "pong"}]
    (left,) = await scene.ask({"action": "unsubscribe", "boards": [FOREST]}, spectator=True)
    assert left["type"] == "unsubscribed"
    assert await scene.channels() == STANDING | {"global"}


@pytest.mark.parametrize("action", NOT_THEIRS)
@pytest.mark.parametrize("fields", [{}, {"channel": "all", "message": {}}, {"nonsense": 1}])
async def test_every_other_action_is_refused_and_the_connection_stays(
    scene: LiveScene, action: str, fields: dict[str, Any]
) -> None:
    await scene.event("$connect", spectator=True)
    (answer,) = await scene.ask({"action": action, **fields}, spectator=True)
    assert (answer["type"], answer["code"]) == ("error", "forbidden")
    assert action in answer["message"]
    assert scene.log == ["push"], "nothing is read or written for it"
    assert scene.members.asked == 0
    assert await scene.ask({"action": "ping"}, spectator=True) == [{"type": "pong"}]
    assert await scene.channels() == STANDING


def test_broadcast_is_not_a_spectator_s() -> None:
    assert "broadcast" in NOT_THEIRS


@pytest.mark.parametrize("body", ['{"action":"shout"}', '{"action":NaN}', "[]", "no JSON", "{}"])
async def test_what_is_no_action_is_refused_as_for_anybody(scene: LiveScene, body: str) -> None:
    (answer,) = await scene.ask_text(body, spectator=True)
    assert answer["type"] == "error"
    assert answer["code"] in {"bad_frame", "unknown_action"}


async def test_spectator_above_the_bound_is_refused_and_players_are_not(scene: LiveScene) -> None:
    for number in range(2):
        await spectators.admit(scene.direct, Bounds(9, 9), f"before-{number}", "203.0.113.7", NOW)
    assert await scene.event("$connect", spectator=True) == FULL
    assert await scene.channels() == set()
    assert await scene.event("$connect") == OPEN
    assert await scene.channels() == {"all", f"user#{PLAYER}"}


async def test_spectator_of_a_crowded_address_is_refused_and_its_players_are_not(scene: LiveScene) -> None:
    live = replace(scene.live, spectators=Bounds(most=100, per_address=1))
    scene.live = live
    await spectators.admit(scene.direct, Bounds(9, 9), "before", HERE, NOW)
    assert await scene.event("$connect", spectator=True) == FULL
    assert await scene.channels() == set()
    assert await scene.event("$connect") == OPEN


async def test_spectator_that_leaves_makes_room(scene: LiveScene) -> None:
    for _ in range(5):
        assert await scene.event("$connect", spectator=True) == OPEN
        assert await scene.event("$disconnect", spectator=True) == OPEN
    assert await scene.channels() == set()
    assert await spectators.tally(scene.direct, NOW) == 0


@pytest.fixture
def index_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index show no row yet, as it may for a moment after a write."""

    async def nothing(*_: Any) -> AsyncIterator[list[dict[str, Any]]]:
        for page in list[list[dict[str, Any]]]():
            yield page

    monkeypatch.setattr(connections, "_rows", nothing)


async def counted(scene: LiveScene, *channels: str) -> list[int]:
    return [await connections.count(scene.direct, channel, NOW) for channel in channels]


@pytest.mark.usefixtures("index_behind")
async def test_spectator_that_leaves_before_the_index_shows_it_keeps_no_place(scene: LiveScene) -> None:
    await scene.event("$connect", spectator=True)
    assert await counted(scene, *STANDING) == [1, 1]
    await scene.event("$disconnect", spectator=True)
    assert await counted(scene, *STANDING) == [0, 0]


@pytest.mark.usefixtures("index_behind")
async def test_player_who_leaves_before_the_index_shows_it_keeps_no_place(scene: LiveScene) -> None:
    await scene.event("$connect")
    await scene.event("$disconnect")
    assert await counted(scene, EVERYONE, user_channel(PLAYER)) == [0, 0]


@pytest.mark.usefixtures("index_behind")
async def test_subscribe_that_comes_after_the_disconnect_takes_no_place(scene: LiveScene) -> None:
    scene.push.gone.add(CALLER)
    assert await scene.ask({"action": "subscribe", "boards": [FOREST]}, spectator=True) == []
    assert await counted(scene, *STANDING) == [0, 0]


async def test_player_who_comes_and_goes_is_no_spectator(scene: LiveScene) -> None:
    await scene.event("$connect", spectator=True)
    await scene.event("$connect")
    await scene.event("$disconnect")
    assert await spectators.enter(scene.direct, 2)
    assert not await spectators.enter(scene.direct, 2)


async def test_disconnect_that_tells_nothing_of_the_caller_forgets_the_connection(scene: LiveScene) -> None:
    await scene.event("$connect", spectator=True)
    event = {"requestContext": {"routeKey": "$disconnect", "connectionId": CALLER}}
    assert await handle(scene.live, event) == OPEN
    assert await scene.channels() == set()


async def test_connection_of_neither_a_player_nor_a_spectator_is_not_let_in(scene: LiveScene) -> None:
    """Neither a player's id nor a spectator's mark: nothing is recorded."""
    for context in ({}, {"spectator": "false"}, {"principalId": "spectator"}):
        event = {"requestContext": {"routeKey": "$connect", "connectionId": CALLER, "authorizer": context}}
        with pytest.raises(KeyError):
            await handle(scene.live, event)
        assert await scene.channels() == set()


async def test_announcement_to_all_reaches_spectators(scene: LiveScene) -> None:
    await spectators.admit(scene.direct, Bounds(9, 9), "spectator", HERE, NOW)
    await connections.open_connection(scene.direct, CALLER, PLAYER, NOW)
    announcement, told = await scene.ask(
        {"action": "broadcast", "channel": "all", "message": {"text": "hello"}},
        groups="admins",
        authorizer={"expiresAt": NOW},
    )
    assert announcement == {"type": "announcement", "channel": "all", "message": {"text": "hello"}}
    assert told == {"type": "broadcasted", "delivered": 2, "failed": 0}
    assert scene.push.sent_to("spectator") == [announcement]


async def test_rows_that_a_push_deleted_while_it_opened_are_written_again(scene: LiveScene) -> None:
    await scene.event("$connect", spectator=True)
    await forget(scene.direct, scene.push, [CALLER])
    assert await scene.channels() == set()
    await scene.ask({"action": "subscribe", "boards": [FOREST]}, spectator=True)
    assert await scene.channels() == STANDING | {FOREST}


async def test_connect_is_refused_while_dynamodb_throttles(scene: LiveScene) -> None:
    scene.throttled.add("UpdateItem")
    assert await scene.event("$connect", spectator=True) == FULL


async def test_frame_of_a_spectator_is_answered_busy_while_dynamodb_throttles(scene: LiveScene) -> None:
    scene.throttled.add("BatchWriteItem")
    (answer,) = await scene.ask_text(
        json.dumps({"action": "subscribe", "boards": [FOREST]}), route="subscribe", spectator=True
    )
    assert answer["code"] == "busy"
