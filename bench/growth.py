"""What a submitted score and a published diff cost in DynamoDB, as the number of players on the board grows.

The real submission and the real broadcaster run over the emulator's tables; the push client only says that
everybody took the frame. A score is a new best in an area that counts, which is the dearest: rows of two
boards change. A diff is that of one such score, which leads the board.

Beside the units that the engine reports stand those that DynamoDB would count (`bench/capacity.py`). The peer
is ourselves at 100 players: a ratio of 1 means that nothing grows.

The engine sorts a whole board for each Query: at 100,000 players that takes seconds, and filling the board
half a minute. So the global board, which nobody queries here, stays at 10,000.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiobotocore.config import AioConfig

from bench.capacity import Cost, Meter
from bench.console import console
from bench.emulated import emulated
from bench.figure import Figure
from bench.scale import Scale
from game.catalogue import GLOBAL_BOARD, Catalogue, load_catalogue
from realtime.push.client import PushClient, PushResult
from store import connections, progress, scores
from store.database import Database, batch_write
from store.profiles import Profile
from store.runtime import SDK_CONFIG, now
from store.schema import SCORES
from store.submission import submit
from streams.broadcaster import Broadcaster
from streams.fanout import FanOut, Shard
from streams.report import Report

AREA = "forest"
PLAYERS = (100, 1_000, 10_000, 100_000)
QUICK_PLAYERS = (60, 120)
GLOBAL_PLAYERS = 10_000
"""The most that are put on the global board."""

SUBMITTED = 4
"""Scores that are measured at each number of players, by as many of them."""

SUBSCRIBERS = 100

_CONFIG = SDK_CONFIG.merge(AioConfig(read_timeout=60))
_START = 1_763_812_800_000
_WRITERS = 4


class GrowthBenchError(Exception):
    """The code under measurement did something else than what is measured."""


@dataclass(frozen=True)
class Costs:
    """What one score and one diff cost, at a number of players."""

    score: Cost
    diff: Cost


async def run(scale: Scale) -> list[Figure]:
    """Requests and units of each, at each number of players, against those at the least number."""
    players = QUICK_PLAYERS if scale.quick else PLAYERS
    measured: dict[int, Costs] = {}
    async with _scene() as scene:
        for count in players:
            await scene.grow(count)
            measured[count] = await scene.measure()
            console.print(f"{count:,} players: {measured[count]}")
    first = measured.pop(players[0])
    return [
        figure
        for count, costs in measured.items()
        for name, ours, peer in (
            ("a submitted score", costs.score, first.score),
            ("a published diff", costs.diff, first.diff),
        )
        for figure in _figures(f"{name}, {count:,} players", ours, peer, f"at {players[0]:,} players")
    ]


def _figures(case: str, ours: Cost, peer: Cost, peer_name: str) -> list[Figure]:
    return [
        Figure("growth", case, of_ours, of_peer, peer_name, unit, "less")
        for unit, of_ours, of_peer in (
            ("requests", ours.requests, peer.requests),
            ("units, by the engine", ours.reported_reads + ours.writes, peer.reported_reads + peer.writes),
            ("read units, by size", ours.reads, peer.reads),
            ("write units", ours.writes, peer.writes),
        )
    ]


class _Takers:
    """A push client whose every connection takes everything."""

    def __init__(self) -> None:
        self.pushed = 0

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:  # noqa: ARG002
        """Count them."""
        self.pushed += len(connection_ids)
        return PushResult(delivered=len(connection_ids))

    async def close(self, connection_id: str) -> bool:
        """Nobody is to be closed here."""
        raise GrowthBenchError(f"{connection_id} was closed")


class Scene:
    """Boards that grow, and players who submit. `db` is counted by `meter`, `plain` is not."""

    def __init__(self, db: Database, plain: Database) -> None:
        self._db = db
        self._plain = plain
        self._meter = Meter(db.client, plain.client)
        self._catalogue = load_catalogue()
        self._push = _Takers()
        self._broadcaster = _broadcaster(db, self._catalogue, self._push)
        self._filled = SUBMITTED
        self._points = self._catalogue.areas[AREA].max // 2
        self._clock = _START

    async def prepare(self) -> None:
        """Give the submitting players their first best, and the board its subscribers."""
        for number in range(SUBMITTED):
            await self._submit(number)
        for number in range(SUBSCRIBERS):
            await connections.subscribe(self._plain, f"connection-{number:06}", [AREA], "viewer", now())

    async def grow(self, players: int) -> None:
        """Fill the boards up with players below the others."""
        new = range(self._filled, players)
        self._filled = players
        await asyncio.gather(
            *(
                batch_write(
                    self._plain, SCORES, list(_rows(self._plain, self._catalogue, new[part::_WRITERS]))
                )
                for part in range(_WRITERS)
            )
        )
        # The boards as filled are published before anything is counted.
        await self._broadcaster.sweep(Report())
        self._meter.take()

    async def measure(self) -> Costs:
        """The mean of some scores and their diffs."""
        score, diff = Cost(), Cost()
        for number in range(SUBMITTED):
            await self._submit(number)
            score += self._meter.take()
            record = await self._record(number)
            report = Report()
            self._push.pushed = 0
            if await self._broadcaster.process([record], report):
                raise GrowthBenchError("the record failed")
            diff += self._meter.take()
            if (report.boards_changed, self._push.pushed) != (1, SUBSCRIBERS):
                raise GrowthBenchError(f"not one diff to everybody: {report}")
        return Costs(score.each(SUBMITTED), diff.each(SUBMITTED))

    async def _submit(self, number: int) -> None:
        self._points += 1
        self._clock += 1
        submission = await submit(
            self._db, self._catalogue, _profile(number), AREA, self._points, self._clock
        )
        if not submission.improved:
            raise GrowthBenchError("the score is no new best")

    async def _record(self, number: int) -> dict[str, Any]:
        """What the stream has of a player's new row in the area."""
        profile = _profile(number)
        best = (await progress.load(self._plain, profile.user_id)).bests[AREA]
        row = scores.put(self._plain, scores.new_score(AREA, best, profile))["Put"]["Item"]
        return {
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": str(self._clock),
                "ApproximateCreationDateTime": self._clock / 1000,
                "Keys": {name: row[name] for name in ("gameArea", "score")},
                "NewImage": row,
            },
        }


@asynccontextmanager
async def _scene() -> AsyncIterator[Scene]:
    async with (
        emulated() as aws,
        aws.session.client("dynamodb", endpoint_url=aws.url, config=_CONFIG) as client,
    ):
        scene = Scene(Database(client), aws.db)
        await scene.prepare()
        yield scene


def _broadcaster(db: Database, catalogue: Catalogue, push: PushClient) -> Broadcaster:
    async def no_pusher(shard: Shard) -> None:
        raise GrowthBenchError(f"a pusher for {shard}: there are too few subscribers for any")

    def clock() -> int:
        return _START

    return Broadcaster(db, catalogue, FanOut(db, catalogue, push, clock, no_pusher), clock)


def _profile(number: int) -> Profile:
    return Profile(user_id=f"{number:08}-3d6f-4a51-9f0e-1c2b7a8d9e0f", name=f"Player {number:06}")


def _rows(db: Database, catalogue: Catalogue, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Requests that put players onto the boards, as their submissions would have."""
    for number in numbers:
        profile = _profile(number)
        for name in (AREA, GLOBAL_BOARD) if number < GLOBAL_PLAYERS else (AREA,):
            board = catalogue.boards[name]
            best = scores.new_best(board, 1000 + number % 997, _START - number, profile.user_id)
            yield {
                "PutRequest": {"Item": scores.put(db, scores.new_score(name, best, profile))["Put"]["Item"]}
            }
