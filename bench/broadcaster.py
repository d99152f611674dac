"""Records in, frames out: from a batch of scores to the moment when the last subscriber is current.

Players submit scores that lead the board, each through our own transaction; the records come off the
emulator's stream, and one batch of them goes to our broadcaster or to AWS's sample (`bench/sample.py`). Both
push through our local gateway to the same real WebSocket clients. The broadcaster has one core; gateway and
clients share the other, and this process. One of the subscribers is a witness who reads: after a batch of
ours its board must equal the table's top K, after one of the sample's it must have heard of every score.
"""

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench import sample
from bench.clients import Clients, open_gateway
from bench.emulated import Emulated, emulated
from bench.figure import Figure
from bench.orders import allow_files
from bench.processes import Process, aws_environment, cores, kept_to, python, running
from bench.report import console
from bench.rounds import Scale, interleaved
from game.board import Position
from game.catalogue import Board, load_catalogue
from game.live import SUBPROTOCOL
from local.event_delivery import Record
from local.event_source import EventSource
from realtime import protocol
from realtime.protocol import encode_snapshot
from realtime.replica import Replica
from runtime.clock import now_ms
from store import boards, connections, scores
from store.database import Database
from store.profiles import Profile
from store.schema import SCORES
from store.submission import submit

PEER = "AWS sample"
OURS = "ours"
BOARD = "forest"

_CONNECT_SECONDS = 120
_PROCESS_SECONDS = 120
_DELIVERY_SECONDS = 60
_WRITES_AT_ONCE = 20


class BroadcasterBenchError(Exception):
    """Frames were lost."""


class Case(NamedTuple):
    """The numbers of subscribers, and of scores that they get at once."""

    subscribers: int
    batch: int


CASES = (Case(100, 10), Case(1000, 10), Case(5000, 2))
"""The sample posts about a thousand times a second: more scores would take it minutes."""

QUICK_CASES = (Case(10, 3),)


class Outcome(NamedTuple):
    """The outcome of a batch: seconds until the last subscriber was current, frames and bytes sent."""

    seconds: float
    frames: float
    bytes: float


async def run(scale: Scale) -> list[Figure]:
    """Time until the last subscriber is current, frames and bytes, by the number of subscribers."""
    figures = []
    for case in QUICK_CASES if scale.quick else CASES:
        async with _scene(case) as scene:
            runs = await interleaved(
                {name: partial(scene.measure, name) for name in (OURS, PEER)}, scale.rounds
            )
        ours, peer = (
            Outcome(*map(statistics.median, zip(*runs[name], strict=True))) for name in (OURS, PEER)
        )
        name = f"{case.subscribers:,} subscribers, {case.batch} scores"
        figures += [
            Figure("broadcaster", f"{name}, until the last is current", of_ours, of_peer, PEER, unit, "less")
            for of_ours, of_peer, unit in zip(ours, peer, ("s", "frames", "bytes"), strict=True)
        ]
    return figures


@asynccontextmanager
async def _scene(case: Case) -> AsyncIterator["_Scene"]:
    broadcaster_core, others = cores()
    allow_files()
    async with emulated() as aws, _score_stream(aws) as stream, open_gateway() as gateway:
        connections_url = f"http://127.0.0.1:{gateway.port}"
        broadcaster = partial(python, "bench.broadcasters", "--connections-url", connections_url)
        environment = aws_environment(aws.url, aws.credentials)
        async with (
            running(broadcaster("ours"), core=broadcaster_core, environment=environment) as ours,
            running(broadcaster("sample"), core=broadcaster_core, environment=environment) as peer,
        ):
            for process in (ours, peer):
                await process.read()
            with kept_to(others):
                clients = Clients()
                # One less: the witness is a subscriber too.
                await clients.connect(gateway.url, case.subscribers - 1)
                # The gateway counts: the witness comes after the clients.
                async with connect(
                    gateway.url,
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    proxy=None,
                    open_timeout=_CONNECT_SECONDS,
                    ping_interval=None,
                ) as witness:
                    await _subscribe(aws.db, [f"c{number}" for number in range(case.subscribers)])
                    scene = _Scene(case, aws.db, stream, clients, {OURS: ours, PEER: peer}, witness)
                    await scene.prepare()
                    yield scene


async def _subscribe(db: Database, ids: list[str]) -> None:
    """Write what `$connect` and `subscribe` write of these connections; for the sample, its `$connect`."""
    await sample.create_table(db.client)
    await sample.add_connections(db.client, ids)
    waiting = iter(ids)

    async def work() -> None:
        for id_ in waiting:
            channels = [connections.EVERYONE, connections.user_channel(id_), BOARD]
            await connections.subscribe(db, id_, channels, id_, now_ms())

    await asyncio.gather(*(work() for _ in range(_WRITES_AT_ONCE)))


class _Scene:
    def __init__(
        self,
        case: Case,
        db: Database,
        stream: "_ScoreStream",
        clients: Clients,
        broadcasters: dict[str, Process],
        witness: ClientConnection,
    ) -> None:
        self._case = case
        self._db = db
        self._stream = stream
        self._clients = clients
        self._broadcasters = broadcasters
        self._witness = witness
        self._board: Board = load_catalogue().boards[BOARD]
        self._replica = Replica(self._board.order)

    async def prepare(self) -> None:
        """Give the witness the board as its subscription would have, and warm both broadcasters up."""
        published = await boards.load_or_create(self._db, self._board, now_ms(), encode_snapshot)
        self._replica.snapshot(published.position, published.entries, self._board.tiebreak_order)
        for name in self._broadcasters:
            await self._broadcast(name, await self._stream.submit(1))

    async def measure(self, name: str) -> Outcome:
        """Run a batch through one broadcaster. Raises BroadcasterBenchError when a subscriber misses it."""
        records = await self._stream.submit(self._case.batch)
        outcome = await self._broadcast(name, records)
        if name != OURS:
            # Or else our next diff would have these scores to carry too.
            await self._broadcast(OURS, records)
        console.print(
            f"{name}, {self._case.subscribers:,} subscribers: {outcome.seconds:.3f} s, "
            f"{outcome.frames:,.0f} frames, {outcome.bytes:,.0f} bytes"
        )
        return outcome

    async def _broadcast(self, name: str, records: list[Record]) -> Outcome:
        self._clients.start()
        worked = await self._broadcasters[name].ask("process", records=records, within=_PROCESS_SECONDS)
        async with asyncio.timeout(_DELIVERY_SECONDS):
            each = await (self._follow() if name == OURS else self._hear(records))
        others = self._case.subscribers - 1
        came = await self._clients.stop(each * others, _DELIVERY_SECONDS)
        if came.frames != each * others:
            raise BroadcasterBenchError(f"{name}: {came.frames} of {each * others} frames came")
        witnessed = came.bytes / others
        return Outcome(came.last_at - worked["started_at"], came.frames + each, came.bytes + witnessed)

    async def _follow(self) -> int:
        """Read diffs until the witness has the board of the table; the number of frames."""
        truth = await scores.top(self._db, self._board)
        frames = 0
        while self._replica.entries != truth:
            text = await self._witness.recv()
            frames += 1
            if '"type":"diff"' in str(text):
                diff = protocol.Diff.model_validate_json(text)
                self._replica.diff(diff.epoch, diff.from_, diff.to, diff.changes)
            else:
                snapshot = protocol.Snapshot.model_validate_json(text)
                position = Position(snapshot.epoch, snapshot.version)
                self._replica.snapshot(position, snapshot.entries, snapshot.tiebreak)
        return frames

    async def _hear(self, records: list[Record]) -> int:
        """Read messages until the witness has heard of every score; the number of frames."""
        unheard = {sample.message(record) for record in records}
        frames = 0
        while unheard:
            unheard.discard(str(await self._witness.recv()))
            frames += 1
        return frames


class _ScoreStream:
    """Scores of new players, each better than all before, and the records that the stream has of them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._catalogue = load_catalogue()
        self._submitted = 0
        self._records: list[Record] = []
        self._arrived = asyncio.Event()

    async def take(self, event: dict[str, Any]) -> None:
        """Take a batch of the stream, without the global board's rows and deleted ones."""
        self._records += [
            record
            for record in event["Records"]
            if record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["gameArea"]["S"] == BOARD
        ]
        self._arrived.set()

    async def submit(self, batch: int) -> list[Record]:
        """Submit `batch` scores, and return their records."""
        for _ in range(batch):
            self._submitted += 1
            profile = Profile(user_id=f"player-{self._submitted}", name=f"Player {self._submitted}")
            await submit(self._db, self._catalogue, profile, BOARD, self._submitted, now_ms())
        async with asyncio.timeout(_DELIVERY_SECONDS):
            while len(self._records) < batch:
                self._arrived.clear()
                await self._arrived.wait()
        records, self._records = self._records, []
        return records


@asynccontextmanager
async def _score_stream(aws: Emulated) -> AsyncIterator[_ScoreStream]:
    table = await aws.db.client.describe_table(TableName=aws.db.name(SCORES))
    stream = _ScoreStream(aws.db)
    with tempfile.TemporaryDirectory() as folder:
        async with aws.session.client("dynamodbstreams", endpoint_url=aws.url) as client:
            source = EventSource(
                client=client,
                stream_arn=table["Table"]["LatestStreamArn"],
                handler=stream.take,
                dead_letters=Path(folder) / "dead-letters.jsonl",
            )
            await source.start()
            reading = asyncio.create_task(source.run())
            try:
                yield stream
            finally:
                reading.cancel()
                await asyncio.wait([reading])
