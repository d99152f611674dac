"""`POST /server/scores`: scores that a trusted server submits."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest

from store import player_rows, players
from store.errors import ConflictError
from store.schema import IDEMPOTENCY, LIMITS
from tests.unit.api.rest_scene import MEMBERS, PLAYER, Answer, RestScene
from tests.unit.api.run_scene import BOB, CATALOGUE, RunScene, run_scene
from tests.unit.realtime.fakes import NOW

SERVER = "99999999-604d-4405-b676-4eb8a21c5969"
BUSY = SERVER.replace("9", "b")
ODD = SERVER.replace("9", "d")


@pytest.fixture
def runs(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunScene]:
    with run_scene(rest, monkeypatch) as scene:
        scene.joins(SERVER, "servers")
        yield scene


def score(key: str, points: int, *, area: str = "vault", player: str = PLAYER, **more: Any) -> dict[str, Any]:
    return {"key": key, "userId": player, "gameArea": area, "score": points} | more


def send(runs: RunScene, *scores: dict[str, Any], player: str = SERVER) -> Answer:
    return runs.send("POST", "/server/scores", {"scores": list(scores)}, player=player)


def test_server_scores_for_players_in_any_area(runs: RunScene) -> None:
    answer = send(runs, score("a", 10), score("b", 20, player=BOB), score("c", 5, area="gauntlet"))
    assert answer.status == 200
    first, second, third = answer.json["results"]
    assert first == {
        "key": "a",
        "status": 201,
        "gameArea": "vault",
        "score": 10,
        "best": 10,
        "improved": True,
        "verdict": "accepted",
        "boards": [{"gameArea": "vault", "points": 10, "improved": True}],
    }
    assert (second["key"], second["best"], third["best"]) == ("b", 20, 5)
    assert runs.rows(LIMITS) == []


def test_same_key_again_gets_the_same_result_and_counts_once(runs: RunScene) -> None:
    batch = [score("a", 10, area="added"), score("b", 7, area="added"), score("c", 1, player=BOB)]
    first = send(runs, *batch).json
    assert send(runs, *batch).json == first
    assert [one["best"] for one in send(runs, score("d", 1, area="added")).json["results"]] == [18]
    assert {row["userId"] for row in runs.rows(IDEMPOTENCY)} == {PLAYER, BOB}


def test_key_with_another_score_is_refused_alone(runs: RunScene) -> None:
    send(runs, score("a", 10))
    other, good = send(runs, score("a", 11), score("b", 12)).json["results"]
    assert (other["key"], other["status"]) == ("a", 422)
    assert other["errors"] == [
        {"field": "body.key", "detail": "came with another score of this player before"}
    ]
    assert good["best"] == 12
    # Keys of different players are different keys.
    assert send(runs, score("a", 13, player=BOB)).json["results"][0]["status"] == 201


def test_player_s_own_key_is_no_server_s(runs: RunScene) -> None:
    assert runs.score("added", 10, key="a").status == 201
    assert send(runs, score("a", 10, area="added")).json["results"][0]["best"] == 20


def test_one_that_is_refused_or_fails_leaves_the_others_alone(
    runs: RunScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.rest.run(lambda db: players.bury(db, BOB, NOW))
    real = player_rows.read

    async def read(db: Any, catalogue: Any, user_id: str, *others: Any) -> Any:
        if user_id == BUSY:
            raise ConflictError("others write")
        if user_id == ODD:
            raise ValueError("a fault of ours")
        return await real(db, catalogue, user_id, *others)

    monkeypatch.setattr(player_rows, "read", AsyncMock(side_effect=read))
    results = send(
        runs,
        score("moon", 1, area="moon"),
        score("high", 2_000_000),
        score("gone", 1, player=BOB),
        score("busy", 1, player=BUSY),
        score("odd", 1, player=ODD),
        score("metadata", 1, metadata={"a": 1}),
        score("good", 1),
    ).json["results"]
    assert {one["key"]: one["status"] for one in results} == {
        "moon": 404,
        "high": 422,
        "gone": 410,
        "busy": 503,
        "odd": 500,
        "metadata": 422,
        "good": 201,
    }
    by_key = {one["key"]: one for one in results}
    assert by_key["gone"]["code"] == "deleted"
    assert by_key["high"]["errors"][0]["field"] == "body.score"
    assert "a fault of ours" not in str(by_key["odd"])


@pytest.mark.parametrize(
    "scores",
    [
        [],
        [score(str(number), 1) for number in range(26)],
        [score("same", 1), score("same", 1)],
        [score("", 1)],
        [score("a", 1) | {"run": "x"}],
        [score("a", 1, player="")],
        [score("a", 1, player="a#b")],
        [score("a", 1, player="ada")],
        [score("a", 1, player=BOB.replace("6", "A"))],
        [score("a", 1, player="a" * 64)],
    ],
    ids=[
        "none",
        "26",
        "a key twice",
        "no key",
        "unknown field",
        "no player",
        "no id",
        "a user name",
        "capitals",
        "too long for a frame",
    ],
)
def test_malformed_batch_is_refused_as_a_whole(runs: RunScene, scores: list[dict[str, Any]]) -> None:
    send(runs, *scores).problem(422)


def test_full_batch_of_one_player_is_recorded(runs: RunScene) -> None:
    results = send(runs, *[score(str(number), 2, area="added") for number in range(25)]).json["results"]
    assert [one["key"] for one in results] == [str(number) for number in range(25)]
    assert {one["status"] for one in results} == {201}
    assert sorted(one["best"] for one in results) == [2 * number for number in range(1, 26)]


def test_scores_of_one_player_are_recorded_in_their_order(runs: RunScene) -> None:
    batch = [score(f"{number}", number, area="mood") for number in (9, 3, 7)]
    batch.insert(1, score("bob", 5, area="mood", player=BOB))
    assert [one["best"] for one in send(runs, *batch).json["results"]] == [9, 5, 3, 7]


def test_season_is_that_of_the_receipt_however_long_the_user_pool_takes(
    runs: RunScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    weekly = CATALOGUE.seasons["weekly"]
    season = weekly.number_at(NOW)
    runs.now = weekly.ends_at(season) - 1

    async def is_member(*_: str) -> bool:
        runs.now += 2000
        return True

    runs.rest.replace(monkeypatch, is_member=is_member)
    recorded = send(runs, score("a", 10, area="arena")).json["results"][0]
    assert [board.get("season") for board in recorded["boards"]] == [None, season]


def test_players_and_former_servers_are_refused(runs: RunScene) -> None:
    assert send(runs, score("a", 1), player=PLAYER).problem(403)["code"] == "forbidden"
    runs.joins(BOB, "moderators")
    send(runs, score("a", 1), player=BOB).problem(403)
    # The token still says so, and the user pool no longer.
    MEMBERS.discard((SERVER, "servers"))
    send(runs, score("a", 1)).problem(403)


def test_many_groups_in_a_token_are_told_apart(runs: RunScene) -> None:
    runs.groups[BOB] = "servers-old,xservers"
    MEMBERS.add((BOB, "servers"))
    send(runs, score("a", 1), player=BOB).problem(403)
    for text in ("admins,servers", "admins servers", "[admins servers]", "servers"):
        runs.groups[BOB] = text
        assert send(runs, score("a", 1), player=BOB).status == 200
