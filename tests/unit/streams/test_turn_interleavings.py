"""Every order of the requests of functions that meet at the end of a season, in small scenes.

Random plans (test_seasons_promise.py) may miss an order that is one among hundreds. Where three functions
meet, each may be interrupted a few times only: else there are millions of orders.
"""

import copy
import json
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from game.board import Position
from game.seasons import Moment
from realtime import routes
from realtime.protocol import Diff, Snapshot, encode_snapshot
from realtime.push.client import PushResult
from realtime.replica import Outcome, Replica, Season
from realtime.routes import OK, Live, handle
from store import boards, connections, idempotency, scores, standings
from store.boards import PublishedBoard
from store.database import Database
from store.profiles import Profile
from store.submission import Submission, submit
from streams import fanout
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from streams.report import Report
from tests.simulation import aws, clock
from tests.support.seasons import SEASON_MS, with_seasons
from tests.unit.realtime.fakes import NOW, RecordingPush, session
from tests.unit.store.turns import Turns, every_order

CATALOGUE = with_seasons(NOW)
WEEK = CATALOGUE.boards["week"]
END = NOW + SEASON_MS
"""Season 2 begins."""
VIEWER, NEWCOMER = "viewer=", "newcomer="
ADA, BOB = Profile(user_id="ada", name="Ada"), Profile(user_id="bob", name="Bob")

Work = Coroutine[Any, Any, object]


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request takes a second here."""
    monkeypatch.setattr(fanout, "DIRECT_SECONDS", 1e6)
    monkeypatch.setattr(routes, "ANSWER_SECONDS", 1e6)


@dataclass
class TurnPush(RecordingPush):
    """A push that waits for its turn, as a request does."""

    turns: Turns | None = None

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        if self.turns:
            await self.turns.wait()
        return await super().push(frame, connection_ids, within=within)


class Screen:
    """What a client shows, that asks for nothing more than it has asked for already."""

    def __init__(self) -> None:
        self.replica = Replica("desc")
        self.missed = False

    def take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "snapshot":
            whole = Snapshot.model_validate(frame)
            assert (whole.season, whole.starts_at, whole.ends_at) != (None, None, None)
            season = Season(frame["season"], frame["startsAt"], frame["endsAt"])
            self.replica.snapshot(Position(whole.epoch, whole.version), whole.entries, None, season)
        elif frame["type"] == "diff":
            diff = Diff.model_validate(frame)
            outcome = self.replica.diff(diff.epoch, diff.from_, diff.to, diff.changes, diff.season)
            self.missed = self.missed or outcome is Outcome.RESYNC


@dataclass
class TurnScene:
    """The tables at the end of season 1, in which Ada has a score that is published; a viewer shows it."""

    db: Database
    direct: Database
    turns: Turns
    direct_limit: int = 1000
    started: list[Slice] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        self.push = TurnPush(turns=self.turns)
        self.screen = Screen()

    def broadcaster(self, db: Database, now: int) -> Broadcaster:
        return Broadcaster(db, CATALOGUE, self.runner(db, now), lambda: now)

    def runner(self, db: Database, now: int) -> FanOutRunner:
        return FanOutRunner(
            db,
            CATALOGUE,
            self.push,
            lambda: now,
            self._start_pusher,
            direct_limit=self.direct_limit,
            pushers=2,
        )

    async def _start_pusher(self, task: Slice) -> None:
        self.started.append(task)

    def records(self) -> list[dict[str, Any]]:
        """Return what the stream has got since the last call, of the board that this is about."""
        found = aws.score_records()
        new, self.read = found[self.read :], len(found)
        return [one for one in new if one["dynamodb"]["Keys"]["gameArea"]["S"].startswith("week#")]

    async def begin(self, *, played: bool) -> None:
        self.push.turns = None
        if played:
            await self.score(self.direct, ADA, 10, NOW)
        await boards.load_or_create(self.direct, WEEK, NOW, encode_snapshot)
        await connections.subscribe(self.direct, VIEWER, ["week"], "viewer", NOW)
        await self.broadcaster(self.direct, NOW).process(self.records(), Report())
        await self.run_pushers(NOW)
        published = await self.published()
        assert (published.season, published.version, len(published.entries)) == (1, played, played)

    async def published(self) -> PublishedBoard:
        found = await boards.load(self.direct, "week")
        assert found is not None
        return found

    async def score(
        self, db: Database, player: Profile, points: int, at: int, started_at: int | None = None
    ) -> Submission:
        return await submit(db, CATALOGUE, player, "forest", points, at, started_at=started_at)

    async def first_score(self, now: int) -> None:
        """The first score of the season is accepted, and its record worked off."""
        await self.score(self.db, BOB, 5, END)
        await self.broadcaster(self.db, now).process(self.records(), Report())

    async def late_record(self, now: int) -> None:
        """A record of season 1 comes when it is over."""
        await self.broadcaster(self.db, now).process(self.old, Report())

    async def subscribe(self, now: int) -> None:
        """A client connects, and asks for the board."""
        live = Live(self.db, CATALOGUE, self.push, lambda: now, _no_members)
        context = {
            "routeKey": "subscribe",
            "connectionId": NEWCOMER,
            "authorizer": {"userId": "newcomer", "groups": ""},
        }
        frame = {"action": "subscribe", "boards": ["week"]}
        assert await handle(live, {"requestContext": context, "body": json.dumps(frame)}) == OK

    async def run_pushers(self, now: int) -> None:
        while self.started:
            await self.runner(self.direct, now).push_slice(self.started.pop(0), Report())

    async def finish(self) -> None:
        """Work off what is left, a while later; then all is as it has to be."""
        self.push.turns = None
        later = END + 5_000
        await self.run_pushers(later)
        assert not await self.broadcaster(self.direct, later).process(self.records(), Report())
        await self.run_pushers(later)
        published, board = await self.published(), WEEK.in_season(2)
        if published.outbox or published.fanout:
            # A function that only looked has published it; its frames are the sweep's.
            assert not await self.broadcaster(self.direct, later).sweep(Report())
            await self.run_pushers(later)
            published = await self.published()
        assert (published.season, published.epoch) == (2, END)
        assert published.entries == await scores.top(self.direct, board)
        assert not published.outbox
        assert published.fanout is None
        self.screen.replica.turn(END)
        for frame in self.push.sent_to(VIEWER):
            self.screen.take(frame)
        self.shows(self.screen, published)
        newcomer = Screen()
        for frame in self.push.sent_to(NEWCOMER):
            newcomer.take(frame)
        if newcomer.replica.position:
            newcomer.replica.turn(END)
            self.shows(newcomer, published)

    def shows(self, screen: Screen, published: PublishedBoard) -> None:
        assert not screen.missed, "all that was pushed follows from what was there"
        assert (screen.replica.season, screen.replica.position) == (2, published.position)
        assert screen.replica.entries == published.entries

    @property
    def old(self) -> list[dict[str, Any]]:
        """The records of season 1."""
        found = aws.score_records()
        return [one for one in found if one["dynamodb"]["Keys"]["gameArea"]["S"] == "week#1"]


def snapshot(published: PublishedBoard) -> str:
    return encode_snapshot(published.bind(WEEK), published.position, published.entries, Moment(NOW, 10))


async def _no_members(*_: str) -> bool:
    raise AssertionError


class Tables:
    """Moto's tables as they are now, to be put back: to play it all again takes longer."""

    def __init__(self) -> None:
        self._kept = {
            name: (copy.deepcopy(table.items), [*table.stream_shard.items] if table.stream_shard else [])
            for name, table in self._tables().items()
        }

    def put_back(self) -> None:
        for name, (items, records) in self._kept.items():
            table = self._tables()[name]
            table.items = copy.deepcopy(items)
            if table.stream_shard is not None:
                table.stream_shard.items = [*records]

    def _tables(self) -> dict[str, Any]:
        return dict(dynamodb_backends[DEFAULT_ACCOUNT_ID][aws.REGION].tables)


Play = Callable[[TurnScene], Awaitable[None]]


def every_run(
    play: Play, *, switches: int | None = None, direct_limit: int = 1000, played: bool = True
) -> int:
    """Play a scene in every order; return how many there were. played: whether season 1 has had a score."""

    async def runs() -> int:
        count = 0
        turns = Turns(lambda _: 0)
        async with aws.database(session(), lambda request: turns.respond(request)) as (db, direct):
            first = TurnScene(db, direct, turns, direct_limit)
            await first.begin(played=played)
            kept = Tables()
            for choose in every_order():
                kept.put_back()
                turns = Turns(choose, switches)
                scene = TurnScene(db, direct, turns, direct_limit, read=first.read)
                scene.screen.take(json.loads(snapshot(await scene.published())))
                await play(scene)
                count += 1
        return count

    return clock.run(runs())


LATE = END - 2_000
"""The clock of a function that is behind."""


def test_two_functions_publish_the_season_one_of_them_late() -> None:
    async def play(scene: TurnScene) -> None:
        def look(now: int) -> Work:
            return boards.load_or_create(scene.db, WEEK, now, encode_snapshot)

        await scene.turns.play([look(END), look(END + 2_000), look(LATE)])
        published = await scene.published()
        assert (published.position, published.entries) == (Position(END, 0), ())
        await scene.finish()

    assert every_run(play) > 100


def test_first_score_while_two_functions_publish_the_season() -> None:
    async def play(scene: TurnScene) -> None:
        look = boards.load_or_create(scene.db, WEEK, END, encode_snapshot)
        await scene.turns.play([scene.first_score(LATE), look, scene.late_record(END + 2_000)])
        await scene.finish()

    assert every_run(play, switches=1) > 50


def test_client_subscribes_while_the_season_turns_and_has_its_first_score() -> None:
    async def play(scene: TurnScene) -> None:
        await scene.turns.play([scene.subscribe(END), scene.late_record(END + 100), scene.first_score(END)])
        await scene.finish()

    assert every_run(play, switches=1) > 50


def test_client_subscribes_by_a_clock_that_is_late() -> None:
    async def play(scene: TurnScene) -> None:
        await scene.turns.play([scene.subscribe(LATE), scene.first_score(END)])
        await scene.finish()

    assert every_run(play, switches=2) > 50


def test_board_turns_while_pushers_bring_the_last_frame_of_the_old_season() -> None:
    async def play(scene: TurnScene) -> None:
        scene.push.turns = None
        await scene.score(scene.direct, BOB, 7, END - 1)
        await scene.broadcaster(scene.direct, END - 1).process(scene.records(), Report())
        (*_, task) = scene.started
        assert (await scene.published()).fanout is not None
        scene.started.clear()
        scene.push.turns = scene.turns
        pusher = scene.runner(scene.db, LATE).push_slice(task, Report())
        await scene.turns.play([pusher, scene.late_record(END)])
        await scene.finish()

    assert every_run(play, switches=3, direct_limit=0) > 50


def test_broadcaster_pushes_by_itself_what_was_published_before_the_board_turned() -> None:
    async def play(scene: TurnScene) -> None:
        scene.push.turns = None
        await scene.score(scene.direct, BOB, 7, END - 1)
        records = scene.records()
        scene.push.turns = scene.turns
        last = scene.broadcaster(scene.db, LATE).process(records, Report())
        await scene.turns.play([last, scene.late_record(END)])
        await scene.finish()

    assert every_run(play, switches=3) > 50


def test_frame_of_the_new_season_stays_where_an_old_one_of_its_version_was_pushed() -> None:
    async def play(scene: TurnScene) -> None:
        scene.push.turns = None
        await scene.score(scene.direct, ADA, 7, END - 1)
        records = scene.records()
        await scene.score(scene.direct, BOB, 5, END)
        scene.push.turns = scene.turns
        last = scene.broadcaster(scene.db, LATE).process(records, Report())
        # As a client's question does: it pushes nothing.
        await scene.turns.play([last, boards.load_or_create(scene.db, WEEK, END, encode_snapshot)])
        await scene.finish()

    assert every_run(play, switches=2, played=False) > 20


KEY = idempotency.request_key("bob", "1", "a score")


async def seasons_of(db: Database, board: str) -> dict[str, int]:
    """Return what Bob has on a board, by season."""
    found = [one async for page in standings.readable(db, "bob") for one in page]
    return {one.board: one.points for one in found if one.board.partition("#")[0] == board}


@pytest.mark.parametrize("started_at", [None, END - 5])
def test_score_that_is_sent_again_over_the_end_counts_once(started_at: int | None) -> None:
    counted = set()

    async def play(scene: TurnScene) -> None:
        answers: list[Submission] = []

        async def device(at: int) -> None:
            answer = submit(scene.db, CATALOGUE, BOB, "forest", 5, at, started_at=started_at, key=KEY)
            answers.append(await answer)

        await scene.turns.play([device(END - 1), device(END + 1)])
        week, cup = await seasons_of(scene.direct, "week"), await seasons_of(scene.direct, "cup")
        assert answers[0] == answers[1]
        (season,) = {one.season for one in answers[0].boards if one.season is not None}
        counted.add(season)
        assert week == {f"week#{season}": 5}
        assert cup == {f"cup#{season}": 5}

    assert every_run(play) >= 70
    assert counted == ({1} if started_at else {1, 2})
