"""A 429 is the account's rate, or one client that does not read: who is given up when, in virtual time."""

import asyncio
import random
from collections.abc import Callable

import pytest

from realtime.push.client import PushResult
from realtime.push.job import WAITING_LIMIT
from tests.simulation.transport import Answer, Request
from tests.unit.realtime.push.scene import SILENCE, Endpoint, Line, Scene, ids, push, with_client

ANSWER_SECONDS = 0.04

Order = Callable[[list[str], list[str]], list[str]]


def first(slow: list[str], healthy: list[str]) -> list[str]:
    return [*slow, *healthy]


def last(slow: list[str], healthy: list[str]) -> list[str]:
    return [*healthy, *slow]


def mixed(slow: list[str], healthy: list[str]) -> list[str]:
    everybody = [*slow, *healthy]
    random.Random(len(everybody)).shuffle(everybody)
    return everybody


def allowed(healthy: int) -> float:
    """Twice the time that the others take, and a second."""
    result, seconds = push(Endpoint(seconds=ANSWER_SECONDS), *ids(healthy), within=60)
    assert result == PushResult(delivered=healthy)
    return 2 * seconds + 1


@pytest.mark.parametrize("order", [first, last, mixed])
@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize(("everybody", "slow"), [(2000, 1), (2000, 100), (200, 1), (20, 1)])
@pytest.mark.parametrize("seed", range(2))
def test_push_with_slow_clients_takes_at_most_twice_as_long_and_a_second(
    everybody: int, slow: int, status: int, order: Order, seed: int
) -> None:
    random.seed(seed)
    never, healthy = ids(slow, "slow"), ids(everybody - slow)
    endpoint = Endpoint({one: [status] for one in never}, seconds=ANSWER_SECONDS)
    result, seconds = push(endpoint, *order(never, healthy), within=60)
    assert result.delivered == everybody - slow
    assert sorted(result.failed) == sorted(never)
    assert seconds <= allowed(everybody - slow)
    assert min(endpoint.attempts[one] for one in never) >= 3


@pytest.mark.parametrize("order", [first, last, mixed])
def test_slow_clients_do_not_delay_the_others(order: Order) -> None:
    never, healthy = ids(20, "slow"), ids(400)

    def last_healthy(slow: list[str]) -> float:
        endpoint = Endpoint({one: [429] for one in slow}, seconds=ANSWER_SECONDS)
        push(endpoint, *order(slow, healthy), within=60, in_flight=10)
        times = zip(endpoint.order, endpoint.times, strict=True)
        return max(time for one, time in times if one in set(healthy))

    random.seed(1)
    # Forty rounds of the ten connections for the others, and thirty for twenty ids that are tried again.
    assert last_healthy(never) <= last_healthy([]) + 30 * ANSWER_SECONDS


def test_more_slow_clients_than_may_wait_do_not_stop_a_push() -> None:
    random.seed(1)
    never = ids(WAITING_LIMIT + 200, "slow")
    healthy = ids(8 * len(never))
    endpoint = Endpoint({one: [429] for one in never}, seconds=ANSWER_SECONDS)
    result, seconds = push(endpoint, *mixed(never, healthy), within=120)
    assert result.delivered == len(healthy)
    assert sorted(result.failed) == sorted(never)
    assert seconds < 40


def test_client_that_reads_again_in_time_is_kept() -> None:
    scripts: dict[str, list[Line]] = {f"slow-{tries}": [*[429] * tries, 200] for tries in (1, 2)}
    for seed in range(20):
        random.seed(seed)
        endpoint = Endpoint(scripts, seconds=ANSWER_SECONDS)
        result, _ = push(endpoint, *ids(200), *scripts)
        assert result == PushResult(delivered=202)


def test_silent_client_is_given_up_after_one_attempt_when_the_others_answer() -> None:
    endpoint = Endpoint({"silent": [SILENCE]}, seconds=ANSWER_SECONDS)
    result, seconds = push(endpoint, "silent", *ids(2000), within=60, attempt_timeout=5)
    assert result == PushResult(delivered=2000, failed=["silent"])
    assert 5 <= seconds <= 6.1


def test_silent_client_among_few_is_tried_again() -> None:
    endpoint = Endpoint({"silent": [SILENCE, 200]}, seconds=ANSWER_SECONDS)
    result, _ = push(endpoint, "silent", *ids(3), within=60, attempt_timeout=5)
    assert result == PushResult(delivered=4)


class Throttled(Endpoint):
    """An account whose requests are refused by chance, each one by itself, for a while."""

    def __init__(self, share: float, *, begins: float, ends: float, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self._share, self._begins, self._ends = share, begins, ends

    async def respond(self, request: Request) -> Answer:
        answer = await super().respond(request)
        now = asyncio.get_running_loop().time()
        if self._begins <= now < self._ends and random.random() < self._share:
            return Answer(429)
        return answer


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("count", [1, 20, 200, 2000])
@pytest.mark.parametrize("begins", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_no_healthy_client_is_given_up_while_the_account_is_throttled(
    share: float, count: int, begins: float, seed: int
) -> None:
    random.seed(seed)
    # `begins` is a part of the time that a push takes without throttling.
    begins *= count / 100 * ANSWER_SECONDS
    endpoint = Throttled(share, begins=begins, ends=begins + 4, seconds=ANSWER_SECONDS)
    result, _ = push(endpoint, *ids(count), within=60)
    assert result == PushResult(delivered=count)


@pytest.mark.parametrize("seed", range(2))
def test_no_client_is_given_up_while_the_account_is_out_of_tokens(seed: int) -> None:
    """A token bucket that others have emptied, and that they leave a tenth of what it takes."""
    random.seed(seed)
    tokens, filled = 0.0, 0.0

    async def respond(request: Request) -> Answer:
        nonlocal tokens, filled
        await asyncio.sleep(ANSWER_SECONDS)
        now = asyncio.get_running_loop().time()
        tokens, filled = min(20.0, tokens + (now - filled) * 250), now
        if tokens < 1:
            return Answer(429)
        tokens -= 1
        return Answer(200)

    endpoint = Endpoint()
    endpoint.respond = respond  # type: ignore[method-assign]
    result, seconds = push(endpoint, *ids(2000), within=60)
    assert result == PushResult(delivered=2000)
    assert seconds < 16


def test_only_id_of_a_push_is_tried_until_its_time_is_up() -> None:
    # There is nothing to tell a throttled account from a client that does not read.
    result, seconds = push(Endpoint({"slow": [429]}), "slow", within=10)
    assert result == PushResult(failed=["slow"])
    assert 7.9 <= seconds <= 10


def test_only_id_of_a_push_is_given_up_when_others_are_served_meanwhile() -> None:
    async def work(scene: Scene) -> tuple[PushResult, float]:
        crowd = asyncio.create_task(scene.client.push("frame", ids(4000), within=60))
        await asyncio.sleep(0.1)
        started = scene.seconds
        result = await scene.client.push("answer", ["slow"], within=10)
        seconds = scene.seconds - started
        assert (await crowd).delivered == 4000
        return result, seconds

    endpoint = Endpoint({"slow": [429]}, seconds=ANSWER_SECONDS)
    (result, seconds), _ = with_client(endpoint, work)
    assert result == PushResult(failed=["slow"])
    assert seconds <= 1


def test_what_was_good_before_a_push_proves_nothing_during_it() -> None:
    async def work(scene: Scene) -> PushResult:
        await scene.client.push("frame", ids(1000), within=60)
        return await scene.client.push("answer", ["throttled"], within=60)

    # Twelve refusals take longer than the others' whole push did.
    endpoint = Endpoint({"throttled": [*[429] * 12, 200]}, seconds=ANSWER_SECONDS)
    assert with_client(endpoint, work)[0] == PushResult(delivered=1)


def test_connections_are_free_for_others_while_a_slow_client_has_its_grace() -> None:
    async def work(scene: Scene) -> float:
        slow = asyncio.create_task(scene.client.push("frame", [*ids(200), "slow"], within=60))
        await asyncio.sleep(22 * ANSWER_SECONDS)
        assert not slow.done()
        slowest = 0.0
        while not slow.done():
            started = scene.seconds
            assert (await scene.client.push("answer", ["one"], within=10)).delivered == 1
            slowest = max(slowest, scene.seconds - started)
        assert (await slow).failed == ["slow"]
        return slowest

    random.seed(1)
    endpoint = Endpoint({"slow": [429]}, seconds=ANSWER_SECONDS)
    # On ten connections, one of them with the slow client's.
    slowest, _ = with_client(endpoint, work, in_flight=10)
    assert slowest == pytest.approx(ANSWER_SECONDS)
