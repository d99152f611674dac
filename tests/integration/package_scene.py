"""A function from its zip, with what it works on: tables, the keys of a user pool, a player's screen."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aioboto3
from aiohttp import web
from aiohttp.test_utils import TestServer
from websockets.asyncio.client import ClientConnection

from game.catalogue import load_catalogue
from game.functions import Function
from local.provision import create_tables
from realtime.protocol import encode_snapshot
from runtime.clock import now_ms
from store import boards, connections
from store.boards import PublishedBoard
from store.database import Database
from store.profiles import Profile
from store.submission import submit
from tests.integration.package_process import CREDENTIALS, SETTINGS, PackageProcess, running
from tests.support.clients import connect
from tests.support.waiting import patience
from tests.unit.embedded_metrics import metrics
from tests.unit.local.gateway import harness as gateway_harness
from tests.unit.realtime.user_pool import CLIENT_ID, ISSUER, key_set

# Whom the recorded events are about.
PLAYER = "87313b53-604d-4405-b676-4eb8a21c5969"
CONNECTION = "UcX1kd3noAMCJ4g="

CATALOGUE = load_catalogue()
FOREST = CATALOGUE.boards["forest"]

_KEY_SET = "/.well-known/jwks.json"


@dataclass(frozen=True)
class Scene:
    """A function, the tables that it works on, and the screen of the player, who is connected."""

    function: PackageProcess
    db: Database
    screen: ClientConnection

    async def frame(self) -> dict[str, Any]:
        """Return the next frame on the screen."""
        async with patience():
            frame: dict[str, Any] = json.loads(await self.screen.recv())
        return frame

    async def follow_the_forest(self) -> PublishedBoard:
        """Subscribe the player to a board without entries; return the board as published."""
        await connections.subscribe(self.db, CONNECTION, [FOREST.id], PLAYER, now_ms())
        return await boards.load_or_create(self.db, FOREST, now_ms(), encode_snapshot)

    async def score(self) -> None:
        """The score that the recorded events tell of."""
        await submit(self.db, CATALOGUE, Profile(user_id=PLAYER, name="Ada"), FOREST.id, 420, now_ms())

    async def check_everybody_has_the_score(self, before: PublishedBoard) -> None:
        """It is published, the player has it on the screen, and nothing is left to be pushed."""
        frame = await self.frame()
        (entry,) = frame["entries"] if frame["type"] == "snapshot" else frame["changes"]
        assert (frame["board"], frame["epoch"]) == (FOREST.id, before.epoch)
        assert (entry["userId"], entry["score"]) == (PLAYER, 420)
        board = await boards.load(self.db, FOREST.id)
        assert board
        assert [entry.user_id for entry in board.entries] == [PLAYER]
        assert (board.version, board.outbox, board.fanout) == (before.version + 1, {}, None)

    def counted(self) -> set[str]:
        """The names of the metrics that the function has printed, all of them in the stage's namespace."""
        found = metrics(self.function.output)
        assert {metric.namespace for metric in found} == {SETTINGS["POWERTOOLS_METRICS_NAMESPACE"]}
        return {metric.name for metric in found}


@asynccontextmanager
async def playing(
    function: Function, folder: Path, home: Path, endpoint: Mapping[str, str]
) -> AsyncIterator[Scene]:
    """Yield the scene of a function whose zip is unpacked in a folder; `home` is an empty one.

    `endpoint` are the variables that point the SDK at the emulator, in the function as they do here. The
    function's pushes go to a connection of the local gateway.
    """
    async with (
        aioboto3.Session().client("dynamodb") as client,
        TestServer(_user_pool()) as user_pool,
        gateway_harness.running(gateway_harness.Backend(), id_source=lambda: CONNECTION) as gateway,
        connect(gateway.url) as screen,
    ):
        db = Database(client, SETTINGS["PODIUM_TABLE_PREFIX"])
        await create_tables(db)
        settings = {
            "PODIUM_CONNECTIONS_URL": f"http://127.0.0.1:{gateway.port}/local",
            "PODIUM_TOKEN_ISSUER": ISSUER,
            "PODIUM_TOKEN_CLIENT_ID": CLIENT_ID,
            "PODIUM_KEY_SET_URL": str(user_pool.make_url(_KEY_SET)),
        }
        environment = {**CREDENTIALS, **SETTINGS, **settings, **endpoint}
        async with running(function.handler, folder, home, environment) as process:
            yield Scene(process, db, screen)


def _user_pool() -> web.Application:
    """Return the one key `key-1`, where Cognito has its keys."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(key_set("key-1"))

    app = web.Application()
    app.router.add_get(_KEY_SET, answer)
    return app
