"""Players, clients, the stream and its broadcasters, all at once and with everything going wrong."""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

from botocore.awsrequest import AWSPreparedRequest

from game.catalogue import Catalogue
from realtime.push.client import PushClient
from realtime.routes import OK, Live, UnreachableError, handle
from store import appearance, boards, players
from store.database import Database, to_item
from store.deletion import delete_player
from store.errors import StoreError
from store.players import DeletedError
from store.portraits import PortraitBucket
from store.profiles import Profile
from store.schema import LEADERBOARDS, SCORES
from store.submission import submit
from store.unfinished import OLD_MS, Janitor
from streams.broadcaster import Broadcaster
from streams.fanout import HAND_OVER_SECONDS, LEASE_SECONDS, FanOutRunner, Slice, UnpushedError
from streams.report import Report
from tests.simulation import aws
from tests.simulation.client import ANSWER_SECONDS, History, SimulatedClient
from tests.simulation.clock import now
from tests.simulation.faults import Faults, InvocationError
from tests.simulation.gateway import SimulatedGateway

RETRY_SECONDS = 1
"""A failed batch is given to a broadcaster again after this long."""

ASYNC_RETRY_SECONDS = (0, 60, 120)
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

SWEEP_SECONDS = 60

LONG_SECONDS = 10 * 60 * 60
"""Until no board is active any more on which nothing happens."""

SETTLE_SECONDS = 600

Clock = Callable[[], int]
"""Gives milliseconds since the epoch: functions that run on several machines have several."""

T = TypeVar("T")


class Engine:
    """DynamoDB as the code under test reaches it: with faults, and with a record of every board published."""

    def __init__(self, faults: Faults) -> None:
        self.direct: Database
        """The same tables without faults."""
        self.history = History()
        self._faults = faults

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        """DynamoDB's answer to a request."""
        await self._faults.point()
        if self._faults.happens(self._faults.rates.throttle):
            code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
            return 400, json.dumps({"__type": code, "message": "too fast"}).encode()
        answer = await aws.ask_moto(request)
        await self._note_publication(request)
        await self._faults.point()
        return answer

    async def _note_publication(self, request: AWSPreparedRequest) -> None:
        body = json.loads(aws.body_of(request))
        row = body.get("Item") or body.get("Key") or {}
        if body.get("TableName") == LEADERBOARDS.name and row:
            published = await boards.load(self.direct, row["gameArea"]["S"])
            if published:
                key = published.game_area, published.position
                assert self.history.entries.setdefault(key, published.entries) == published.entries
                assert self.history.seasons.setdefault(key, published.season) == published.season
                for version, text in published.outbox.items():
                    _check_frame(json.loads(text), published, version)


def _check_frame(frame: dict[str, Any], published: boards.PublishedBoard, version: int) -> None:
    """Check that a frame of an outbox leads to its version, in the epoch and season of the row."""
    leads_to = frame["to"] if frame["type"] == "diff" else frame["version"]
    assert (frame["epoch"], leads_to) == (published.epoch, version)
    assert frame.get("season") == published.season


class NoPictures:
    """A bucket with nothing in it."""

    async def delete_all(self, user_id: str) -> None:
        pass


class World:
    """The live path with its surroundings. Players write `Scores`; what follows from it happens by itself.

    Each invocation of a function goes by one of the `clocks`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        faults: Faults,
        engine: Engine,
        db: Database,
        gateway: SimulatedGateway,
        push: PushClient,
        direct_limit: int,
        clocks: Sequence[Clock] = (now,),
    ) -> None:
        self.background = gateway.background
        self.clients: list[SimulatedClient] = []
        self.acknowledged: dict[tuple[str, str], list[int]] = {}
        self.renamed: set[str] = set()
        self.erased: set[str] = set()
        """Players whose deletion was asked for."""
        self.history = engine.history
        self._gateway = gateway
        self._catalogue = catalogue
        self._faults = faults
        self.direct = engine.direct
        self.fans_out = False
        """Whether any board has had a fan-out by pushers."""
        self.broken = False
        """Whether any board could not be read once."""
        self.lost = False
        """Whether any record of the stream, or any board's mark of its activity, was lost."""
        self._db = db
        self._clocks = clocks
        self._lives = [Live(db, catalogue, push, clock, _no_members) for clock in clocks]
        self._runners = [
            FanOutRunner(db, catalogue, push, clock, self._start_pusher, direct_limit=direct_limit, pushers=3)
            for clock in clocks
        ]
        self._broadcasters = [
            Broadcaster(db, catalogue, runner, clock)
            for runner, clock in zip(self._runners, clocks, strict=True)
        ]
        self._users: dict[str, str] = {}
        self._ids = (f"connection-{number}=" for number in itertools.count())
        self._delivered = 0

    def _any(self, functions: Sequence[T]) -> T:
        """Return one of the functions of a kind, which differ in their clocks."""
        return functions[0] if len(functions) == 1 else self._faults.random.choice(functions)

    async def submit(self, player: str, area: str, points: int) -> None:
        """A player submits a score; the answer may be an error, and then its outcome is unknown."""
        profile = Profile(user_id=player, name=player)
        try:
            with self._faults.invocation(StoreError):
                submission = await submit(self._db, self._catalogue, profile, area, points, now())
            assert submission.best is not None
            self.acknowledged.setdefault((player, area), []).append(submission.best)
        except InvocationError:
            pass
        chance = self._faults.random
        await asyncio.sleep(chance.choice((0, 0.005, 0.02)))
        self.deliver(split=chance.random() < 0.3, shuffle=chance.random() < 0.3)

    async def rename(self, player: str, name: str) -> None:
        """A player takes another name. The answer may be an error, whether the name was changed or not."""

        def change(profile: Profile) -> Profile:
            return profile.model_copy(update={"name": name})

        default = Profile(user_id=player, name=player)
        self.renamed.add(player)
        with (
            suppress(InvocationError),
            self._faults.invocation(StoreError),
        ):
            await appearance.change(self._db, default, change, now())
        self.deliver()

    async def erase(self, player: str) -> None:
        """A player is deleted; the answer may be an error, and then it is asked again, when all is calm."""
        self.erased.add(player)
        with (
            suppress(InvocationError),
            self._faults.invocation(StoreError),
        ):
            await self._delete(self._db, player)
        self.deliver()

    async def _delete(self, db: Database, player: str) -> None:
        await delete_player(
            db,
            cast(PortraitBucket, NoPictures()),
            player,
            now(),
            username=player,
            hang_up=_nothing,
            delete_user=_nothing,
        )

    async def _finish(self) -> None:
        """The janitor finishes what is pending; a deletion that was not even begun is asked for again."""
        await asyncio.sleep(OLD_MS / 1000 + 1)
        pictures = cast(PortraitBucket, NoPictures())
        janitor = Janitor(self.direct, self._catalogue, pictures, now, hang_up=_nothing, delete_user=_nothing)
        assert (await janitor.run(SETTLE_SECONDS)).failed == 0
        for player in sorted(self.erased):
            try:
                await players.require_alive(self.direct, player)
            except DeletedError:
                continue
            await self._delete(self.direct, player)

    async def put_bad_score(self, board: str, sort_key: str) -> None:
        """A row that no release of ours writes comes into `Scores`."""
        row = {"gameArea": board, "score": sort_key, "points": "many", "userId": "stranger"}
        await self.direct.client.put_item(TableName=SCORES.name, Item=to_item(row))
        self.deliver()

    async def break_board(self, board: str) -> None:
        """Damage a published board, so that it cannot be read any more."""
        self.broken = True
        row = await boards.load(self.direct, board)
        if row:
            values = {"gameArea": board, "epoch": row.epoch, "version": row.version, "entries": "[{}]"}
            await self.direct.client.put_item(TableName=LEADERBOARDS.name, Item=to_item(values))

    def lose_records(self) -> None:
        """Give up what the stream has gathered: no broadcaster gets it."""
        self.lost = True
        self._delivered = len(aws.score_records())

    async def lose_mark(self, board: str) -> None:
        """A board is active no longer, as far as its row tells."""
        self.lost = True
        with suppress(StoreError):
            await self.direct.client.update_item(
                TableName=LEADERBOARDS.name,
                Key=to_item({"gameArea": board}),
                UpdateExpression="REMOVE activeHour",
                ConditionExpression="attribute_exists(gameArea)",
            )

    def new_client(self, boards: list[str]) -> SimulatedClient:
        """Return a client that follows these boards, connecting from now on."""
        client = SimulatedClient(
            self._catalogue, boards, self._send, self.history, self.background, self._faults.random
        )
        self.clients.append(client)
        self.background.start(self._connect(client))
        return client

    def drop(self, client: SimulatedClient) -> None:
        """A client's connection breaks; it comes back after a while."""
        connection_id = client.connection_id
        if connection_id is None:
            return
        client.disconnected()
        self._gateway.drop(connection_id)
        if not self._faults.happens(self._faults.rates.lost_disconnect):
            self.background.start(self._route("$disconnect", connection_id, {}))
        self.background.start(self._connect(client, after=self._faults.random.uniform(0, 3)))

    def stick(self, client: SimulatedClient) -> None:
        """A client's connection takes no frame for a while."""
        if client.connection_id is not None:
            self._gateway.stick(client.connection_id)

    def stop_reading(self, client: SimulatedClient) -> None:
        """A client reads nothing any more from its connection, which stays open until it is closed."""
        if client.connection_id is not None:
            self._gateway.stop_reading(client.connection_id)

    async def _connect(self, client: SimulatedClient, after: float = 0) -> None:
        await asyncio.sleep(after)
        while client.connection_id is None:
            connection_id = next(self._ids)
            self._users[connection_id] = f"viewer-{connection_id}"
            if await self._invoke("$connect", connection_id, {}):
                self._gateway.open(connection_id, client.receive, lambda: self.drop(client))
                client.connected(connection_id)
            else:
                await asyncio.sleep(1)

    async def _send(self, connection_id: str, frame: dict[str, Any]) -> None:
        await self._invoke(frame["action"], connection_id, frame)

    async def _route(self, route: str, connection_id: str, frame: dict[str, Any]) -> None:
        await self._invoke(route, connection_id, frame)

    async def _invoke(self, route: str, connection_id: str, frame: dict[str, Any]) -> bool:
        """Return whether the route's Lambda did its work, and let a connection in."""
        authorizer = {"userId": self._users[connection_id], "groups": ""}
        context = {"routeKey": route, "connectionId": connection_id, "authorizer": authorizer}
        event = {"requestContext": context, "body": json.dumps(frame)}
        try:
            with self._faults.invocation(StoreError, UnreachableError):
                answer = await handle(self._any(self._lives), event)
        except InvocationError:
            return False
        return answer == OK

    def deliver(self, *, split: bool = False, shuffle: bool = False) -> None:
        """Give what the stream has gathered to a broadcaster, or to two at once, in any order, some twice."""
        records = aws.score_records()
        batch, self._delivered = records[self._delivered :], len(records)
        if records and self._faults.happens(self._faults.rates.redelivery):
            batch += self._faults.random.choices(records, k=3)
        if shuffle:
            self._faults.random.shuffle(batch)
        middle = self._faults.random.randrange(len(batch) + 1) if split else 0
        for part in (batch[:middle], batch[middle:]):
            self.background.start(self._work_off(part))

    async def _work_off(self, records: list[dict[str, Any]]) -> None:
        while records:
            numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
            try:
                with self._faults.invocation():
                    failed = await self._any(self._broadcasters).process(records, Report())
            except InvocationError:
                failed = numbers
            # As Lambda does: from the first failed record on, everything is given again.
            records = records[min(map(numbers.index, failed)) :] if failed else []
            await asyncio.sleep(RETRY_SECONDS)

    async def _start_pusher(self, task: Slice) -> None:
        await self._faults.point()
        self.fans_out = True
        self.background.start(self._run_pusher(task))
        # An event may be delivered more than once.
        if self._faults.happens(self._faults.rates.redelivery):
            self.background.start(self._run_pusher(task))

    async def _run_pusher(self, task: Slice) -> None:
        """An asynchronous invocation: Lambda tries it again twice."""
        for pause in ASYNC_RETRY_SECONDS:
            await asyncio.sleep(pause)
            with (
                suppress(InvocationError),
                self._faults.invocation(StoreError, UnpushedError),
            ):
                await self._any(self._runners).push_slice(task, Report(), time_left=self._time_left)
                return

    def _time_left(self) -> float:
        """Of a pusher, which may have to hand over before any page but its first."""
        return self._faults.random.choice((0, HAND_OVER_SECONDS))

    async def sweep(self) -> None:
        """The sweep of every minute; what failed is left to the next one."""
        failed = True
        while failed:
            try:
                # It fails where the active boards cannot be listed.
                with self._faults.invocation(StoreError):
                    failed = bool(await self._any(self._broadcasters).sweep(Report()))
            except InvocationError:
                failed = True
            await asyncio.sleep(RETRY_SECONDS)

    async def linger(self, seconds: float) -> None:
        """Let time pass without new actions: what is under way goes on failing, and the sweep comes."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, SWEEP_SECONDS))
            if left > SWEEP_SECONDS:
                self.background.start(self.sweep())

    async def _has_fanout(self) -> bool:
        # The function that recorded one may have died before it started a pusher.
        rows = await boards.load_many(self.direct, list(self._catalogue.boards))
        return any(row.fanout for row in rows.values())

    async def settle(self) -> None:
        """The scores have stopped, and so have the faults: wait until nothing happens any more."""
        self._faults.calm()
        await self.background.settle(SETTLE_SECONDS)
        await self._finish()
        self.deliver()
        await self.background.settle(SETTLE_SECONDS)
        if self.fans_out or self.broken or self.lost or await self._has_fanout():
            # What clients look at is active, whatever has become of its mark.
            for client in self.clients:
                client.ping()
            await self.background.settle(SETTLE_SECONDS)
            # Every pusher of a fan-out may have died: then the sweep that comes after its end takes over.
            await asyncio.sleep(LEASE_SECONDS)
            self.background.start(self.sweep())
            await self.background.settle(SETTLE_SECONDS)
        # A client whose question was lost asks again.
        await asyncio.sleep(2 * ANSWER_SECONDS)
        await self.background.settle(SETTLE_SECONDS)
        self.background.check()

    async def look_at_every_board(self) -> None:
        """A client comes long after that, subscribes to all boards, and the sweep has come once."""
        await asyncio.sleep(LONG_SECONDS)
        self.new_client(sorted(self._catalogue.boards))
        await self.background.settle(SETTLE_SECONDS)
        self.background.start(self.sweep())
        await self.background.settle(SETTLE_SECONDS)
        self.background.check()


async def _no_members(username: str, user_id: str, group: str) -> bool:
    raise AssertionError(f"the user pool was asked for {username} in {group}: no player broadcasts here")


async def _nothing(*_: object) -> None:
    """No client is connected as a player here, and there is no user pool."""
