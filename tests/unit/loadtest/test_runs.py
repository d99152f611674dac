"""Runs: when they are begun, when they may be spent, and that one which counts twice is told."""

import asyncio
import random
from collections import Counter

import aiohttp
import pytest

from game.area_rules import AreaRules
from loadtest import players
from loadtest.arenas import Arena
from loadtest.rest import Rest, RestError
from loadtest.runs import Runs
from tests.unit.loadtest.stand_in import CATALOGUE, StandIn
from tests.unit.loadtest.test_players import arena, game

TOKEN = "x.eyJzdWIiOiAiYWRhIn0.y"


def gauntlet(**rules: object) -> Arena:
    """The forest, with rules that want a run."""
    values = AreaRules.model_validate({"run": "required"} | rules)
    area = CATALOGUE.areas["forest"].model_copy(update={"rules": values})
    return arena("forest").model_copy(update={"area": area})


class Scene:
    """The runs of a player whose clock stands still."""

    def __init__(self, stand_in: StandIn, http: aiohttp.ClientSession) -> None:
        self.now = 100.0
        self.counts: Counter[str] = Counter()
        rest = Rest(http, stand_in.url)
        self.runs = Runs(rest, lambda: self.now, random.Random(1), self.counts)


@pytest.fixture
async def scene(stand_in: StandIn, http: aiohttp.ClientSession) -> Scene:
    return Scene(stand_in, http)


async def test_run_may_be_spent_once_it_has_lasted_long_enough(scene: Scene) -> None:
    area = gauntlet(min_time="20s")
    assert scene.runs.ready_at(area) is None
    await scene.runs.begin(area, TOKEN)
    await scene.runs.begin(area, TOKEN)  # one is held
    assert scene.counts == {"runs begun": 1}
    assert scene.runs.ready_at(area) == pytest.approx(120, abs=0.1)
    scene.now = 119.9
    assert scene.runs.spend(area, 70) == (None, 70)
    scene.now = 120.1
    ticket, points = scene.runs.spend(area, 70)
    assert (ticket, points) == ("forest-1", 70)
    assert scene.runs.ready_at(area) is None
    assert scene.runs.spend(area, 70) == (None, 70)


async def test_points_are_no_more_than_the_pace_allows(scene: Scene) -> None:
    area = gauntlet(pace=10)
    await scene.runs.begin(area, TOKEN)
    scene.now += 4.25
    assert scene.runs.spend(area, 70)[1] == 42
    await scene.runs.begin(area, TOKEN)
    scene.now += 60
    assert scene.runs.spend(area, 70)[1] == 70


async def test_expired_run_is_dropped(scene: Scene, stand_in: StandIn) -> None:
    stand_in.run_ms = 30_000
    area = gauntlet()
    await scene.runs.begin(area, TOKEN)
    scene.now += 29.5
    assert scene.runs.ready_at(area) is None
    assert scene.runs.spend(area, 7) == (None, 7)


async def test_area_without_runs_needs_none(scene: Scene, stand_in: StandIn) -> None:
    for _ in range(5):
        await scene.runs.begin(arena("desert"), TOKEN)
    assert stand_in.calls == []
    assert scene.runs.ready_at(arena("desert")) == 0


async def test_optional_run_is_begun_some_of_the_time(scene: Scene) -> None:
    area = gauntlet(run="optional")
    for _ in range(100):
        await scene.runs.begin(area, TOKEN)
        assert scene.runs.ready_at(area) == 0
        scene.now += 1
        scene.runs.spend(area, 7)
    assert 30 < scene.counts["runs begun"] < 70


async def test_area_without_an_attempt_left_is_not_asked_for_a_while(scene: Scene, stand_in: StandIn) -> None:
    area = gauntlet()
    stand_in.failures["POST /run"].append((409, {"code": "no_attempts", "resetsAt": 1}))
    await scene.runs.begin(area, TOKEN)
    await scene.runs.begin(area, TOKEN)
    assert scene.counts == {"runs refused: no attempt left": 1}
    assert not scene.runs.is_open(area)
    scene.now += 6
    await scene.runs.begin(area, TOKEN)
    assert scene.counts["runs begun"] == 1
    scene.now += 1
    scene.runs.spend(area, 7)
    stand_in.failures["POST /run"].append((503, {}))
    with pytest.raises(RestError, match="POST /run: 503"):
        await scene.runs.begin(area, TOKEN)


async def test_player_scores_with_a_run_where_one_is_required(
    stand_in: StandIn, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(players, "_SPENT_AGAIN", 0)
    async with game(stand_in, http, gauntlet(min_time="1s")) as play:
        for _ in range(2):
            play.player.schedule(0.0)
        began = asyncio.get_running_loop().time()
        await play.idle()
        # Each has waited for its run, and is due when that had lasted long enough.
        assert asyncio.get_running_loop().time() - began > 2
        first, second = play.attempts
        assert 1 < first.scheduled < second.scheduled - 1
    assert stand_in.calls.count("POST /run") >= 2
    runs = [request["run"] for request in stand_in.requests if "score" in request]
    assert len(set(runs)) == 2
    assert play.counts["runs spent"] == 2


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (None, []),
        ((503, {}), []),
        (
            (409, {"code": "season_over"}),
            ["forest: a repeated submission was refused: POST /score: 409 season_over"],
        ),
        ((201, {"best": 1, "improved": True}), ["forest: a repeated submission got another answer"]),
    ],
)
async def test_run_that_is_spent_twice_is_told(
    again: tuple[int, object] | None,
    told: list[str],
    stand_in: StandIn,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(players, "_SPENT_AGAIN", 1)
    async with game(stand_in, http, gauntlet()) as play:
        stand_in.failures["POST /score"].extend([None, again])
        play.player.schedule(0.0)
        await play.idle()
    # The stand-in takes any other points, too.
    assert sorted(play.broken) == sorted([*told, "forest: a run was spent twice"])
