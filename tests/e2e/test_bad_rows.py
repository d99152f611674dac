"""Rows that no release of ours wrote, in the tables of a running backend, and in those of its next start."""

from collections.abc import Callable
from pathlib import Path

import httpx

from store.database import to_item
from store.schema import LEADERBOARDS, SCORES
from tests.e2e.backend import BackendProcess, Ports
from tests.e2e.player import Player
from tests.support.waiting import PATIENCE_SECONDS

ROW = {
    "gameArea": "desert",
    "score": "1000000000000005#999998000000000000#u-x",
    "points": 5,
    "userId": "u-x",
}


async def test_bad_row_leaves_every_board_and_the_next_start_alone(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    backend = BackendProcess(tmp_path / "data", Ports.free(unused_tcp_port_factory), sweep_seconds=1)
    try:
        backend.start()
        await _play(backend)
        assert backend.stop() == 0
        assert "Traceback" not in backend.log
        backend.start()
        async with httpx.AsyncClient(
            base_url=backend.rest_url, timeout=PATIENCE_SECONDS, trust_env=False
        ) as http:
            page = (await http.get("/leaderboard", params={"gameArea": "desert"})).raise_for_status().json()
            assert [(entry["rank"], entry["score"]) for entry in page["entries"]] == [(1, 70)]
        assert backend.stop() == 0
    finally:
        backend.kill()
    assert "Traceback" not in backend.log
    assert "gave up on" not in backend.log
    assert "broadcaster failed" not in backend.log
    left_out = [line for line in backend.log.splitlines() if "left out of board desert" in line]
    assert left_out
    assert all(str(ROW["score"]) in line for line in left_out)


async def _play(backend: BackendProcess) -> None:
    async with httpx.AsyncClient(
        base_url=backend.rest_url, timeout=PATIENCE_SECONDS, trust_env=False
    ) as http:
        ada = await Player.sign_up(backend, http, "Ada")
        async with backend.database() as db, ada.live("forest", "desert") as screen:
            await db.client.put_item(TableName=SCORES.name, Item=to_item(ROW))
            await ada.submit("forest", 60)
            await screen.follows("forest", await ada.top("forest"))
            await ada.submit("desert", 70)
            assert [entry.points for entry in await ada.top("desert")] == [70]
            await screen.follows("desert", await ada.top("desert"))
            standing = (await ada.get("/leaderboard/me", gameArea="desert")).raise_for_status().json()
            assert standing["rank"] == 1

            # No score tells of this one: the sweep does, and puts it right on every screen.
            before = screen.position("forest")
            await db.client.update_item(
                TableName=LEADERBOARDS.name,
                Key=to_item({"gameArea": "forest"}),
                UpdateExpression="SET #version = :one, entries = :nothing",
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues=to_item({":one": "one", ":nothing": {}}),
            )
            await screen.until(lambda: screen.position("forest").epoch > before.epoch)
            assert screen.replicas["forest"].entries == await ada.top("forest")
