"""Pushes that take longer than a function lives, and clients that do not read, in virtual time."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from botocore.exceptions import EndpointConnectionError

from realtime.protocol import encode_snapshot
from realtime.push.client import HttpPushClient
from store import boards, connections
from store.boards import PublishedBoard
from store.database import Database, batch_write, to_item
from store.errors import RequestError
from store.schema import CONNECTIONS
from streams.broadcaster import Broadcaster
from streams.fanout import (
    DIRECT_SECONDS,
    HAND_OVER_SECONDS,
    LAST_SECONDS,
    LEASE_SECONDS,
    FanOutRunner,
    Slice,
    UnpushedError,
)
from streams.report import Report
from tests.simulation import aws, clock
from tests.simulation.push import client
from tests.simulation.transport import Answer, MemoryServer, Request
from tests.unit.realtime.push.scene import Endpoint, Line, ids
from tests.unit.streams.broadcast_scene import CATALOGUE

PAGE = 20
ANSWER_SECONDS = 0.04


class Connections(Endpoint):
    """Clients that do not read can be closed all the same."""

    def __init__(self, scripts: dict[str, list[Line]] | None, seconds: float) -> None:
        super().__init__(scripts, seconds)
        self.closed: list[str] = []

    async def respond(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self.closed.append(request.connection_id)
            return Answer(204)
        return await super().respond(request)


@dataclass
class Functions:
    """Pushers as Lambda runs them: each for a limited time. `runner` is what they work with."""

    life: float
    runner: FanOutRunner = field(init=False)
    refusals: int = 0
    """The number of invocations that are refused."""
    twice: bool = False
    """Whether each invocation comes twice."""
    ran: list[tuple[str, float, BaseException | None]] = field(default_factory=list)
    """The slices that were worked on, for how long, and what that ended with."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, given: Slice) -> None:
        if self.refusals:
            self.refusals -= 1
            raise RequestError(EndpointConnectionError(endpoint_url="http://lambda.invalid"))
        for _ in range(1 + self.twice):
            task = asyncio.create_task(self._run(given))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, given: Slice) -> None:
        now = asyncio.get_running_loop().time
        born, error = now(), None
        try:
            async with asyncio.timeout(self.life):
                await self.runner.push_slice(given, Report(), time_left=lambda: born + self.life - now())
        except (TimeoutError, UnpushedError) as problem:
            error = problem
        self.ran.append((given.name, now() - born, error))

    async def all_done(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)


@dataclass
class Crowd:
    """A board with subscribers, one version of it unpushed."""

    db: Database
    endpoint: Connections
    functions: Functions
    broadcaster: Broadcaster
    push_client: HttpPushClient

    async def published(self) -> PublishedBoard:
        board = await boards.load(self.db, "forest")
        assert board is not None
        return board

    async def push(self) -> float:
        """Have the sweep find what is unpushed; how long it took until all was pushed."""
        started = asyncio.get_running_loop().time()
        assert await self.broadcaster.sweep(Report()) == []
        await self.functions.all_done()
        return asyncio.get_running_loop().time() - started

    def told(self) -> Counter[str]:
        """Return how often each connection was sent the frame."""
        return self.endpoint.attempts


@asynccontextmanager
async def crowd(
    subscribers: Collection[str],
    functions: Functions,
    *,
    scripts: dict[str, list[Line]] | None = None,
    direct_limit: int = 0,
    pushers: int = 3,
    rate: float | None = None,
) -> AsyncIterator[Crowd]:
    endpoint = Connections(scripts, ANSWER_SECONDS)
    async with aws.database(aws.shared_session()) as (db, _):
        push = client(MemoryServer(endpoint.respond), rate=rate)
        runner = FanOutRunner(
            db, CATALOGUE, push, clock.now, functions.start, direct_limit=direct_limit, pushers=pushers
        )
        functions.runner = runner
        read = await boards.load_or_create(db, CATALOGUE.boards["forest"], clock.now(), encode_snapshot)
        rows = [{"channel": "forest", "connectionId": one, "userId": "u"} for one in subscribers]
        await batch_write(db, CONNECTIONS, [{"PutRequest": {"Item": to_item(row)}} for row in rows])
        await boards.publish(db, read, (), '{"type":"diff"}', now=clock.now(), collapse=False)
        yield Crowd(db, endpoint, functions, Broadcaster(db, CATALOGUE, runner, clock.now), push)
        await push.aclose()


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PAGE_LIMIT", PAGE)


def spread(count: int) -> list[str]:
    """Ids that are spread evenly, as slices want them."""
    letters = "BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return [f"{letters[number % len(letters)]}{number:04d}=" for number in range(count)]


LIFE = HAND_OVER_SECONDS + 20.0
"""A pusher hands over after twenty seconds."""


async def assert_quiet(scene: Crowd) -> None:
    board = await scene.published()
    assert (board.outbox, board.fanout) == ({}, None)


def test_slice_that_takes_longer_than_a_function_lives_is_finished_by_its_successors() -> None:
    async def run() -> None:
        everybody = spread(600)
        functions = Functions(LIFE)
        async with crowd(everybody, functions, rate=5) as scene:
            seconds = await scene.push()
            assert seconds == pytest.approx(120, rel=0.05)
            assert scene.told() == Counter(everybody)
            await assert_quiet(scene)
        # Three slices, and each of their functions was far from its end.
        assert len(functions.ran) >= 3 * 4
        assert all(error is None for _, _, error in functions.ran)
        assert max(seconds for _, seconds, _ in functions.ran) < LIFE - HAND_OVER_SECONDS / 2

    clock.run(run())


@pytest.mark.parametrize("refusals", [1, 5])
def test_pusher_that_cannot_hand_over_works_on_and_tries_again(refusals: int) -> None:
    async def run() -> None:
        everybody = spread(300)
        functions = Functions(LIFE)
        async with crowd(everybody, functions, rate=5, pushers=1) as scene:
            asyncio.get_running_loop().call_later(5, setattr, functions, "refusals", refusals)
            await scene.push()
            assert functions.refusals == 0
            assert scene.told() == Counter(everybody)
            await assert_quiet(scene)
        assert all(error is None for _, _, error in functions.ran)

    clock.run(run())


def test_pusher_that_could_never_hand_over_leaves_the_rest_to_the_sweep() -> None:
    async def run() -> None:
        everybody = spread(400)
        functions = Functions(60)
        async with crowd(everybody, functions, rate=5, pushers=1) as scene:
            asyncio.get_running_loop().call_later(1, setattr, functions, "refusals", 1000)
            await scene.push()
            ((_, seconds, error),) = functions.ran
            assert isinstance(error, UnpushedError)
            assert 60 - LAST_SECONDS <= seconds < 60
            functions.refusals = 0
            # Not before the fan-out has expired.
            await scene.push()
            assert len(functions.ran) == 1
            await asyncio.sleep(60)
            await scene.push()
            assert scene.told() == Counter(everybody)
            await assert_quiet(scene)

    clock.run(run())


def test_killed_pusher_is_replaced_and_only_its_last_pages_go_out_again() -> None:
    async def run() -> None:
        everybody = spread(400)
        # The clock of this function is wrong: it never hands over, and is killed.
        functions = Functions(30)
        async with crowd(everybody, functions, rate=5, pushers=1) as scene:
            push_slice = functions.runner.push_slice

            async def unaware(given: Slice, report: Report, *, time_left: Callable[[], float]) -> None:
                await push_slice(given, report)

            functions.runner.push_slice = unaware  # type: ignore[method-assign, assignment]
            while (await scene.published()).outbox:
                await scene.push()
                await asyncio.sleep(60)
            assert set(scene.told()) == set(everybody)
            assert max(scene.told().values()) <= 2
            killed = sum(error is not None for _, _, error in functions.ran)
            assert killed >= 2
            assert scene.told().total() <= len(everybody) + killed * 3 * PAGE
            await assert_quiet(scene)

    clock.run(run())


def test_invocation_that_comes_twice_ends_the_fanout_once() -> None:
    async def run() -> None:
        everybody = spread(300)
        functions = Functions(LIFE, twice=True)
        async with crowd(everybody, functions, rate=20) as scene:
            await scene.push()
            assert set(scene.told()) == set(everybody)
            await assert_quiet(scene)
        assert all(error is None for _, _, error in functions.ran)

    clock.run(run())


def test_slow_page_keeps_its_fanout_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page takes longer than the lease: its function must not be taken for dead."""
    monkeypatch.setattr(connections, "PAGE_LIMIT", 200)

    async def run() -> None:
        everybody = spread(600)
        functions = Functions(900)
        async with crowd(everybody, functions, rate=200 / (2 * LEASE_SECONDS), pushers=1) as scene:
            pushing = asyncio.create_task(scene.push())
            while not pushing.done():
                await asyncio.sleep(20)
                assert await scene.broadcaster.sweep(Report()) == []
            assert scene.told() == Counter(everybody)
            assert len(functions.ran) == 1
            await assert_quiet(scene)

    clock.run(run())


def test_slow_clients_of_a_slice_hold_up_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds a page, as with 2,000 ids and an eighth of 8,000 requests per second."""
    monkeypatch.setattr(connections, "PAGE_LIMIT", 200)
    everybody = sorted(spread(2000))

    async def run(slow: Collection[str]) -> float:
        async with crowd(
            everybody, Functions(900), scripts={one: [429] for one in slow}, rate=100, pushers=1
        ) as scene:
            seconds = await scene.push()
            told = scene.told()
            assert all(told[one] == 1 for one in everybody if one not in slow)
            assert set(scene.endpoint.closed) == set(slow)
            await assert_quiet(scene)
            return seconds

    random.seed(1)
    quick = clock.run(run(()))
    assert quick == pytest.approx(20, abs=0.5)
    # One on each page, with its tries, and the last one's grace. With pages in turn it was 37 seconds.
    assert clock.run(run(everybody[100::200])) <= quick + 4


def test_board_that_takes_long_holds_up_its_batch_for_a_bounded_time() -> None:
    async def run() -> None:
        everybody = spread(300)
        functions = Functions(900)
        async with crowd(everybody, functions, direct_limit=1000, rate=20) as scene:
            started = asyncio.get_running_loop().time()
            assert await scene.broadcaster.sweep(Report()) == []
            assert asyncio.get_running_loop().time() - started == pytest.approx(DIRECT_SECONDS, abs=0.1)
            fanout = (await scene.published()).fanout
            assert fanout is not None
            assert len(fanout.pending) == 1, "one pusher has time enough"
            await functions.all_done()
            assert set(scene.told()) == set(everybody)
            # But for the page at which it stopped, none got the frame again.
            assert scene.told().total() <= len(everybody) + PAGE
            await assert_quiet(scene)

    clock.run(run())


def test_stuck_client_of_a_board_that_is_left_to_a_pusher_keeps_the_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        everybody = ids(200)
        stuck = min(everybody)
        async with crowd(
            everybody, Functions(900), scripts={stuck: [500]}, direct_limit=1000, rate=20
        ) as scene:
            close = scene.push_client.close

            async def in_vain(connection_id: str) -> bool:
                await close(connection_id)
                return False

            monkeypatch.setattr(scene.push_client, "close", in_vain)
            assert await scene.broadcaster.sweep(Report()) == []
            await scene.functions.all_done()
            assert scene.endpoint.closed == [stuck]
            assert set(scene.told()) == set(everybody)
            assert list((await scene.published()).outbox) == [2]

    clock.run(run())
