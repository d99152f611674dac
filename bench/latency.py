"""From score to screen: how old a score is when a subscriber sees it, at 20 scores a second.

One whole backend as `make run` starts it; behind its stream poller, by turns, our broadcaster and AWS's
sample (`bench/sample.py`). Players score through REST, 1,000 subscribers watch one board. No process is kept
to a core: backend, emulator, load and the sample's function share them as they would on a laptop.

The sample can not keep up with this rate, and falls behind for as long as it is measured: what nobody has
seen by the end counts with the age that it has then. So its figures are those of a short game, and worse in a
longer one. What it leaves undone our broadcaster then does, before the next turn: every subscriber must be
current.
"""

import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import sample
from bench.broadcaster import BOARD, OURS, PEER
from bench.console import console
from bench.emulated import client_session
from bench.figure import Figure
from bench.ports import kept_ports
from bench.processes import Process, aws_environment, python, running
from bench.rounds import interleaved
from bench.scale import Scale
from local.emulator import read_credentials
from store import connections
from store.database import Database

_START_SECONDS = 180
_SETTLE_SECONDS = 60


class Size(NamedTuple):
    """What is played. Scores a second for some seconds, and how long the rest is waited for at most."""

    players: int
    subscribers: int
    rate: float
    seconds: float
    drain_seconds: float


SIZE = Size(players=20, subscribers=1000, rate=20, seconds=7, drain_seconds=4)
QUICK_SIZE = Size(players=3, subscribers=10, rate=10, seconds=1, drain_seconds=5)


class LatencyBenchError(Exception):
    """The backend refused scores, lost connections, or ours did not reach everybody."""


class Latency(NamedTuple):
    """Milliseconds from when a score was due."""

    p50: float
    p99: float


async def run(scale: Scale) -> list[Figure]:
    """p50 and p99 of the time from score to screen, ours against the sample."""
    size = QUICK_SIZE if scale.quick else SIZE
    async with _scene(size) as scene:
        runs = await interleaved({name: partial(scene.measure, name) for name in (OURS, PEER)}, scale.rounds)
    ours, peer = (Latency(*map(statistics.median, zip(*runs[name], strict=True))) for name in (OURS, PEER))
    name = f"{size.subscribers:,} subscribers, {size.rate:g} scores/s"
    return [
        Figure("latency", f"{name}, {percentile}", of_ours, of_peer, PEER, "ms", "less")
        for percentile, of_ours, of_peer in zip(Latency._fields, ours, peer, strict=True)
    ]


class _Scene:
    def __init__(self, size: Size, backend: Process, load: Process) -> None:
        self._size = size
        self._backend = backend
        self._load = load

    async def measure(self, name: str) -> Latency:
        """One turn. Raises LatencyBenchError."""
        await self._backend.ask("use", broadcaster="ours" if name == OURS else "sample")
        played = await self._load.ask(
            "play",
            rate=self._size.rate,
            seconds=self._size.seconds,
            drain_seconds=_SETTLE_SECONDS if name == OURS else self._size.drain_seconds,
        )
        await self._backend.ask("use", broadcaster="ours")
        settled = await self._load.ask("settle", seconds=_SETTLE_SECONDS)
        console.print(
            f"{name}: p50 {played['p50_ms']:,.0f} ms, p99 {played['p99_ms']:,.0f} ms;"
            f" {played['frames']:,} frames came, {played['missed']:,} sightings were missing at the end"
        )
        if played["refused"] or played["lost"] or settled["missed"] or (name == OURS and played["missed"]):
            raise LatencyBenchError(f"{name}: {played}, {settled}")
        return Latency(played["p50_ms"], played["p99_ms"])


@asynccontextmanager
async def _scene(size: Size) -> AsyncIterator[_Scene]:
    with tempfile.TemporaryDirectory() as folder, kept_ports() as new_port:
        http_port, ws_port, emulator_port = (new_port() for _ in range(3))
        emulator_url = f"http://127.0.0.1:{emulator_port}"
        environment = aws_environment(emulator_url) | {
            "PODIUM_HTTP_PORT": str(http_port),
            "PODIUM_WS_PORT": str(ws_port),
            "PODIUM_EMULATOR_PORT": str(emulator_port),
            "PODIUM_DATA_DIR": folder,
        }
        # It would mean that somebody else has started an emulator.
        del environment["AWS_ENDPOINT_URL"]
        async with running(python("bench.backend"), environment=environment) as backend:
            await backend.read(_START_SECONDS)
            load_command = python(
                "bench.latency_load",
                *("--target", f"http://127.0.0.1:{http_port}"),
                *("--players", size.players),
                *("--subscribers", size.subscribers),
            )
            async with running(load_command) as load:
                await load.read(_START_SECONDS)
                await _register_with_sample(emulator_url, Path(folder))
                yield _Scene(size, backend, load)


async def _register_with_sample(emulator_url: str, data_dir: Path) -> None:
    """Put the subscribers into the sample's table, as its `$connect` would have."""
    session = client_session(read_credentials(data_dir))
    async with session.client("dynamodb", endpoint_url=emulator_url) as client:
        await sample.create_table(client)
        async for ids in connections.subscribers(Database(client), BOARD):
            await sample.add_connections(client, ids)
