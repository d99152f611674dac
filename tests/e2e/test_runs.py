"""Runs, scores in doubt and trusted servers, on the laptop and on the deployed stacks."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from game.groups import MODERATORS, SERVERS
from game.run_ticket import Key, key_id, sign, verify
from tests.e2e.backend import Backend
from tests.e2e.conftest import DOUBTED, SignUp, on_both
from tests.e2e.player import Player, assert_problem, put_into
from tests.support.waiting import until_async

pytestmark = on_both

GAUNTLET = "gauntlet"
AN_INSTANT_MORE = 0.05


@pytest.fixture
async def players(sign_up: SignUp) -> list[Player]:
    return [await sign_up(name) for name in ("Ada", "Bob")]


async def last(backend: Backend, area: str) -> None:
    """Let a run last as long as it must."""
    least = backend.catalogue().areas[area].rules.min_time
    assert least
    await asyncio.sleep(least / 1000 + AN_INSTANT_MORE)


async def test_run_counts_once_when_it_has_lasted(backend: Backend, players: list[Player]) -> None:
    ada, bob = players
    assert_problem(await ada.post_score(GAUNTLET, 5), 422, "run")
    run = await ada.begin_run(GAUNTLET)
    early = await ada.post_score(GAUNTLET, 5, run=run)
    assert early.json()["rule"] == f"areas.{GAUNTLET}.rules.min_time"
    await last(backend, GAUNTLET)
    fast = await ada.post_score(GAUNTLET, 100_000, run=run)
    assert fast.json()["rule"] == f"areas.{GAUNTLET}.rules.pace"
    for thief, area in ((bob, GAUNTLET), (ada, "forest")):
        stolen = await thief.post_score(area, 5, run=run)
        assert (stolen.status_code, stolen.json()["rule"]) == (422, f"areas.{area}.rules.run")
    first = await ada.submit(GAUNTLET, 5, run=run)
    assert (first["best"], first["verdict"]) == (5, "accepted")
    assert await ada.submit(GAUNTLET, 5, run=run) == first
    other = await ada.post_score(GAUNTLET, 6, run=run)
    assert other.json()["rule"] == f"areas.{GAUNTLET}.rules.run"
    assert ada.user_id in {entry.user_id for entry in await ada.top(GAUNTLET)}


async def test_key_of_runs_is_changed_and_no_run_is_lost(backend: Backend, players: list[Player]) -> None:
    ada, _ = players
    before = await ada.begin_run(GAUNTLET)
    async with backend.client("secretsmanager") as client:
        (secret,) = (await client.list_secrets())["SecretList"]
        old = await client.get_secret_value(SecretId=secret["ARN"])
        new = await client.put_secret_value(SecretId=secret["ARN"], SecretString=uuid.uuid4().hex)
        value = (await client.get_secret_value(SecretId=secret["ARN"]))["SecretString"]
    assert key_id(before) == old["VersionId"]
    run = verify(before, Key(old["VersionId"], old["SecretString"].encode()))
    # As another function has signed it, which has read the secret since.
    renewed = run.model_copy(update={"key": new["VersionId"], "nonce": uuid.uuid4().hex})
    after = sign(renewed, Key(new["VersionId"], value.encode()))
    await last(backend, GAUNTLET)
    answers: list[httpx.Response] = []

    async def accepted() -> bool:
        answers.append(await ada.post_score(GAUNTLET, 7, run=after))
        return answers[-1].status_code == 201

    await until_async(accepted, lambda: f"the new key is not read: {answers[-1].text}")
    assert (await ada.submit(GAUNTLET, 8, run=before))["best"] == 8


async def test_score_in_doubt_waits_for_a_moderator(
    backend: Backend, players: list[Player], sign_up: SignUp
) -> None:
    ada, mod = players
    await put_into(backend, mod, MODERATORS)
    run = await ada.ask("POST", "/run", 201, {"gameArea": DOUBTED})
    assert run["attemptsLeft"] == 9
    answer = await ada.submit(DOUBTED, 77, run=run["run"])
    assert (answer["verdict"], answer["boards"]) == ("held", [])
    assert (await ada.ask("POST", "/run", 201, {"gameArea": DOUBTED}))["attemptsLeft"] == 8
    assert await ada.top(DOUBTED) == ()
    mine: list[dict[str, Any]] = []

    async def listed() -> bool:
        answer = await mod.get("/admin/held", limit=100)
        assert answer.status_code == 200, answer.text
        mine[:] = [one for one in answer.json()["held"] if one["userId"] == ada.user_id]
        return bool(mine)

    await until_async(listed, lambda: "the score is not listed")
    assert [(one["score"], one["rule"]) for one in mine] == [(77, f"areas.{DOUBTED}.rules.min_time")]
    assert_problem(await ada.get("/admin/held"), 403, "moderators")


async def test_trusted_server_submits_for_players(
    backend: Backend, players: list[Player], arena: str, sign_up: SignUp
) -> None:
    ada, bob = players
    server = await sign_up("Server")
    keys = [uuid.uuid4().hex for _ in range(3)]
    scores = [
        {"key": keys[0], "userId": ada.user_id, "gameArea": arena, "score": 5},
        {"key": keys[1], "userId": bob.user_id, "gameArea": arena, "score": 7},
        {"key": keys[2], "userId": bob.user_id, "gameArea": "nowhere", "score": 7},
    ]
    await server.ask("POST", "/server/scores", 403, {"scores": scores})
    await put_into(backend, server, SERVERS)
    first = await server.ask("POST", "/server/scores", 200, {"scores": scores})
    assert [one["status"] for one in first["results"]] == [201, 201, 404]
    assert await server.ask("POST", "/server/scores", 200, {"scores": scores}) == first
    assert [(one.user_id, one.points) for one in await ada.top(arena)] == [(bob.user_id, 7), (ada.user_id, 5)]
