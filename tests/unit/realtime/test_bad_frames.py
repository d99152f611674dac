"""Frames that cannot be served: each is answered with an error that names what is wrong with it."""

import json
from typing import Any

import pytest

from game.frames import FRAME_LIMIT
from tests.unit.realtime.live_scene import LiveScene

LONG = "x" * 1000


def frame(**fields: Any) -> str:
    return json.dumps(fields)


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("", "Invalid JSON"),
        ("hello", "Invalid JSON"),
        ("{", "Invalid JSON"),
        ('{"action":"ping"}{}', "Invalid JSON"),
        ('{"action":"\\ud800"}', "Invalid JSON"),
        (deep(10_000), "Invalid JSON"),
        ("null", "object"),
        ("[]", "object"),
        ('[{"action":"ping"}]', "object"),
        ('"ping"', "object"),
        ("1e999", "object"),
        ("{}", "action"),
        ('{"Action":"ping"}', "action"),
        ('{"action":null}', "action"),
        ('{"action":1}', "action"),
        ('{"action":["ping"]}', "action"),
        ('{"action":"ping","action":"ping"}', "'action'"),
        (frame(action="jump"), "'jump'"),
        (frame(action="$connect"), "'$connect'"),
        (frame(action=LONG), "action"),
    ],
)
async def test_frame_of_an_unknown_action_is_refused(scene: LiveScene, body: str, named: str) -> None:
    (answer,) = await scene.ask_text(body)
    assert answer["type"] == "error"
    assert answer["code"] in {"bad_frame", "unknown_action"}
    assert named in answer["message"]
    assert len(answer["message"]) <= 500


@pytest.mark.parametrize(
    ("route", "body", "code", "named"),
    [
        ("subscribe", frame(action="subscribe"), "bad_frame", "boards"),
        ("subscribe", frame(action="subscribe", boards=[]), "bad_frame", "boards"),
        ("subscribe", frame(action="subscribe", boards=None), "bad_frame", "boards"),
        ("subscribe", frame(action="subscribe", boards="area-1"), "bad_frame", "boards"),
        ("subscribe", frame(action="subscribe", boards=["area-1", 7]), "bad_frame", "boards.1"),
        ("subscribe", frame(action="subscribe", boards=["area-1"] * 33), "bad_frame", "boards"),
        ("subscribe", frame(action="subscribe", boards=["area-1"], colour=1), "bad_frame", "colour"),
        ("subscribe", frame(action="ping", boards=["area-1"]), "bad_frame", "action"),
        ("subscribe", frame(action="subscribe", boards=["all"]), "unknown_board", "'all'"),
        ("subscribe", frame(action="subscribe", boards=["user#1"]), "unknown_board", "'user#1'"),
        ("subscribe", frame(action="subscribe", boards=[""]), "unknown_board", "boards"),
        ("subscribe", frame(action="subscribe", boards=[LONG]), "unknown_board", "boards"),
        (
            "subscribe",
            frame(action="subscribe", boards=["area-1"], versions={"nowhere": {"epoch": 1, "version": 1}}),
            "unknown_board",
            "versions",
        ),
        (
            "subscribe",
            frame(action="subscribe", boards=["area-1"], versions={"area-1": 12}),
            "bad_frame",
            "versions.area-1",
        ),
        ("unsubscribe", frame(action="unsubscribe", boards=["nowhere"]), "unknown_board", "'nowhere'"),
        ("unsubscribe", frame(action="unsubscribe"), "bad_frame", "boards"),
        ("ping", frame(action="ping", versions=[]), "bad_frame", "versions"),
        (
            "ping",
            frame(action="ping", versions={"nowhere": {"epoch": 1, "version": 1}}),
            "unknown_board",
            "'nowhere'",
        ),
        ("ping", frame(action="ping", versions={"area-1": {"epoch": 1}}), "bad_frame", "area-1.version"),
        (
            "ping",
            '{"action":"ping","versions":{"area-1":{"epoch":NaN,"version":1}}}',
            "bad_frame",
            "versions.area-1.epoch",
        ),
        (
            "ping",
            '{"action":"ping","versions":{"area-1":{"epoch":1.5,"version":1}}}',
            "bad_frame",
            "versions.area-1.epoch",
        ),
        (
            "ping",
            '{"action":"ping","versions":{"area-1":{"epoch":1,"version":%s}}}' % ("9" * 5000),
            "bad_frame",
            "number out of range",
        ),
        (
            "ping",
            frame(action="ping", versions={f"b{n}": {"epoch": 1, "version": 1} for n in range(33)}),
            "bad_frame",
            "versions",
        ),
        ("ping", '{"action":"ping","versions":{},"versions":{}}', "bad_frame", "'versions'"),
        (
            "broadcast",
            '{"action":"broadcast","channel":"all","message":{"text":"a","text":"b"}}',
            "bad_frame",
            "'text'",
        ),
        ("broadcast", frame(action="broadcast", message={}), "bad_frame", "channel"),
        ("broadcast", frame(action="broadcast", channel="", message={}), "bad_frame", "channel"),
        ("broadcast", frame(action="broadcast", channel="x" * 257, message={}), "bad_frame", "channel"),
        ("broadcast", frame(action="broadcast", channel="all"), "bad_frame", "message"),
        ("broadcast", frame(action="broadcast", channel="all", message="hi"), "bad_frame", "message"),
        ("broadcast", frame(action="broadcast", channel="all", message=["hi"]), "bad_frame", "message"),
        (
            "broadcast",
            '{"action":"broadcast","channel":"all","message":{"deep":' + deep(5_000) + "}}",
            "bad_frame",
            "Invalid JSON",
        ),
    ],
)
async def test_frame_with_a_bad_field_is_refused(
    scene: LiveScene, route: str, body: str, code: str, named: str
) -> None:
    (answer,) = await scene.ask_text(body, route=route, groups="admins")
    assert (answer["type"], answer["code"]) == ("error", code)
    assert named in answer["message"]
    assert len(answer["message"]) <= 500
    assert scene.log == ["push"], "a bad frame costs no request"


@pytest.mark.parametrize("route", ["subscribe", "unsubscribe", "ping", "broadcast", "$default"])
async def test_binary_frame_is_refused(scene: LiveScene, route: str) -> None:
    (answer,) = await scene.ask_text("eyJ9", route=route, isBase64Encoded=True, groups="admins")
    assert (answer["code"], "binary" in answer["message"]) == ("bad_frame", True)


@pytest.mark.parametrize("filling", ["x", "é", "\U0001f3c6"])
async def test_frame_is_measured_in_bytes(scene: LiveScene, filling: str) -> None:
    size = len(filling.encode())
    body = '{"action":"jump"}' + filling * (FRAME_LIMIT // size)
    (answer,) = await scene.ask_text(body)
    assert (answer["code"], str(FRAME_LIMIT) in answer["message"]) == ("too_large", True)


async def test_frame_of_exactly_the_limit_is_served(scene: LiveScene) -> None:
    body = '{"action":"ping"}'.ljust(FRAME_LIMIT)
    assert await scene.ask_text(body, route="ping") == [{"type": "pong"}]
    (answer,) = await scene.ask_text(body + " ", route="ping")
    assert answer["code"] == "too_large"


@pytest.mark.parametrize("changes", [{"body": None}, {"body": ""}])
async def test_frame_without_a_body_is_refused(scene: LiveScene, changes: dict[str, Any]) -> None:
    await scene.event("$default", **changes)
    assert [frame["code"] for _, frame in scene.push.frames] == ["bad_frame"]


async def test_ping_with_a_huge_version_gets_a_snapshot(scene: LiveScene) -> None:
    held = {"epoch": 10**300, "version": -(10**300)}
    pong, snapshot = await scene.ask({"action": "ping", "versions": {"area-1": held}})
    assert (pong["type"], snapshot["type"]) == ("pong", "snapshot")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_broadcast_of_what_is_no_json_number_is_refused(scene: LiveScene, number: str) -> None:
    await scene.subscribe("one", "all")
    body = '{"action":"broadcast","channel":"all","message":{"number":' + number + "}}"
    (answer,) = await scene.ask_text(body, route="broadcast", groups="admins")
    assert (answer["type"], answer["code"]) == ("error", "bad_frame")
    assert "message" in answer["message"]
    assert scene.push.sent_to("one") == []
