"""A broadcaster over moto's tables and a recording push client, with a hand on what happens in between."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import EndpointConnectionError

from game.catalogue import Board, Catalogue
from realtime.protocol import encode_snapshot
from store import boards, connections, scores, standings
from store.boards import PublishedBoard
from store.database import Database
from store.errors import RequestError
from store.profiles import Profile
from store.submission import submit
from streams import app
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from streams.report import Report
from tests.simulation import aws
from tests.unit.realtime.fakes import NOW, RecordingPush, described, session
from tests.unit.realtime.lambda_container import container_of

CATALOGUE = Catalogue.model_validate(
    {
        "boards": {"global": {"title": "All", "top": 3, "areas": ["void"]}},
        "areas": {
            # No test scores in it, so none feeds the sum.
            "void": {"title": "V", "order": "desc", "min": 0, "max": 99},
            "forest": {"title": "F", "order": "desc", "min": -99, "max": 99, "top": 3},
            "desert": {"title": "D", "order": "desc", "min": 0, "max": 99, "top": 3},
            "sprint": {"title": "S", "order": "asc", "min": 1, "max": 99, "top": 3},
        },
    }
)
Meanwhile = Callable[[], Awaitable[object]]


@dataclass
class BroadcastScene:
    """`log` has every request and push of the broadcaster; `direct` goes past it and past every fault."""

    broadcaster: Broadcaster
    push: RecordingPush
    log: list[str]
    refused: set[str] = field(default_factory=set)
    """Boards whose every request is refused."""
    meanwhile: dict[str, Meanwhile] = field(default_factory=dict)
    """What happens right before the first request of a kind."""
    started: list[Slice] = field(default_factory=list)
    """The pushers that were started and have not run yet."""
    unstartable: bool = False
    """Whether Lambda refuses to invoke pushers."""
    now: int = NOW
    direct: Database = field(init=False)
    _read: int = 0

    def clock(self) -> int:
        return self.now

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        kind = described(request)
        self.log.append(kind)
        if any(f'"{board}"'.encode() in aws.body_of(request) for board in self.refused):
            return 400, json.dumps({"__type": "AccessDeniedException", "message": "refused"}).encode()
        if kind in self.meanwhile:
            await self.meanwhile.pop(kind)()
        return await aws.ask_moto(request)

    async def score(self, player: str, points: int, area: str = "forest", *, at: int = NOW) -> None:
        await submit(self.direct, CATALOGUE, Profile(user_id=player, name=player.title()), area, points, at)

    async def erase(self, player: str, area: str = "forest") -> None:
        """A player's row leaves the board."""
        held = await standings.load(self.direct, player, area)
        assert held is not None
        assert held.sort_key is not None
        await scores.delete_rows(self.direct, [(area, held.sort_key)])

    async def subscribe(self, connection_id: str, *channels: str) -> None:
        await connections.subscribe(self.direct, connection_id, channels, "viewer", NOW)

    async def published(self, area: str = "forest") -> PublishedBoard:
        """Return the board as published; published now if it never was."""
        return await boards.load_or_create(self.direct, self.board(area), NOW, encode_snapshot)

    async def shown(self, area: str = "forest") -> list[str]:
        """Return the players on the published board, best first."""
        return [entry.user_id for entry in (await self.published(area)).entries]

    def board(self, area: str) -> Board:
        return CATALOGUE.boards[area]

    def records(self) -> list[dict[str, Any]]:
        """Return what the stream has got since the last call."""
        records = aws.score_records()
        new, self._read = records[self._read :], len(records)
        return new

    async def process(
        self, records: list[dict[str, Any]] | None = None, report: Report | None = None
    ) -> list[str]:
        """Work off the records given, or the stream's new ones."""
        self.log.clear()
        batch = self.records() if records is None else records
        return await self.broadcaster.process(batch, Report() if report is None else report)

    async def run_pushers(self) -> Report:
        """Let every pusher that was started do its work, those too that are started meanwhile."""
        report = Report()
        while self.started:
            await self.broadcaster.runner.push_slice(self.started.pop(0), report)
        return report


def number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def told(scene: BroadcastScene, connection_id: str = "viewer") -> list[tuple[str, int]]:
    """Return the frames that a connection got: what they are, and the version that each leads to."""
    return [
        (frame["type"], frame["to"] if frame["type"] == "diff" else frame["version"])
        for frame in scene.push.sent_to(connection_id)
    ]


async def full_board(
    scene: BroadcastScene, area: str = "forest", points: tuple[int, ...] = (30, 20, 10)
) -> None:
    """Ada, Bo and Cy on a board of three that is published, and a viewer who has it."""
    for player, one in zip(("ada", "bo", "cy"), points, strict=True):
        await scene.score(player, one, area)
    await scene.published(area)
    await scene.subscribe("viewer", area)
    scene.records()


@asynccontextmanager
async def broadcast_scene(
    *, direct_limit: int = 1000, spectators: bool = False
) -> AsyncIterator[BroadcastScene]:
    """A scene whose boards of more than `direct_limit` subscribers are split into up to three slices.

    spectators: whether its sweep counts them.
    """
    log: list[str] = []
    scene: BroadcastScene

    async def respond(request: AWSPreparedRequest) -> tuple[int, bytes]:
        return await scene.respond(request)

    async def start_pusher(task: Slice) -> None:
        if scene.unstartable:
            raise RequestError(EndpointConnectionError(endpoint_url="http://lambda.invalid"))
        scene.started.append(task)

    async with aws.database(session(), respond) as (db, direct):
        push = RecordingPush(log)
        runner = FanOutRunner(
            db,
            CATALOGUE,
            push,
            lambda: scene.clock(),
            start_pusher,
            direct_limit=direct_limit,
            pushers=3,
        )
        broadcaster = Broadcaster(db, CATALOGUE, runner, lambda: scene.clock(), spectators=spectators)
        scene = BroadcastScene(broadcaster, push, log)
        scene.direct = direct
        yield scene


@contextmanager
def entry_scene(monkeypatch: pytest.MonkeyPatch, *, direct_limit: int = 1000) -> Iterator[BroadcastScene]:
    """Yield a scene behind the container of `streams.app`, on the container's own event loop."""
    opened: list[BroadcastScene] = []

    @asynccontextmanager
    async def open_scene() -> AsyncIterator[Broadcaster]:
        async with broadcast_scene(direct_limit=direct_limit, spectators=True) as it:
            opened.append(it)
            yield it.broadcaster

    async def nothing(_: Broadcaster) -> None:
        """The first invocation opens the scene."""

    with container_of(monkeypatch, app, open_scene) as container:
        container.run(nothing)
        yield opened[0]
