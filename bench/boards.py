"""A game of 2,000 boards on the laptop beside one of four: the time to `ready`, and from a score to its diff.

Each runs as a person has it: `python -m local run`, on a folder of data in which an earlier run has published
every board. A client that is subscribed to one of the boards then submits scores that lead it.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import aioboto3
import aiohttp
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from bench.figure import Figure
from bench.ports import kept_ports
from bench.processes import aws_environment, python, running
from bench.report import console
from bench.rounds import Scale, interleaved
from game.catalogue import Catalogue, load_catalogue
from game.live import SUBPROTOCOL
from loadtest.accounts import Cognito
from loadtest.target import TargetConfig
from local.emulator import read_credentials
from local.settings import REGION
from realtime.protocol import encode_snapshot
from runtime.clock import now_ms
from store import boards
from store.database import Database

FEW, MANY, QUICK_MANY = 4, 2000, 20
SCORES, QUICK_SCORES = 20, 2

_START_SECONDS = 120
_ANSWER_SECONDS = 60
_PUBLISHED_AT_ONCE = 20
_BOARD = "level-1"
_PASSWORD = "Correct-horse-1"  # noqa: S105 -- of a player in the benchmark's own emulator
_GAME = """\
[series.level]
count = {count}
title = "Level {{n}}"
order = "desc"
min = 0
max = 1_000_000
top = 50
"""


class Outcome(NamedTuple):
    """The seconds until a backend was ready, and the median of those from a score to its diff."""

    ready: float
    diff: float


async def run(scale: Scale) -> list[Figure]:
    """Time a start, and scores, in a game of many boards and in one of a few."""
    many, count = (QUICK_MANY, QUICK_SCORES) if scale.quick else (MANY, SCORES)
    with tempfile.TemporaryDirectory() as folder:
        games = {boards: Game(Path(folder) / str(boards), boards) for boards in (many, FEW)}
        for game in games.values():
            await game.publish_all()
        measures = {boards: partial(game.measure, count) for boards, game in games.items()}
        runs = await interleaved(measures, scale.rounds)
    ours, peer = (Outcome(*map(statistics.median, zip(*runs[boards], strict=True))) for boards in (many, FEW))
    name, beside = f"{many:,} boards", f"{FEW} boards"
    return [
        Figure("boards", f"{name}, from the start to `ready`", ours.ready, peer.ready, beside, "s", "less"),
        Figure("boards", f"{name}, from a score to its diff", ours.diff, peer.diff, beside, "s", "less"),
    ]


class Backend(NamedTuple):
    """A running backend: seconds until it was ready, its configuration, and its emulator's address."""

    ready: float
    config: TargetConfig
    emulator_url: str


class Game:
    """A game of this number of boards, with a folder of data that is kept from one start to the next."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir()
        self._data = folder / "data"
        self._file = folder / "catalogue.toml"
        self._file.write_text(_GAME.format(count=count))
        self._catalogue: Catalogue = load_catalogue(self._file)
        self._points = 0

    async def publish_all(self) -> None:
        """Have every board published, as if each had been played in an earlier run."""
        async with self._started() as backend, self._database(backend) as db:
            waiting = iter(self._catalogue.boards.values())

            async def work() -> None:
                for board in waiting:
                    await boards.load_or_create(db, board, now_ms(), encode_snapshot)

            await asyncio.gather(*(work() for _ in range(_PUBLISHED_AT_ONCE)))

    async def measure(self, count: int) -> Outcome:
        """Start the backend, let a player submit `count` scores one after the other, and stop it."""
        async with self._started() as backend, Cognito.open(backend.config, _PASSWORD) as accounts:
            username = f"player-{time.time_ns()}"
            await accounts.sign_up(username, "Ada")
            token = (await accounts.sign_in(username))["IdToken"]
            seconds = await self._play(backend.config, token, count)
        outcome = Outcome(backend.ready, statistics.median(seconds))
        console.print(
            f"{len(self._catalogue.boards):,} boards: ready after {outcome.ready:.2f} s, "
            f"a diff after {outcome.diff * 1000:.0f} ms"
        )
        return outcome

    async def _play(self, config: TargetConfig, token: str, count: int) -> list[float]:
        """Return the seconds from each score to the diff that shows it."""
        seconds = []
        async with (
            asyncio.timeout(_ANSWER_SECONDS),
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
            connect(
                config.web_socket_url,
                subprotocols=[Subprotocol(SUBPROTOCOL), Subprotocol(token)],
                proxy=None,
            ) as screen,
        ):
            await screen.send(json.dumps({"action": "subscribe", "boards": [_BOARD]}))
            await screen.recv()
            for _ in range(count):
                self._points += 1
                started = time.perf_counter()
                body = {"gameArea": _BOARD, "score": self._points}
                async with http.post(f"{config.rest_url}/score", json=body) as answer:
                    answer.raise_for_status()
                while not _shows(json.loads(await screen.recv()), self._points):
                    pass
                seconds.append(time.perf_counter() - started)
        return seconds

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[Backend]:
        with kept_ports() as new_port:
            ports = {f"PODIUM_{name}_PORT": str(new_port()) for name in ("HTTP", "WS", "EMULATOR")}
            emulator_url = f"http://127.0.0.1:{ports['PODIUM_EMULATOR_PORT']}"
            environment = aws_environment(emulator_url) | ports
            # It starts an emulator of its own.
            del environment["AWS_ENDPOINT_URL"]
            environment |= {"PODIUM_DATA_DIR": str(self._data), "PODIUM_CATALOGUE": str(self._file)}
            began = time.perf_counter()
            async with running(python("local", "run"), environment=environment) as process:
                await process.read_until("ready", _START_SECONDS)
                ready = time.perf_counter() - began
                url = f"http://127.0.0.1:{ports['PODIUM_HTTP_PORT']}/client-config.json"
                async with aiohttp.ClientSession() as http, http.get(url) as answer:
                    config = TargetConfig.model_validate(await answer.json())
                yield Backend(ready, config, emulator_url)

    @asynccontextmanager
    async def _database(self, backend: Backend) -> AsyncIterator[Database]:
        keys = read_credentials(self._data)
        session = aioboto3.Session(
            keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=REGION
        )
        async with session.client("dynamodb", endpoint_url=backend.emulator_url) as client:
            yield Database(client, run="an earlier one")


def _shows(frame: dict[str, Any], points: int) -> bool:
    """Return whether a frame puts a score on the board: a diff, or a snapshot where that is smaller."""
    return any(entry.get("score") == points for entry in frame.get("changes") or frame.get("entries") or ())
