"""A client against a server that is scripted frame by frame: what it asks, and when."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from game.board import Entry, SetEntry
from game.live import PING_SECONDS
from loadtest import client as client_module
from loadtest.accounts import AccountError
from loadtest.client import ANSWER_SECONDS, Client, Line
from loadtest.screens import Boards
from loadtest.wire import Address
from realtime.protocol import Current, Diff, Snapshot, encode
from tests.support.clients import serve
from tests.support.waiting import patience, until_async

EPOCH = 1_763_812_800_000
FOREST = {"forest": {"epoch": EPOCH, "version": 1}}


class Server:
    """The other side. Each connection's frames come in `heard`; `say` answers on the newest connection."""

    def __init__(self) -> None:
        self.refuses: HTTPStatus | None = None
        self.address = Address.of("ws://127.0.0.1:1/")
        self.handshakes: asyncio.Queue[str] = asyncio.Queue()
        self.closed: asyncio.Queue[int | None] = asyncio.Queue()
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._connections: list[ServerConnection] = []

    async def hear(self) -> dict[str, Any]:
        """The next frame of a client."""
        async with patience():
            return await self._heard.get()

    async def nothing_more(self) -> None:
        """The client has nothing to say: whatever it had said would have come before an answer to a ping."""
        await (await self._connections[-1].ping())
        assert self._heard.empty()

    async def say(self, *frames: str) -> None:
        for frame in frames:
            await self._connections[-1].send(frame)
        # It has taken them once it answers.
        await (await self._connections[-1].ping())

    async def hang_up(self) -> None:
        await self._connections[-1].close(1001)

    def process_request(self, _: ServerConnection, request: Request) -> Response | None:
        self.handshakes.put_nowait(request.headers["Sec-WebSocket-Protocol"])
        return None if self.refuses is None else Response(self.refuses, "", request.headers.__class__())

    async def serve(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        try:
            while True:
                self._heard.put_nowait(json.loads(await connection.recv()))
        except ConnectionClosed as closed:
            self.closed.put_nowait(closed.rcvd.code if closed.rcvd else None)


class Who:
    """A player. Each of `refusals` is the answer to a sign-in, before one works."""

    def __init__(self) -> None:
        self.refusals: list[str] = []

    async def token(self) -> str:
        if self.refusals:
            raise AccountError(self.refusals.pop())
        return "a.b.c"


class Scene:
    """A client, its server, and a clock that stands still."""

    def __init__(self, server: Server, tasks: asyncio.TaskGroup, boards: Sequence[str]) -> None:
        self.server = server
        self.now = 100.0
        self.who = Who()
        self.line = Line(server.address, Boards(dict.fromkeys(boards, "desc")), lambda: self.now, tasks)
        self.client = Client("player-1", self.who, self.line, random.Random(1))

    async def follow(self, version: int = 1) -> None:
        """Join, and be given the forest."""
        self.client.join()
        frame = await self.server.hear()
        assert frame == {"action": "subscribe", "boards": ["forest"], "versions": {}}
        await self.server.say(snapshot(version))

    def live(self) -> bool:
        return self.client.live

    async def has_turned(self) -> bool:
        return self.line.counts["turns"] > 0

    def waiting(self) -> bool:
        return self.client.waiting

    def version(self) -> int | None:
        state = self.client.screens["forest"].state
        return state.position.version if state else None


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "BACKOFF_SECONDS", 0.01)


@asynccontextmanager
async def scene(*boards: str) -> AsyncIterator[Scene]:
    server = Server()
    async with (
        serve(
            server.serve,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol("podium")],
            process_request=server.process_request,
        ) as listening,
        asyncio.TaskGroup() as tasks,
    ):
        port = next(iter(listening.sockets)).getsockname()[1]
        server.address = Address.of(f"ws://127.0.0.1:{port}/")
        play = Scene(server, tasks, boards or ("forest",))
        yield play
        play.client.leave(politely=False, forget=True)


def snapshot(version: int, board: str = "forest") -> str:
    entry = Entry(rank=1, user_id="ada", name="Ada", avatar=None, points=version, achieved_at=version)
    return encode(Snapshot(board=board, epoch=EPOCH, version=version, size=50, entries=(entry,)))


def diff(start: int) -> str:
    entry = SetEntry(rank=1, user_id="ada", name="Ada", avatar=None, points=start + 1, achieved_at=start + 1)
    return encode(Diff(board="forest", epoch=EPOCH, from_=start, to=start + 1, changes=[entry]))


def current(version: int) -> str:
    return encode(Current(board="forest", epoch=EPOCH, version=version))


async def test_it_subscribes_to_all_boards_and_follows() -> None:
    async with scene("forest", "global") as play:
        play.client.join()
        frame = await play.server.hear()
        assert frame == {"action": "subscribe", "boards": ["forest", "global"], "versions": {}}
        assert play.waiting()
        await play.server.say(snapshot(1), snapshot(5, "global"), diff(1), diff(2))
        assert play.version() == 3
        assert not play.waiting()
        assert [screen.watching_since for screen in play.client.screens.values()] == [100, 100]
        await play.server.nothing_more()
    assert play.server.handshakes.get_nowait() == "podium, a.b.c"
    counts = play.line.counts
    assert (counts["frames"], counts["diffs"], counts["snapshots"], counts["opened"]) == (4, 2, 2, 1)
    assert counts["bytes"] == sum(map(len, (snapshot(1), snapshot(5, "global"), diff(1), diff(2))))
    assert not play.line.errors


async def test_spectator_does_the_same_without_a_token() -> None:
    async with scene() as play:
        play.client = Client("spectator-1", None, play.line, random.Random(1))
        await play.follow()
        await play.server.say(diff(1))
        assert play.version() == 2
    assert play.server.handshakes.get_nowait() == "podium"


async def test_after_a_gap_it_subscribes_again_once() -> None:
    async with scene() as play:
        await play.follow()
        await play.server.say(diff(2), diff(3))
        assert await play.server.hear() == {"action": "subscribe", "boards": ["forest"], "versions": FOREST}
        await play.server.nothing_more()
        assert play.waiting()
        await play.server.say(snapshot(4))
        assert (play.version(), play.waiting()) == (4, False)
        await play.server.nothing_more()
    assert (play.line.counts["gaps"], play.line.counts["early"]) == (1, 1)


async def test_diff_that_overtakes_its_snapshot_makes_it_ask_again() -> None:
    async with scene() as play:
        play.client.join()
        await play.server.hear()
        await play.server.say(diff(1), snapshot(1))
        assert play.waiting()
        assert await play.server.hear() == {"action": "subscribe", "boards": ["forest"], "versions": FOREST}
        await play.server.say(snapshot(2))
        assert not play.waiting()
    assert (play.line.counts["behind"], play.line.counts["gaps"], play.line.counts["early"]) == (1, 0, 1)


async def test_answer_that_it_is_current_is_an_answer() -> None:
    async with scene() as play:
        await play.follow()
        await play.server.say(diff(5))
        await play.server.hear()
        await play.server.say(current(1))
        # The diff said that there is more.
        assert (await play.server.hear())["action"] == "subscribe"


async def test_lost_connection_is_taken_up_again_with_what_is_held() -> None:
    async with scene() as play:
        await play.follow()
        since = play.client.screens["forest"].watching_since
        play.now += 5
        await play.server.hang_up()
        assert await play.server.hear() == {"action": "subscribe", "boards": ["forest"], "versions": FOREST}
        await play.server.say(current(1))
        assert play.client.screens["forest"].watching_since == since
        assert play.live()
    assert (play.line.counts["lost"], play.line.counts["reconnects"]) == (1, 1)
    assert play.line.errors == {"connection lost: closed 1001": 1}


async def test_refused_sign_ins_and_handshakes_are_repeated_until_one_is_not() -> None:
    async with scene() as play:
        play.who.refusals = ["Cognito InitiateAuth: NotAuthorizedException"]
        play.server.refuses = HTTPStatus.UNAUTHORIZED
        play.client.join()
        async with patience():
            for _ in range(4):
                await play.server.handshakes.get()
        assert play.line.errors["connect: Cognito InitiateAuth: NotAuthorizedException"] == 1
        assert play.line.errors["connect: handshake 401"] >= 3
        assert not play.live()
        play.server.refuses = None
        assert (await play.server.hear())["action"] == "subscribe"


async def test_unanswered_subscription_is_repeated_and_then_the_connection_counts_as_dead() -> None:
    async with scene() as play:
        play.client.join()
        await play.server.hear()
        play.now += ANSWER_SECONDS - 1
        play.client.check()
        await play.server.nothing_more()
        play.now += 2
        play.client.check()
        assert (await play.server.hear())["action"] == "subscribe"
        play.now += ANSWER_SECONDS + 1
        play.client.check()
        async with patience():
            assert await play.server.closed.get() is None
        assert (await play.server.hear())["action"] == "subscribe"
    assert play.line.errors == {"subscribe: no answer": 2, "connection lost: no answer": 1}


async def test_it_pings_with_its_versions_and_hangs_up_without_a_pong() -> None:
    async with scene() as play:
        await play.follow()
        play.now += PING_SECONDS - 1
        play.client.check()
        await play.server.nothing_more()
        play.now += 2
        play.client.check()
        play.client.check()
        assert await play.server.hear() == {"action": "ping", "versions": FOREST}
        await play.server.nothing_more()
        await play.server.say('{"type":"pong"}', snapshot(2))
        assert play.version() == 2
        play.now += ANSWER_SECONDS + 1
        play.client.check()
        assert play.live()
        play.now += PING_SECONDS
        play.client.check()
        assert (await play.server.hear())["action"] == "ping"
        play.now += ANSWER_SECONDS + 1
        play.client.check()
        assert not play.live()
        assert (await play.server.hear())["action"] == "subscribe"
    assert play.line.errors == {"connection lost: no answer": 1}


@pytest.mark.parametrize(
    ("politely", "forget", "code", "versions"),
    [
        (True, False, 1000, FOREST),
        (False, True, None, {}),
    ],
)
async def test_client_leaves_and_comes_back(
    politely: bool, forget: bool, code: int | None, versions: dict[str, Any]
) -> None:
    async with scene() as play:
        await play.follow()
        play.client.leave(politely=politely, forget=forget)
        async with patience():
            assert await play.server.closed.get() == code
        assert not play.live()
        play.now += 3.5
        play.client.join()
        play.client.join()
        assert await play.server.hear() == {"action": "subscribe", "boards": ["forest"], "versions": versions}
        await play.server.say(snapshot(2))
        assert play.client.screens["forest"].watching_since == 104
        await play.server.nothing_more()
    # To leave is no loss, and to come back no reconnect.
    assert not play.line.errors
    assert (play.line.counts["reconnects"], play.line.counts["lost"], play.line.counts["opened"]) == (0, 0, 2)


async def test_client_that_leaves_while_connecting_is_gone() -> None:
    async with scene() as play:
        play.client.join()
        play.client.leave(politely=True, forget=True)
        await asyncio.sleep(0)
        assert not play.live()
        play.client.join()
        assert (await play.server.hear())["action"] == "subscribe"
        await play.server.nothing_more()
    assert play.line.counts["opened"] == 1


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ("what?", "a frame that is not JSON"),
        (snapshot(1, "desert"), "a frame for a board that is not subscribed"),
    ],
)
async def test_unexpected_frames_are_counted(frame: str, problem: str) -> None:
    async with scene() as play:
        await play.follow()
        await play.server.say(frame, '{"type":"announcement","channel":"all","message":{}}')
    assert play.line.errors == {problem: 1}


def season_snapshot(season: int, version: int, *, ends_in: int = 60_000) -> str:
    starts_at = EPOCH + season * 60_000
    entry = Entry(rank=1, user_id="ada", name="Ada", avatar=None, points=version, achieved_at=version)
    frame = Snapshot(
        board="forest",
        epoch=starts_at,
        version=version,
        size=50,
        season=season,
        starts_at=starts_at,
        ends_at=starts_at + 60_000,
        now=starts_at + 60_000 - ends_in,
        spread=20,
        entries=(entry,) if version else (),
    )
    return encode(frame)


def season_diff(season: int, start: int) -> str:
    entry = SetEntry(rank=1, user_id="ada", name="Ada", avatar=None, points=start + 1, achieved_at=start + 1)
    epoch = EPOCH + season * 60_000
    frame = Diff(board="forest", season=season, epoch=epoch, from_=start, to=start + 1, changes=[entry])
    return encode(frame)


async def test_board_turns_by_the_server_s_clock_and_asks_for_its_end_much_later() -> None:
    async with scene() as play:
        play.client.join()
        await play.server.hear()
        await play.server.say(season_snapshot(1, 3, ends_in=50))
        screen = play.client.screens["forest"]
        await until_async(play.has_turned)
        assert screen.state is not None
        assert (screen.state.replica.season, screen.state.entries) == (2, ())
        assert screen.state.position == (EPOCH + 120_000, 0)
        assert not play.waiting()
        # The server publishes for a minute, and pushes for twice the spread.
        play.now += 99
        play.client.check()
        await play.server.nothing_more()
        play.now += 22
        play.client.check()
        assert await play.server.hear() == {"action": "subscribe", "boards": ["forest"], "versions": {}}


async def test_new_season_that_the_server_tells_of_needs_no_question() -> None:
    async with scene() as play:
        play.client.join()
        await play.server.hear()
        await play.server.say(season_snapshot(1, 3), season_diff(2, 0), season_snapshot(2, 1))
        assert play.version() == 1
        play.now += 3600
        play.client.check()
        assert (await play.server.hear())["action"] == "ping"
        await play.server.nothing_more()


async def test_gap_at_a_turn_is_asked_for_within_the_spread() -> None:
    async with scene() as play:
        play.client.join()
        await play.server.hear()
        await play.server.say(season_snapshot(1, 3), season_diff(2, 4), season_diff(2, 5))
        assert play.waiting()
        planned = play.client.screens["forest"].ask_at
        assert planned is not None
        assert 100 <= planned <= 120
        await play.server.nothing_more()
        play.now = planned
        play.client.check()
        assert (await play.server.hear())["action"] == "subscribe"
        await play.server.say(season_snapshot(2, 6))
        assert not play.waiting()
    assert (play.line.counts["gaps"], play.line.counts["asked after a turn"]) == (1, 1)


async def test_backoff_is_jittered_grows_and_starts_again_after_a_stable_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays: list[float] = []

    def call_later(delay: float, _: Callable[[], None]) -> asyncio.TimerHandle:
        delays.append(delay)
        return real(1_000, lambda: None)

    async with scene() as play:
        real = asyncio.get_running_loop().call_later
        with monkeypatch.context() as patch:
            patch.setattr(asyncio.get_running_loop(), "call_later", call_later)
            patch.setattr(client_module, "BACKOFF_SECONDS", 0.5)
            play.now = 1.0
            for _ in range(12):
                play.client.lost("closed")
            play.now += 61
            play.client.lost("closed")
    bounds = [min(30, 0.5 * 2**failures) for failures in range(12)]
    assert all(0 <= delay <= bound for delay, bound in zip(delays, bounds, strict=False))
    assert max(delays[8:12]) > 10
    assert delays[12] <= 0.5
