"""Looking ranks up, and keeping the index that makes it cheap, beside counting the rows above.

At 1,000 and at 10 million rows the store is in memory (`bench.memory_dynamo`): it counts requests and units
as DynamoDB does, and the code above it is the real one. At 100,000 rows it is the laptop's engine, for the
time that a look-up takes; and a sorted set in Redis, where there is a `redis-server`.
"""

import asyncio
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.emulated import emulated
from bench.figure import Figure
from bench.ports import kept_ports
from bench.rank_scene import BOARD, RankScene, Rows, nodes_of, rank_scene
from bench.report import console
from bench.rounds import Scale
from game.catalogue import Board
from game.scoring import decode
from store import rank_nodes, ranks, row_ranges
from store.database import Database, batch_write, to_item
from store.schema import RANKS, SCORES

FOREST = Board(id=BOARD, order="desc", top=50)
COUNTING, REDIS = "counting", "Redis"
READ_USD, WRITE_USD = 0.125, 0.625
"""Dollars per million units in us-east-1, as in cost/prices.py."""
_COUNTS = 3
_PAGE_ROWS = 4500
"""Rows of 230 bytes in the megabyte that one COUNT reads at a time."""


async def run(scale: Scale) -> list[Figure]:
    """Return requests, units, dollars and milliseconds of look-ups, and of an improved score."""
    figures: list[Figure] = []
    for rows in (1000, 20_000) if scale.quick else (1000, 10_000_000):
        figures += await _simulated(rows, 20 if scale.quick else 200)
    return figures + await _timed(300 if scale.quick else 100_000, 3 if scale.quick else 20)


async def _simulated(rows: int, look_ups: int) -> list[Figure]:
    scene = rank_scene(rows)
    scene.dynamo.page_rows = _PAGE_ROWS
    console.print(f"{rows:,} rows, {len(scene.dynamo.nodes):,} nodes, simulated")
    keys = [Rows(rows)[scene.random.randrange(rows)] for _ in range(look_ups)]
    ours = await _used(scene, keys, lambda key: ranks.place(scene.db, FOREST, key))
    # One of the middle stands for all: each counts the rows above it.
    middle = [Rows(rows)[rows // 2]]
    wanted = ranks.better_than("desc", middle[0])
    peer = await _used(scene, middle, lambda _: row_ranges.count(scene.db, BOARD, wanted))
    figures = _figures(f"{rows:,} rows, a look-up", ours, peer)
    for batch in (1, 250):
        used = await scene.improved(max(batch, look_ups), batch)
        scores = max(batch, look_ups) // batch * batch
        each = (used.requests / scores, used.read / scores, used.write / scores)
        figures += _figures(f"{rows:,} rows, a score, {batch} a batch", each, (0.0, 0.0, 0.0))
    return figures


async def _used(
    scene: RankScene, keys: list[str], look_up: Callable[[str], Awaitable[object]]
) -> tuple[float, float, float]:
    before = scene.dynamo.used.copy()
    for key in keys:
        await look_up(key)
    used = scene.dynamo.used - before
    return used.requests / len(keys), used.read / len(keys), used.write / len(keys)


def _figures(case: str, ours: tuple[float, float, float], peer: tuple[float, float, float]) -> list[Figure]:
    units = ("requests", "read units", "write units")
    found = [
        Figure("ranks", case, one, other, COUNTING, unit, "less")
        for one, other, unit in zip(ours, peer, units, strict=True)
    ]
    ours_usd, peer_usd = (READ_USD * reads + WRITE_USD * writes for _, reads, writes in (ours, peer))
    return [*found, Figure("ranks", case, ours_usd, peer_usd, COUNTING, "USD per million", "less")]


async def _timed(rows: int, look_ups: int) -> list[Figure]:
    """Return the milliseconds of a look-up on the laptop's engine, beside counting and Redis."""
    chance = random.Random(1)
    keys = [Rows(rows)[chance.randrange(rows)] for _ in range(look_ups)]
    case = f"{rows:,} rows, a look-up on a laptop"
    async with emulated() as aws:
        await _fill(aws.db, rows)

        async def count(key: str) -> object:
            return await row_ranges.count(aws.db, BOARD, ranks.better_than("desc", key))

        ours = await _milliseconds(keys, lambda key: ranks.place(aws.db, FOREST, key))
        # The laptop's engine counts 100,000 rows for seconds.
        peer = await _milliseconds(keys[:_COUNTS], count)
        figures = [Figure("ranks", case, ours, peer, COUNTING, "ms", "less")]
    if shutil.which("redis-server"):
        async with _redis() as ask:
            for start in range(0, rows, 1000):
                part = Rows(rows)[start : start + 1000]
                await ask("ZADD", BOARD, *(text for key in part for text in ("0", key)))
            redis = await _milliseconds(keys, lambda key: ask("ZREVRANK", BOARD, key))
        figures.append(Figure("ranks", case, ours, redis, REDIS, "ms", "less"))
    return figures


async def _milliseconds(keys: list[str], look_up: Callable[[str], Awaitable[object]]) -> float:
    taken = []
    for key in keys:
        begun = time.perf_counter()
        await look_up(key)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


async def _fill(db: Database, rows: int) -> None:
    """Write a board's rows, and its index as splits leave it."""
    puts = []
    for key in Rows(rows):
        points, achieved_at, user_id, _ = decode("desc", key)
        row = {"points": points, "achievedAt": achieved_at, "userId": user_id, "name": user_id}
        puts.append({"PutRequest": {"Item": to_item({"gameArea": BOARD, "score": key, **row})}})
    await batch_write(db, SCORES, puts)
    nodes = nodes_of(Rows(rows), random.Random(1))
    items = [rank_nodes.to_stored(BOARD, rank_nodes.revised(node)) for node in nodes]
    await batch_write(db, RANKS, [{"PutRequest": {"Item": item}} for item in items])


@asynccontextmanager
async def _redis() -> AsyncIterator[Callable[..., Awaitable[bytes]]]:
    """Yield a function that sends a command to a Redis of our own, and returns the line of its answer."""
    with kept_ports() as new_port, tempfile.TemporaryDirectory() as folder:
        port = new_port()
        process = await asyncio.create_subprocess_exec(
            *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        try:
            async with asyncio.timeout(30):
                while b"Ready to accept" not in await process.stdout.readline():
                    assert process.returncode is None
            reader, writer = await asyncio.open_connection("127.0.0.1", port)

            async def ask(*words: str) -> bytes:
                parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
                writer.write(f"*{len(words)}\r\n{''.join(parts)}".encode())
                line = await reader.readline()
                assert line.startswith(b":"), line
                return line

            yield ask
            writer.close()
        finally:
            process.terminate()
            await process.wait()
