"""`/progress`"""

import json
from typing import Any

import pytest

from api.checkpoint import CHECKPOINT_DEPTH, CHECKPOINT_LIMIT
from tests.unit.api.player_requests import NEW, Body, post, prepare, progress_of, send
from tests.unit.api.rest_scene import PLAYER, Answer, RestScene


def save(rest: RestScene, checkpoint: object, *, version: int = 0) -> Answer:
    body = {"level": 1, "xp": 0, "checkpoint": checkpoint, "version": version}
    return post(rest, "/progress", body)


def assert_refused(answer: Answer) -> str:
    problem = answer.problem(422)
    assert {error["field"].split(".")[1] for error in problem["errors"]} == {"checkpoint"}
    detail: str = problem["detail"]
    assert len(detail) < 1000
    return detail


def test_new_player_has_the_defaults(rest: RestScene) -> None:
    assert progress_of(rest) == NEW
    assert rest.log == ["BatchGetItem Players UserProgress", "Query Standings"]


def test_progress_shows_the_bests_of_the_areas(rest: RestScene) -> None:
    rest.score(PLAYER, 40)
    rest.score(PLAYER, 61_000, "sprint")
    assert progress_of(rest) == NEW | {"bests": {"forest": 40, "sprint": 61_000}}


def test_progress_is_the_callers(rest: RestScene) -> None:
    prepare(rest, ("/money/add", {"amount": 5, "reason": "pickup"}))
    assert send(rest, "GET", "/progress", player="another player").json == NEW


def test_progress_needs_a_player(rest: RestScene) -> None:
    rest.get("/progress").problem(401)
    assert rest.log == []


@pytest.mark.parametrize("version", [0, 2, 10**12])
def test_save_of_another_version_gets_the_stored_one(rest: RestScene, version: int) -> None:
    assert save(rest, "first").json["version"] == 1
    answer = save(rest, "second", version=version)
    assert (answer.status, answer.headers["Content-Type"]) == (409, "application/problem+json")
    problem = answer.json
    assert (problem["status"], problem["version"]) == (409, 1)
    assert "version" in problem["detail"]
    assert progress_of(rest)["checkpoint"] == "first"


def test_saves_follow_one_another(rest: RestScene) -> None:
    for version in range(3):
        assert save(rest, version, version=version).json["version"] == version + 1


def test_other_actions_do_not_make_a_save_stale(rest: RestScene) -> None:
    assert save(rest, 1).status == 200
    prepare(rest, ("/money/add", {"amount": 5, "reason": "pickup"}))
    assert save(rest, 2, version=1).json["money"] == 5


@pytest.mark.parametrize(
    "checkpoint",
    [
        None,
        True,
        0,
        -0.5,
        1e308,
        10**300,
        "",
        '\u0000 \U0001f3c6 é \\ "',
        [],
        {},
        {"": None, "a.b": [1, 2.5, {"$set": "x"}], "revision": "mine"},
    ],
)
def test_checkpoint_comes_back_as_it_was(rest: RestScene, checkpoint: object) -> None:
    assert save(rest, checkpoint).json["checkpoint"] == checkpoint
    assert progress_of(rest)["checkpoint"] == checkpoint


@pytest.mark.parametrize("filling", ["x", "é", "\U0001f3c6", "\\"])
def test_checkpoint_is_measured_in_bytes_of_its_json(rest: RestScene, filling: str) -> None:
    size = len(json.dumps(filling, ensure_ascii=False).encode()) - 2
    room = CHECKPOINT_LIMIT - len('{"a":""}')
    assert room % size == 0, "it must fill to the last byte"
    assert save(rest, {"a": filling * (room // size)}).status == 200
    detail = assert_refused(save(rest, {"a": filling * (room // size) + "x"}, version=1))
    assert str(CHECKPOINT_LIMIT) in detail
    assert filling * 100 not in detail


def test_white_space_is_not_part_of_a_checkpoint(rest: RestScene) -> None:
    body = '{"level":1,"xp":0,"version":0,"checkpoint":[1,' + " " * CHECKPOINT_LIMIT + "2]}"
    assert post(rest, "/progress", body).json["checkpoint"] == [1, 2]


def nested(depth: int) -> str:
    return '{"level":1,"xp":0,"version":0,"checkpoint":' + "[" * depth + "]" * depth + "}"


def test_deepest_checkpoint_comes_back(rest: RestScene) -> None:
    assert post(rest, "/progress", nested(CHECKPOINT_DEPTH)).status == 200
    assert json.dumps(progress_of(rest)["checkpoint"]) == "[" * CHECKPOINT_DEPTH + "]" * CHECKPOINT_DEPTH


@pytest.mark.parametrize("depth", [CHECKPOINT_DEPTH + 1, 200, 250, 255, 300])
def test_deeper_checkpoint_is_refused(rest: RestScene, depth: int) -> None:
    assert_refused(post(rest, "/progress", nested(depth)))
    assert progress_of(rest) == NEW


def test_depth_of_objects_counts_too(rest: RestScene) -> None:
    checkpoint: Any = 1
    for _ in range(CHECKPOINT_DEPTH + 1):
        checkpoint = {"a": [], "b": checkpoint}
    assert str(CHECKPOINT_DEPTH) in assert_refused(save(rest, checkpoint))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (nested(4000), 400),
        ('{"level":1,"xp":0,"version":0,"checkpoint":NaN}', 400),
        ('{"level":1,"xp":0,"version":0,"checkpoint":%s}' % ("9" * 5000), 400),
        ('{"level":1,"xp":0,"version":0,"checkpoint":1e400}', 422),
        ('{"level":1,"xp":0,"version":0,"checkpoint":"\\ud800"}', 422),
        ('{"level":1,"xp":0,"version":0,"checkpoint":{"\\udfff":1}}', 422),
    ],
)
def test_checkpoint_that_json_cannot_carry_is_refused(rest: RestScene, body: Body, status: int) -> None:
    for headers in ({}, {"Idempotency_Key": "k"}):
        post(rest, "/progress", body, **headers).problem(status)
    assert progress_of(rest) == NEW
