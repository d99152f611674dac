"""Clients that share a rate, each by its claims, in virtual time."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from botocore.awsrequest import AWSPreparedRequest

from realtime.push.client import HttpPushClient, PushResult
from realtime.push.shared_pace import LARGEST_CLAIM_SECONDS, SAFE_SHARE, USE_SECONDS
from store.budgets import Budget
from store.database import Database
from tests.simulation import aws, clock
from tests.simulation.push import client
from tests.simulation.transport import MemoryServer
from tests.unit.realtime.push.scene import SILENCE, Endpoint, ids

RATE = 1000
ANSWER_SECONDS = 0.02
CLAIM_SECONDS = 0.005


class Engine:
    """DynamoDB, which may be slow, or not be there."""

    def __init__(self) -> None:
        self.requests = 0
        self.broken = False
        self.silent = False

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        self.requests += 1
        await asyncio.sleep(SILENCE if self.silent else CLAIM_SECONDS)
        if self.broken:
            return 400, b'{"__type": "ProvisionedThroughputExceededException", "message": "too fast"}'
        return await aws.ask_moto(request)


class Stage:
    """Functions that push, one endpoint, and one budget."""

    def __init__(self, db: Database, rate: float) -> None:
        self.endpoint = Endpoint(seconds=ANSWER_SECONDS)
        self._db = db
        self._rate = rate
        self._clients: list[HttpPushClient] = []

    def function(self) -> HttpPushClient:
        """One more container that pushes."""
        budget = Budget(self._db, "pushes", self._rate, lambda: clock.now() * 1000)
        made = client(MemoryServer(self.endpoint.respond), rate=self._rate, claim=budget.claim)
        self._clients.append(made)
        return made

    async def close(self) -> None:
        for one in self._clients:
            await one.aclose()

    def most_in(self, seconds: float) -> int:
        """Return the most requests in any stretch of time of this length."""
        times = self.endpoint.times
        return max(bisect_left(times, begin + seconds) - number for number, begin in enumerate(times))


@asynccontextmanager
async def stage(engine: Engine, rate: float = RATE) -> AsyncIterator[Stage]:
    async with aws.database(aws.shared_session(), engine.respond) as (db, _):
        scene = Stage(db, rate)
        yield scene
        await scene.close()


def run(
    work: Callable[[Stage], Awaitable[object]], engine: Engine | None = None, rate: float = RATE
) -> float:
    """Return how many virtual seconds the work takes."""

    async def timed() -> float:
        async with stage(engine or Engine(), rate) as scene:
            started = asyncio.get_running_loop().time()
            await work(scene)
            return asyncio.get_running_loop().time() - started

    return clock.run(timed())


@pytest.mark.parametrize(
    ("functions", "boards", "subscribers"), [(1, 1, 5000), (8, 1, 5000), (3, 4, 6000), (40, 1, 4000)]
)
def test_functions_together_keep_the_rate_and_waste_little_of_it(
    functions: int, boards: int, subscribers: int
) -> None:
    engine = Engine()

    async def work(scene: Stage) -> None:
        share = subscribers // functions // boards
        pushes = [
            one.push("frame", ids(share, f"{number}-{board}"), within=100)
            for number in range(functions)
            for one in [scene.function()]
            for board in range(boards)
        ]
        results = await asyncio.gather(*pushes)
        assert [result.delivered for result in results] == [share] * functions * boards
        burst = RATE * (LARGEST_CLAIM_SECONDS + USE_SECONDS)
        for seconds in (0.1, 1.0, 3.0):
            assert scene.most_in(seconds) <= RATE * seconds + burst

    seconds = run(work, engine)
    assert seconds <= 1.15 * subscribers / RATE + 0.5
    # At most 200 claims a second, but for those of who meets whom for the first time.
    assert engine.requests <= 220 * seconds + 2 * functions


def test_rate_is_one_function_s_alone_when_it_is_alone() -> None:
    engine = Engine()

    async def work(scene: Stage) -> None:
        await scene.function().push("frame", ids(3000), within=100)

    assert run(work, engine) <= 3.2
    # Twenty a second, and a few at the start.
    assert engine.requests <= 3.2 * 20 + 10


def test_small_push_costs_one_write_and_no_wait() -> None:
    engine = Engine()

    async def work(scene: Stage) -> None:
        one = scene.function()
        for _ in range(3):
            await asyncio.sleep(1)
            engine.requests = 0
            started = asyncio.get_running_loop().time()
            assert (await one.push("frame", ids(4), within=10)).delivered == 4
            assert engine.requests == 1
            assert asyncio.get_running_loop().time() - started < ANSWER_SECONDS + 2 * CLAIM_SECONDS

    run(work, engine)


def test_push_to_one_connection_claims_nothing_and_waits_for_none() -> None:
    engine = Engine()

    async def work(scene: Stage) -> None:
        one = scene.function()
        crowd = asyncio.create_task(one.push("frame", ids(3000), within=100))
        others = [asyncio.create_task(scene.function().push("frame", ids(3000), within=100)) for _ in "ab"]
        await asyncio.sleep(1)
        started = asyncio.get_running_loop().time()
        assert (await one.push("answer", ["one"], within=10)).delivered == 1
        assert asyncio.get_running_loop().time() - started <= 2 * ANSWER_SECONDS
        await asyncio.gather(crowd, *others)
        engine.requests = 0
        await one.push("answer", ["one"], within=10)
        assert engine.requests == 0

    run(work, engine)


def test_small_push_waits_shortly_while_the_rate_is_used_up() -> None:
    async def work(scene: Stage) -> None:
        functions = [scene.function() for _ in range(10)]
        crowds = [asyncio.create_task(one.push("frame", ids(500), within=100)) for one in functions]
        small = scene.function()
        await asyncio.sleep(1)
        started = asyncio.get_running_loop().time()
        assert (await small.push("frame", ids(5), within=10)).delivered == 5
        assert asyncio.get_running_loop().time() - started <= 0.5
        await asyncio.gather(*crowds)

    run(work)


def test_closing_connections_is_paced_too() -> None:
    async def work(scene: Stage) -> None:
        one = scene.function()
        assert all(await asyncio.gather(*map(one.close, ids(500))))
        assert scene.most_in(0.1) <= 100 + RATE * (LARGEST_CLAIM_SECONDS + USE_SECONDS)

    assert 0.4 <= run(work) <= 0.8


def test_function_that_dies_with_its_claim_costs_no_more_than_that() -> None:
    async def work(scene: Stage) -> None:
        dying = [scene.function() for _ in range(5)]
        for one in dying:
            task = asyncio.create_task(one.push("frame", ids(1000), within=100))
            await asyncio.sleep(0.2)
            task.cancel()
        started = asyncio.get_running_loop().time()
        await scene.function().push("frame", ids(2000), within=100)
        late = asyncio.get_running_loop().time() - started - 2
        assert late <= 5 * LARGEST_CLAIM_SECONDS + 0.2

    run(work)


@pytest.mark.parametrize("how", ["broken", "silent"])
def test_budget_that_cannot_be_reached_leaves_a_safe_share(how: str) -> None:
    engine = Engine()

    async def work(scene: Stage) -> PushResult:
        setattr(engine, how, True)
        one = scene.function()
        await one.push("frame", ids(1000), within=10)
        in_vain = len(scene.endpoint.times)
        # Never still, and never too fast.
        assert 0.4 * SAFE_SHARE * RATE * 10 <= in_vain <= 1.2 * SAFE_SHARE * RATE * 10
        setattr(engine, how, False)
        started = asyncio.get_running_loop().time()
        result = await one.push("frame", ids(1000), within=20)
        assert result.delivered == 1000
        assert asyncio.get_running_loop().time() - started <= 3
        return result

    run(work, engine)


def test_low_rate_is_kept_too() -> None:
    async def work(scene: Stage) -> None:
        results = await asyncio.gather(
            *(scene.function().push("frame", ids(10, name), within=100) for name in "abc")
        )
        assert [result.delivered for result in results] == [10] * 3
        assert scene.most_in(1.0) <= 5 + 2

    assert 5 <= run(work, rate=5) <= 8


def test_client_that_is_closed_while_it_claims_leaves_nothing_behind() -> None:
    async def work(scene: Stage) -> None:
        one = scene.function()
        pushing = asyncio.create_task(one.push("frame", ids(10), within=100))
        await asyncio.sleep(CLAIM_SECONDS / 2)
        await one.aclose()
        assert (await pushing).untried == ids(10)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(work)
