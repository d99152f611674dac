"""`GET /admin/held`, and who may see it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.groups import REMEMBERED_SECONDS, Memberships
from store.database import Database, to_item
from store.schema import HELD_SCORES
from tests.unit.api.rest_scene import PLAYER, RestScene
from tests.unit.api.run_scene import BOB, SECOND, RunScene, run_scene
from tests.unit.realtime.fakes import NOW

MODERATOR = "99999999-604d-4405-b676-4eb8a21c5969"


@pytest.fixture
def runs(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunScene]:
    with run_scene(rest, monkeypatch) as scene:
        scene.joins(MODERATOR, "moderators")
        yield scene


def hold(runs: RunScene, points: int, player: str = PLAYER) -> None:
    assert runs.play("doubt", points, lasting=SECOND, player=player).json["verdict"] == "held"


def test_list_has_score_rule_and_run(runs: RunScene) -> None:
    hold(runs, 77)
    answer = runs.send("GET", "/admin/held", player=MODERATOR)
    assert answer.status == 200
    (one,) = answer.json["held"]
    seed, name = one.pop("seed"), one.pop("name")
    assert isinstance(seed, int)
    assert name
    assert one.pop("id").startswith(f"{NOW + SECOND:015d}-")
    assert one == {
        "userId": PLAYER,
        "gameArea": "doubt",
        "score": 77,
        "rule": "areas.doubt.rules.min_time",
        "startedAt": NOW,
        "receivedAt": NOW + SECOND,
    }
    assert answer.json["nextCursor"] is None


def test_pages_have_every_score_once_the_oldest_first(runs: RunScene) -> None:
    for points in range(7):
        hold(runs, points, (PLAYER, BOB)[points % 2])
    found, cursor = [], ""
    for _ in range(10):
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = runs.send("GET", "/admin/held", player=MODERATOR, query=query).json
        found += [one["score"] for one in page["held"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert found == list(range(7))


def test_row_that_cannot_be_read_is_left_out(runs: RunScene) -> None:
    for points in (1, 2, 3):
        hold(runs, points)

    async def damage(db: Database) -> None:
        await db.client.update_item(
            TableName=HELD_SCORES.name,
            Key=to_item({"userId": PLAYER, "slot": "2"}),
            UpdateExpression="SET points = :bad",
            ExpressionAttributeValues=to_item({":bad": "many"}),
        )

    runs.rest.run(damage)
    held = runs.send("GET", "/admin/held", player=MODERATOR).json["held"]
    assert [one["score"] for one in held] == [1, 3]


NO_PLACES: tuple[Any, ...] = ([], ["a", "b"], ["a", "b", 3], ["a", "b", ""], {"a": 1}, "abc")


@pytest.mark.parametrize(
    "cursor",
    ["x", "é", "bm90IGpzb24="]
    + [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in NO_PLACES],
)
def test_malformed_cursor_is_refused(runs: RunScene, cursor: str) -> None:
    problem = runs.send("GET", "/admin/held", player=MODERATOR, query={"cursor": cursor}).problem(422)
    assert problem["errors"][0]["field"] == "query.cursor"


def test_list_is_for_admins_and_moderators(runs: RunScene) -> None:
    runs.joins(BOB, "admins")
    assert runs.send("GET", "/admin/held", player=BOB).status == 200
    assert runs.send("GET", "/admin/held").problem(403)["code"] == "forbidden"
    runs.joins(PLAYER, "servers")
    runs.send("GET", "/admin/held").problem(403)


async def test_membership_is_remembered_for_a_minute_and_its_lack_is_not() -> None:
    asked, clock = [], [0.0]
    members = {("ada", "1", "admins")}

    async def is_member(username: str, user_id: str, group: str) -> bool:
        asked.append(username)
        return (username, user_id, group) in members

    ask = Memberships(is_member, lambda: clock[0])
    for _ in range(3):
        assert await ask("ada", "1", "admins")
    assert not await ask("ada", "2", "admins")
    assert not await ask("bob", "1", "admins")
    members.add(("bob", "1", "admins"))
    assert await ask("bob", "1", "admins")
    assert asked == ["ada", "ada", "bob", "bob"]
    members.clear()
    clock[0] = REMEMBERED_SECONDS
    assert not await ask("ada", "1", "admins")
