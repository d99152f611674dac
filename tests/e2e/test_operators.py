"""`migrate`, `rekey` and `index` on the command line, each interrupted by Ctrl-C or a kill, and run again.

The data is that of release 0.1.0, of which one player is made many. It is converted; a tie-break comes, and
the rows of the forest are written again; then they are counted. In the end all is as if nothing had
interrupted.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from game.catalogue import DEFAULT_PATH, load_catalogue
from local.emulator import Emulator, read_credentials
from local.provision import create_tables
from local.settings import REGION
from ops.command import INTERRUPTED
from store import conversion, rank_nodes, ranks, scores, standings
from store.board_rules import settle
from store.database import Database, Item, batch_write
from store.errors import StoreError
from store.rank_check import find_wrong
from store.schema import PLAYERS, SCORES, STANDINGS, TABLES, USER_PROGRESS, Table
from tests.e2e.backend import CHECKOUT, client_of, environment
from tests.support.waiting import COMMAND_SECONDS, until_async

EARLIER = json.loads(
    (CHECKOUT / "tests" / "unit" / "ops" / "earlier" / "release-0.1.0.json").read_text(encoding="utf-8")
)
PEOPLE = 1_100
"""More than an index counts in a step, and than are converted or written again at a time."""
ADA = [("forest", 60), ("desert", 7), ("global", 67), ("sprint", 61_250)]
COINS = 'tiebreak = { name = "coins", order = "desc", min = 0, max = 99 }'
ROOMS = ("game", "runtime", "store", "ops")
"""What an operator's command on AWS is made of."""


class Operator:
    """An operator at a terminal: of a laptop's data folder, or (`prefix`) of the tables of a deployment."""

    def __init__(self, folder: Path, port: int, prefix: str) -> None:
        self.prefix = prefix
        self._data, self._port = folder / "data", port
        self._catalogue = folder / "catalogue.toml"
        self._checkout = folder / "checkout"
        text = DEFAULT_PATH.read_text()
        self._catalogue.write_text(text.replace("[areas.forest]\n", f"[areas.forest]\n{COINS}\n"))
        self.catalogue = load_catalogue(self._catalogue)
        assert self.catalogue.boards["forest"].tiebreak
        if prefix:
            for room in ROOMS:
                shutil.copytree(CHECKOUT / room, self._checkout / room)
            shutil.copy(self._catalogue, self._checkout / "game" / "catalogue.toml")

    @asynccontextmanager
    async def tables(self) -> AsyncIterator[Database]:
        """Yield the tables, on an emulator that runs until then."""
        emulator = Emulator(port=self._port, data_dir=self._data)
        await emulator.start()
        try:
            async with self._client() as client:
                yield Database(client, self.prefix)
        finally:
            await emulator.stop()

    def _client(self) -> Any:
        # Where no emulator answers, the SDK would ask for half a minute.
        once = AioConfig(retries={"total_max_attempts": 1})
        url = f"http://127.0.0.1:{self._port}"
        return client_of(read_credentials(self._data), "dynamodb", url, config=once)

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        if self.prefix:
            module, *words = {
                "migrate": ("ops.migrate", self.prefix),
                "rekey": ("ops.boards", "rekey", self.prefix),
                "index": ("ops.index", self.prefix),
            }[command]
            folder, variables = self._checkout, self._aws()
        else:
            module, words = "local", [command]
            folder = CHECKOUT
            variables = environment(emulator_port=self._port, data_dir=self._data, catalogue=self._catalogue)
        return subprocess.Popen(
            [sys.executable, "-m", module, *words, *arguments],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _aws(self) -> dict[str, str]:
        return environment() | {
            **read_credentials(self._data),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
        }

    async def run(self, command: str, *arguments: str) -> str:
        """Run a command to its end; what it said."""
        with self.start(command, *arguments) as process:
            output, errors = await _ended(process)
        assert process.returncode == 0, errors
        return output

    async def interrupt(self, number: signal.Signals, command: str, *arguments: str) -> None:
        """Run a command, and send it a signal once it has written something."""
        seen: set[object] = set()

        async def has_moved() -> bool:
            seen.add(await self._written(command))
            return process.poll() is not None or len(seen - {None}) > 1

        with self.start(command, *arguments) as process:
            await until_async(has_moved, lambda: f"{command} has written nothing: {seen}")
            with suppress(ProcessLookupError):
                process.send_signal(number)
            _, errors = await _ended(process)
        # On a slow machine it may have been done by then.
        if process.returncode:
            assert process.returncode == (INTERRUPTED if number == signal.SIGINT else -number), errors
            assert number == signal.SIGKILL or "Stopped before the end: run it again to go on." in errors
        if not self.prefix:
            # The emulator of a command that was killed saves, and ends.
            await until_async(self._is_free, lambda: f"port {self._port} is in use")

    async def _is_free(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) != 0

    async def _written(self, command: str) -> object:
        """Return what tells how far a command is; None where nothing answers."""
        try:
            async with self._client() as client:
                db = Database(client, self.prefix)
                if command == "index":
                    root = (await rank_nodes.load_root(db, "forest")).node
                    return root and root.revision
                table, sign = {"migrate": (STANDINGS, "board"), "rekey": (SCORES, "tiebreak")}[command]
                answer = await client.scan(
                    TableName=db.name(table), Select="COUNT", FilterExpression=f"attribute_exists({sign})"
                )
                return answer["Count"]
        except (OSError, StoreError, BotoCoreError, ClientError):
            return None


async def _ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait until a command has ended; what it said to the operator, and its standard error."""
    try:
        return await asyncio.to_thread(process.communicate, timeout=COMMAND_SECONDS)
    finally:
        process.kill()


async def rows(db: Database, table: Table, attribute: str) -> list[Item]:
    """Return all rows of a table that have an attribute."""
    pages = db.client.get_paginator("scan").paginate(
        TableName=db.name(table), ConsistentRead=True, FilterExpression=f"attribute_exists({attribute})"
    )
    return [item async for page in pages for item in page["Items"]]


async def play(db: Database) -> None:
    """Fill the tables as 0.1.0 left them, with Bob as many times as there are people."""
    await create_tables(db)
    (bob,) = (one["userId"]["S"] for one in EARLIER["UserProgress"] if "desert" not in one["bests"]["M"])
    for table in TABLES:
        found = json.dumps(EARLIER.get(table.name, []))
        items = json.loads(found)
        if table in (USER_PROGRESS, SCORES):
            bobs = json.dumps([item for item in items if item["userId"]["S"] == bob])
            for number in range(1, PEOPLE):
                items += json.loads(bobs.replace(bob, f"{number:04}{bob[4:]}"))
        await batch_write(db, table, [{"PutRequest": {"Item": item}} for item in items])


@pytest.mark.parametrize("prefix", ["", "podium-trial-"], ids=["laptop", "deployment"])
async def test_interrupted_commands_go_on_and_lose_nothing(
    tmp_path: Path, unused_tcp_port: int, prefix: str
) -> None:
    operator = Operator(tmp_path, unused_tcp_port, prefix)
    async with operator.tables() as db:
        await play(db)
        if prefix:
            await work(operator)
            await check(operator, db)
    if not prefix:
        await work(operator)
        async with operator.tables() as db:
            await check(operator, db)


async def work(operator: Operator) -> None:
    """Run the three commands."""
    assert f"{2 * PEOPLE + 4} standings of {PEOPLE + 1} players to be written" in await operator.run(
        "migrate"
    )
    for number, command, arguments in (
        (signal.SIGKILL, "migrate", ["--apply"]),
        (signal.SIGINT, "rekey", ["forest", "--apply"]),
        (signal.SIGKILL if operator.prefix else signal.SIGINT, "index", ["forest"]),
    ):
        await operator.interrupt(number, command, *arguments)
        said = await operator.run(command, *arguments)
    assert said.splitlines()[-1] == f"forest: all rows are counted, {PEOPLE + 1:,} of them."
    assert "nothing to convert" in await operator.run("migrate", "--apply")
    assert "forest: 0 rows" in await operator.run("rekey", "forest")


async def check(operator: Operator, db: Database) -> None:
    """Nothing is lost of what anybody had, and every key and count is right."""
    assert await conversion.is_converted(db)
    assert await settle(db, operator.catalogue, thorough=True) == []
    assert await rows(db, USER_PROGRESS, "bests") == []
    assert len(await rows(db, USER_PROGRESS, "userId")) == PEOPLE + 1
    held = [standings.parse(item) for item in await rows(db, STANDINGS, "board")]
    points = Counter((one.board, one.points) for one in held)
    bobs = {("forest", 55): PEOPLE, ("global", 55): PEOPLE}
    assert points == Counter(bobs | dict.fromkeys(ADA, 1))
    boards = operator.catalogue.boards
    for one in held:
        assert one.sort_key == scores.sort_key(boards[one.board], one.held, one.user_id)
    found = {(item["gameArea"]["S"], item["score"]["S"]) for item in await rows(db, SCORES, "score")}
    assert found == {(one.board, one.sort_key) for one in held}
    root = (await rank_nodes.load_root(db, "forest")).node
    assert root is not None
    assert root.total == PEOPLE + 1
    assert await find_wrong(db, "forest", 0, 1) == set()
    best = max(key for board, key in found if board == "forest")
    assert await ranks.place(db, boards["forest"], best) == ranks.Place(0, PEOPLE + 1)
    (deleted,) = await rows(db, PLAYERS, "deletedAt")
    assert deleted["pending"] == {"S": "erase"}
