"""When an id is tried again, and who waits meanwhile, in virtual time."""

import asyncio
from email.utils import formatdate

import pytest

from realtime.push.client import PushResult
from realtime.push.job import WAITING_LIMIT
from realtime.push.pool import COOL_DOWN_LIMIT_SECONDS
from tests.simulation import clock
from tests.simulation.transport import Answer
from tests.unit.realtime.push.scene import SILENCE, Endpoint, Line, Scene, ids, push, with_client


def asking(status: int, retry_after: str) -> Answer:
    return Answer(status, headers={"Retry-After": retry_after})


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_kept_to(status: int) -> None:
    endpoint = Endpoint({"shaky": [asking(status, "7"), 200]})
    result, seconds = push(endpoint, "shaky", within=60)
    assert result == PushResult(delivered=1)
    assert 7 <= seconds < 7.1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_as_a_date_is_kept_to(status: int) -> None:
    date = formatdate(clock.EPOCH / 1000 + 7, usegmt=True)
    endpoint = Endpoint({"shaky": [asking(status, date), 200]})
    result, seconds = push(endpoint, "shaky", within=60)
    assert result == PushResult(delivered=1)
    assert 7 <= seconds < 7.1


@pytest.mark.parametrize(
    "asked", ["soon", "", "-5", "Sun, 99 Nov 2026 15:30:25 GMT", "0", "Sun, 06 Nov 1994 08:49:37 GMT"]
)
def test_retry_after_that_asks_for_nothing_is_the_ordinary_pause(asked: str) -> None:
    endpoint = Endpoint({"shaky": [asking(503, asked), 200]})
    result, seconds = push(endpoint, "shaky")
    assert result == PushResult(delivered=1)
    assert 0 < seconds <= 0.05


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_the_deadline_is_not_waited_for(status: int) -> None:
    endpoint = Endpoint({"shaky": [asking(status, "20")]})
    assert push(endpoint, "shaky", within=10) == (PushResult(failed=["shaky"]), 0)
    assert endpoint.attempts["shaky"] == 1


def test_connection_cool_down_is_bounded_whatever_retry_after_asks() -> None:
    async def work(scene: Scene) -> list[PushResult]:
        return [await scene.client.push("frame", [one], within=1000) for one in ("shaky", "next")]

    endpoint = Endpoint({"shaky": [asking(429, "86400"), 200]})
    results, seconds = with_client(endpoint, work, in_flight=1)
    assert results == [PushResult(failed=["shaky"]), PushResult(delivered=1)]
    assert seconds == pytest.approx(COOL_DOWN_LIMIT_SECONDS)


def test_throttled_answer_stops_the_connection_and_not_only_the_id() -> None:
    async def work(scene: Scene) -> PushResult:
        return await scene.client.push("frame", ["throttled", *ids(10)], within=60)

    endpoint = Endpoint({"throttled": [asking(429, "5"), 200]})
    result, _ = with_client(endpoint, work, in_flight=1)
    assert result == PushResult(delivered=11)
    # No other id was tried on the only connection while it had to rest.
    assert all(time >= 5 for time in endpoint.times[1:])


def test_cool_down_grows_each_time_that_a_connection_is_throttled() -> None:
    async def work(scene: Scene) -> PushResult:
        return await scene.client.push("frame", ids(2000), within=100)

    endpoint = Endpoint({one: [429] for one in ids(2000)})
    result, _ = with_client(endpoint, work, in_flight=1)
    # Full jitter up to 2 seconds: about a request a second, however many ids there are to be tried.
    assert 60 < len(endpoint.order) < 200
    assert result.delivered == 0
    assert len(result.untried) + len(result.failed) == 2000


@pytest.mark.parametrize("another", [200, 410, 400])
def test_cool_down_starts_small_again_after_another_answer(another: int) -> None:
    async def work(scene: Scene) -> float:
        await scene.client.push("frame", ["first"], within=100)
        started = scene.seconds
        await scene.client.push("frame", ["second"], within=100)
        return scene.seconds - started

    # After the twenty first the connection would rest for up to two seconds.
    endpoint = Endpoint({"first": [*[429] * 20, another], "second": [429, 200]})
    assert 0 < with_client(endpoint, work, in_flight=1)[0] <= 0.05


def test_server_errors_stop_the_id_and_not_the_connection() -> None:
    async def work(scene: Scene) -> PushResult:
        return await scene.client.push("frame", ["broken", *ids(10)], within=60)

    endpoint = Endpoint({"broken": [asking(503, "5"), 200]})
    result, _ = with_client(endpoint, work, in_flight=1)
    assert result == PushResult(delivered=11)
    assert endpoint.order == ["broken", *ids(10), "broken"]
    assert endpoint.times[10] == 0
    assert endpoint.times[11] >= 5


def test_hundred_broken_connections_do_not_hold_up_thousands_of_healthy_ones() -> None:
    broken, healthy = ids(100, "broken"), ids(5000)
    endpoint = Endpoint({one: [500] for one in broken}, seconds=0.01)
    result, _ = push(endpoint, *broken, *healthy, within=30)
    assert result.delivered == 5000
    assert sorted(result.failed) == sorted(broken)
    # 51 rounds of 100 requests of 10 milliseconds: at best the healthy ones take half a second.
    last = max(time for one, time in zip(endpoint.order, endpoint.times, strict=True) if one in set(healthy))
    assert last < 0.6


def test_ids_that_wait_are_bounded() -> None:
    taken = 0

    class Counted(list[str]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal taken
            for one in super().__iter__():
                taken += 1
                yield one

    everybody = Counted(ids(5000))
    endpoint = Endpoint({one: [asking(503, "5")] for one in everybody})
    taken = 0

    async def work(scene: Scene) -> tuple[int, PushResult]:
        task = asyncio.create_task(scene.client.push("frame", everybody, within=20))
        await asyncio.sleep(4)
        return taken, await task

    (early, result), _ = with_client(endpoint, work, in_flight=100)
    assert early <= WAITING_LIMIT + 100
    assert len(result.failed) + len(result.untried) == 5000
    assert set(result.failed) == set(endpoint.attempts)
    assert set(result.untried) == set(everybody) - set(endpoint.attempts)


def test_silent_connection_is_tried_again() -> None:
    endpoint = Endpoint({"silent": [SILENCE, 200]})
    result, seconds = push(endpoint, "silent", "other", within=30, attempt_timeout=5)
    assert result == PushResult(delivered=2)
    # Answers are looked after once a second.
    assert 5 <= seconds <= 6.1


def test_silent_attempt_is_given_up_after_the_attempt_timeout() -> None:
    endpoint = Endpoint({"silent": [SILENCE, 200]})
    result, seconds = push(endpoint, "silent", within=30, attempt_timeout=0.5)
    assert result == PushResult(delivered=1)
    assert 0.5 <= seconds <= 0.7


def test_slow_answer_counts_when_it_comes_in_time() -> None:
    endpoint = Endpoint({"slow": [4.9]})
    result, seconds = push(endpoint, "slow", attempt_timeout=5)
    assert result == PushResult(delivered=1)
    assert seconds == pytest.approx(4.9)
    assert endpoint.attempts["slow"] == 1


@pytest.mark.parametrize("line", [429, 500, SILENCE, ConnectionResetError])
def test_untried_ids_are_told_apart_from_failed_ones(line: Line) -> None:
    endpoint = Endpoint({one: [line] for one in ids(500)})
    result, seconds = push(endpoint, *ids(500), within=3, in_flight=10)
    assert seconds <= 3
    assert result.delivered == 0
    assert set(result.failed) == set(endpoint.attempts)
    assert set(result.untried) == set(ids(500)) - set(endpoint.attempts)
    assert len(result.failed) + len(result.untried) == 500


@pytest.mark.parametrize("within", [0, -1])
def test_push_without_time_sends_no_request(within: float) -> None:
    async def work(scene: Scene) -> PushResult:
        await scene.client.push("frame", ids(2), within=10)
        return await scene.client.push("frame", ["one", "two"], within=within)

    endpoint = Endpoint()
    assert with_client(endpoint, work) == (PushResult(untried=["one", "two"]), 0)
    assert sorted(endpoint.order) == ids(2)


def test_endpoint_that_comes_back_is_found() -> None:
    result, seconds = push(Endpoint(), *ids(50), refusals=70)
    assert result == PushResult(delivered=50)
    assert 0 < seconds < 5


@pytest.mark.parametrize("status", [200, 410])
def test_trouble_with_the_endpoint_is_over_with_its_first_answer(status: int) -> None:
    async def work(scene: Scene) -> float:
        await scene.client.push("frame", ["one"], within=100)
        for transport in list(scene.server.open):
            transport.lose(None)
        await asyncio.sleep(0)
        scene.server.refusals = 1
        started = scene.seconds
        await scene.client.push("frame", ["two"], within=100)
        return scene.seconds - started

    # After the twenty first refusals the pause would be up to two seconds.
    assert 0 < with_client(Endpoint({"one": [status]}), work, refusals=20)[0] <= 0.05


def test_endpoint_that_refuses_connections_leaves_ids_untried() -> None:
    endpoint = Endpoint()
    assert push(endpoint, "one", "two", within=3, refusals=10**6) == (PushResult(untried=["one", "two"]), 3)


def test_refused_connections_are_tried_less_and_less_often() -> None:
    async def work(scene: Scene) -> int:
        await scene.client.push("frame", ids(1000), within=100)
        return scene.server.refusals

    left, _ = with_client(Endpoint(), work, refusals=10**6, in_flight=10)
    # Ten connections, each of them about once a second.
    assert 300 < 10**6 - left < 3000
