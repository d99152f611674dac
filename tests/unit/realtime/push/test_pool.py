"""The connections that a push client holds, and how its pushes share them, in virtual time."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from realtime.push.client import CLOSE_SECONDS, CREDENTIALS_SECONDS, HttpPushClient, PushResult
from realtime.push.endpoint import parse_url
from realtime.push.pool import IDLE_SECONDS
from realtime.push.signing import Credentials
from tests.simulation import aws, clock
from tests.simulation.push import URL
from tests.simulation.transport import MemoryServer
from tests.unit.realtime.push.scene import SILENCE, Endpoint, Scene, ids, push, with_client


def test_as_many_connections_are_opened_as_there_is_work_for() -> None:
    async def work(scene: Scene) -> list[int]:
        opened = []
        for count in (1, 1, 3, 500, 500):
            await scene.client.push("frame", ids(count), within=10)
            opened.append(scene.server.opened)
        return opened

    assert with_client(Endpoint(seconds=0.01), work, in_flight=20)[0] == [1, 1, 3, 20, 20]


def test_single_answer_does_not_wait_behind_a_broadcast() -> None:
    async def work(scene: Scene) -> float:
        broadcast = asyncio.create_task(scene.client.push("frame", ids(5000), within=60))
        await asyncio.sleep(1)
        started = scene.seconds
        await scene.client.push("answer", ["one"], within=10)
        seconds = scene.seconds - started
        assert not broadcast.done()
        assert (await broadcast).delivered == 5000
        return seconds

    # The next connection that is free, and then its own request.
    assert with_client(Endpoint(seconds=0.05), work, in_flight=50)[0] <= 0.1


def test_pushes_at_the_same_time_get_the_same_share() -> None:
    async def work(scene: Scene) -> list[PushResult]:
        names = ("a", "b", "c")
        return await asyncio.gather(
            *(scene.client.push("frame", ids(1000, name), within=60) for name in names)
        )

    endpoint = Endpoint(seconds=0.01)
    results, _ = with_client(endpoint, work, in_flight=10)
    assert results == [PushResult(delivered=1000)] * 3
    # Half way through, and with ten connections that the first one had to itself at first.
    shares = Counter(one[0] for one in endpoint.order[:1500])
    assert all(480 <= share <= 520 for share in shares.values())


def test_connection_that_was_idle_for_long_is_not_trusted() -> None:
    async def work(scene: Scene) -> tuple[int, int]:
        await scene.client.push("frame", ids(5), within=10)
        await asyncio.sleep(IDLE_SECONDS - 1)
        await scene.client.push("frame", ids(5), within=10)
        before = scene.server.opened
        await asyncio.sleep(IDLE_SECONDS + 1)
        await scene.client.push("frame", ids(5), within=10)
        assert len(scene.server.open) == 5
        return before, scene.server.opened

    assert with_client(Endpoint(seconds=0.01), work)[0] == (5, 10)


def test_connection_that_was_closed_while_idle_is_replaced() -> None:
    async def work(scene: Scene) -> PushResult:
        await scene.client.push("frame", ids(5), within=10)
        for transport in list(scene.server.open):
            transport.lose(None)
        await asyncio.sleep(1)
        return await scene.client.push("frame", ids(5), within=10)

    endpoint = Endpoint(seconds=0.01)
    result, seconds = with_client(endpoint, work)
    assert result == PushResult(delivered=5)
    assert seconds == pytest.approx(1.02)
    assert len(endpoint.order) == 10


def test_request_that_meets_a_closing_connection_is_sent_again_at_once() -> None:
    async def work(scene: Scene) -> PushResult:
        await scene.client.push("frame", ids(5), within=10)
        scene.server.closing = 5
        return await scene.client.push("frame", ids(5), within=10)

    endpoint = Endpoint(seconds=0.01)
    result, seconds = with_client(endpoint, work)
    assert result == PushResult(delivered=5)
    # No backoff: a push, a lost request that took no time, and the same request on a new connection.
    assert seconds == pytest.approx(0.02)


def test_endpoint_that_breaks_a_second_connection_is_left_alone_for_a_while() -> None:
    async def work(scene: Scene) -> PushResult:
        await scene.client.push("frame", ["one"], within=10)
        scene.server.closing = 2
        return await scene.client.push("frame", ["one"], within=10)

    result, seconds = with_client(Endpoint(), work)
    assert result == PushResult(delivered=1)
    assert 0 < seconds <= 0.1


def test_answer_that_breaks_off_is_not_asked_for_again_at_once() -> None:
    async def work(scene: Scene) -> PushResult:
        await scene.client.push("frame", ["one"], within=10)
        scene.server.breaking = 1
        return await scene.client.push("frame", ["one"], within=10)

    result, seconds = with_client(Endpoint(), work)
    assert result == PushResult(delivered=1)
    assert 0 < seconds <= 0.05


def test_connection_that_closes_after_its_push_is_over_is_not_replaced() -> None:
    async def work(scene: Scene) -> int:
        await scene.client.push("frame", ["one"], within=10)
        await scene.client.push("frame", ["slow"], within=1)
        for transport in list(scene.server.open):
            transport.lose(None)
        await asyncio.sleep(1)
        return scene.server.opened

    assert with_client(Endpoint({"slow": [5.0]}), work, in_flight=1)[0] == 1


def test_place_of_a_connection_that_closes_after_its_push_is_over_is_free_for_the_next() -> None:
    async def work(scene: Scene) -> tuple[PushResult, float]:
        await scene.client.push("frame", ["one"], within=10)
        await scene.client.push("frame", ["slow"], within=1)
        waiting = asyncio.create_task(scene.client.push("frame", ["one"], within=10))
        await asyncio.sleep(0)
        scene.server.open[0].lose(None)
        return await waiting, scene.seconds

    assert with_client(Endpoint({"slow": [5.0]}), work, in_flight=1)[0] == (PushResult(delivered=1), 1)


def test_cancelled_push_leaves_its_ids_alone() -> None:
    async def work(scene: Scene) -> PushResult:
        task = asyncio.create_task(scene.client.push("frame", ids(1000, "dropped"), within=60))
        await asyncio.sleep(0.015)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await scene.client.push("frame", ids(1000, "kept"), within=60)

    endpoint = Endpoint({one: [500] for one in ids(15, "dropped")}, seconds=0.01)
    result, _ = with_client(endpoint, work, in_flight=10)
    # What was out when the push was cancelled is answered, and counts for no push.
    assert result == PushResult(delivered=1000)
    assert Counter(one.partition("-")[0] for one in endpoint.order) == {"dropped": 20, "kept": 1000}


def test_answer_after_the_deadline_counts_for_no_push() -> None:
    async def work(scene: Scene) -> list[PushResult]:
        first = await scene.client.push("frame", ["slow"], within=1)
        second = await scene.client.push("frame", ["slower"], within=10)
        await asyncio.sleep(5)
        return [first, second]

    endpoint = Endpoint({"slow": [3.0], "slower": [4.0]})
    assert with_client(endpoint, work, in_flight=1)[0] == [
        PushResult(failed=["slow"]),
        PushResult(delivered=1),
    ]
    assert endpoint.order == ["slow", "slower"]


def test_silent_connection_is_given_up_after_its_push_is_over() -> None:
    async def work(scene: Scene) -> tuple[int, int]:
        await scene.client.push("frame", ["silent"], within=1)
        before = len(scene.server.open)
        await asyncio.sleep(10)
        return before, len(scene.server.open)

    assert with_client(Endpoint({"silent": [SILENCE]}), work)[0] == (1, 0)


@pytest.mark.parametrize("rate", [3, 50, 2000])
def test_pace_is_kept(rate: float) -> None:
    count = int(rate * 5)
    endpoint = Endpoint()
    result, seconds = push(endpoint, *ids(count), within=60, rate=rate)
    assert result == PushResult(delivered=count)
    assert seconds == pytest.approx(5, abs=0.4)
    # In no stretch of time more than its share and the burst, a hundredth of a second's worth.
    burst = max(1, rate / 100)
    times = endpoint.times
    for _ in range(1000):
        first, last = sorted(random.sample(range(count), 2))
        assert last - first + 1 <= burst + (times[last] - times[first]) * rate + 1e-3


@pytest.mark.parametrize("options", [{"rate": 0}, {"rate": -1}, {"in_flight": 0}])
def test_client_that_could_push_nothing_is_not_made(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="in_flight must be at least 1, and rate positive"):
        push(Endpoint(), "one", **options)


def test_pace_holds_for_all_pushes_together_and_for_tries() -> None:
    async def work(scene: Scene) -> list[PushResult]:
        return await asyncio.gather(
            *(scene.client.push("frame", ids(100, name), within=60) for name in ("a", "b"))
        )

    endpoint = Endpoint({one: [503, 200] for one in ids(100, "a")})
    results, seconds = with_client(endpoint, work, rate=100)
    assert results == [PushResult(delivered=100)] * 2
    assert seconds == pytest.approx(3, abs=0.1)


def test_time_without_requests_is_not_saved_up() -> None:
    async def work(scene: Scene) -> float:
        await scene.client.push("frame", ids(100), within=60)
        await asyncio.sleep(10)
        started = scene.seconds
        await scene.client.push("frame", ids(100), within=60)
        return scene.seconds - started

    assert with_client(Endpoint(), work, rate=100)[0] == pytest.approx(1, abs=0.05)


def test_what_the_pace_does_not_reach_is_untried() -> None:
    result, seconds = push(Endpoint(), *ids(100), within=5, rate=10)
    assert seconds == 5
    assert result.delivered == pytest.approx(51, abs=1)
    assert result.delivered + len(result.untried) == 100


def test_closing_ends_what_is_under_way() -> None:
    async def work(scene: Scene) -> PushResult:
        task = asyncio.create_task(scene.client.push("frame", ids(30), within=60))
        await asyncio.sleep(0.015)
        await scene.client.aclose()
        assert not scene.server.open
        result = await task
        with pytest.raises(RuntimeError, match="closed"):
            await scene.client.push("frame", ["one"], within=1)
        return result

    result, seconds = with_client(Endpoint(seconds=0.01), work, in_flight=10)
    assert seconds == pytest.approx(0.015)
    assert result.delivered == 10
    assert sorted(result.failed) == ids(20)[10:]
    assert result.untried == ids(30)[20:]


def test_closing_while_connections_are_being_opened_leaves_none() -> None:
    async def work(scene: Scene) -> PushResult:
        task = asyncio.create_task(scene.client.push("frame", ids(30), within=60))
        await asyncio.sleep(1)
        await scene.client.aclose()
        return await task

    async def run() -> PushResult:
        server = MemoryServer(Endpoint().respond, seconds_to_connect=3)
        return await work(Scene(await client_of(server), server))

    assert clock.run(run()) == PushResult(untried=ids(30))


def test_connection_that_takes_too_long_to_open_is_given_up() -> None:
    async def run() -> tuple[PushResult, int]:
        server = MemoryServer(Endpoint().respond, seconds_to_connect=6)
        client = await client_of(server)
        task = asyncio.create_task(client.push("frame", ids(3), within=60))
        await asyncio.sleep(5.5)
        server.seconds_to_connect = 0
        result = await task
        await client.aclose()
        return result, server.opened

    assert clock.run(run()) == (PushResult(delivered=3), 1)


def test_close_waits_for_a_connection_but_not_for_ever() -> None:
    async def work(scene: Scene) -> tuple[bool, float]:
        task = asyncio.create_task(scene.client.push("frame", ids(10, "slow"), within=60))
        await asyncio.sleep(0)
        closed = await scene.client.close("one")
        seconds = scene.seconds
        await task
        return closed, seconds

    slow = Endpoint({one: [SILENCE] for one in ids(10, "slow")})
    assert with_client(slow, work, in_flight=1, attempt_timeout=30)[0] == (False, CLOSE_SECONDS)


@pytest.mark.parametrize("bad", ["", ".", "..", "\ud800"])
def test_id_that_no_path_can_name_fails_alone(bad: str) -> None:
    endpoint = Endpoint()
    assert push(endpoint, "one", bad, "two") == (PushResult(delivered=2, failed=[bad]), 0)
    assert sorted(endpoint.attempts) == ["one", "two"]


def test_collection_that_changes_during_the_push_is_the_callers_error() -> None:
    async def work(scene: Scene) -> PushResult:
        changing = set(ids(100))
        task = asyncio.create_task(scene.client.push("frame", changing, within=60))
        await asyncio.sleep(0.015)
        changing.clear()
        with pytest.raises(RuntimeError, match="changed size"):
            await task
        return await scene.client.push("frame", ids(50), within=60)

    assert with_client(Endpoint(seconds=0.01), work, in_flight=10)[0] == PushResult(delivered=50)


def test_ids_that_were_taken_back_are_not_waited_for() -> None:
    async def work(scene: Scene) -> PushResult:
        shrinking = ids(100)
        task = asyncio.create_task(scene.client.push("frame", shrinking, within=60))
        await asyncio.sleep(0.015)
        del shrinking[30:]
        return await task

    result, seconds = with_client(Endpoint(seconds=0.01), work, in_flight=10)
    assert result == PushResult(delivered=30)
    assert seconds == pytest.approx(0.03)


def test_connection_whose_callback_fails_returns_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([True, False, True])

    async def work(scene: Scene) -> PushResult:
        pool = scene.client._pool
        answered = pool.answered

        def sometimes(connection, status, response):  # type: ignore[no-untyped-def]
            if next(failures, False):
                raise AssertionError("a bug of ours")
            answered(connection, status, response)

        monkeypatch.setattr(pool, "answered", sometimes)
        return await scene.client.push("frame", ids(10), within=10)

    assert with_client(Endpoint(seconds=0.01), work, in_flight=2)[0] == PushResult(delivered=10)


class Rotating:
    """Credentials that are new each time they are asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False
        self.hanging = False

    async def __call__(self) -> Credentials:
        self.asked += 1
        if self.failing:
            raise OSError("no metadata service")
        if self.hanging:
            await asyncio.sleep(SILENCE)
        return Credentials(f"KEY{self.asked}", "secret", "token")


def signed_with(endpoint: Endpoint) -> Iterator[str]:
    for one in endpoint.order:
        yield endpoint.requests[one].headers["authorization"].partition("Credential=")[2].partition("/")[0]


async def client_of(server: MemoryServer, credentials: Rotating | None = None) -> HttpPushClient:
    return HttpPushClient(
        parse_url(URL),
        aws.REGION,
        credentials or Rotating(),
        create_connection=server.create_connection,
        now_s=lambda: clock.now() / 1000,
        in_flight=1,
    )


@pytest.mark.parametrize("failing", [False, True])
def test_credentials_are_asked_for_during_a_long_push_but_not_for_each_request(failing: bool) -> None:
    async def run() -> tuple[PushResult, list[str], int]:
        endpoint = Endpoint(seconds=1)
        credentials = Rotating()
        server = MemoryServer(endpoint.respond)
        client = await client_of(server, credentials)
        task = asyncio.create_task(client.push("frame", ids(150), within=600))
        await asyncio.sleep(CREDENTIALS_SECONDS / 2)
        credentials.failing = failing
        result = await task
        await client.aclose()
        return result, list(dict.fromkeys(signed_with(endpoint))), credentials.asked

    result, keys, asked = clock.run(run())
    assert result == PushResult(delivered=150)
    assert keys == (["KEY1"] if failing else ["KEY1", "KEY2", "KEY3"])
    assert asked == 3


def test_each_push_is_signed_with_the_credentials_of_its_time() -> None:
    async def run() -> list[str]:
        endpoint = Endpoint()
        client = await client_of(MemoryServer(endpoint.respond))
        for one in ids(3):
            await client.push("frame", [one], within=10)
        await client.aclose()
        return list(signed_with(endpoint))

    assert clock.run(run()) == ["KEY1", "KEY2", "KEY3"]


def test_credentials_that_do_not_come_are_not_waited_for_in_the_end() -> None:
    async def run() -> None:
        credentials = Rotating()
        client = await client_of(MemoryServer(Endpoint(seconds=1).respond), credentials)
        task = asyncio.create_task(client.push("frame", ids(70), within=600))
        await asyncio.sleep(CREDENTIALS_SECONDS / 2)
        credentials.hanging = True
        await task
        assert credentials.asked == 2
        await client.aclose()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(run())


def test_push_without_credentials_says_so() -> None:
    async def run() -> None:
        credentials = Rotating()
        credentials.failing = True
        client = await client_of(MemoryServer(Endpoint().respond), credentials)
        with pytest.raises(OSError, match="metadata"):
            await client.push("frame", ["one"], within=1)
        await client.aclose()

    clock.run(run())


def test_signature_is_of_the_second_in_which_the_request_is_sent() -> None:
    endpoint = Endpoint(seconds=0.5)
    push(endpoint, *ids(20), within=60, in_flight=1)
    for one, time in zip(endpoint.order, endpoint.times, strict=True):
        # The seconds of the minute in which the simulation starts, at 00.
        stamped = int(endpoint.requests[one].headers["x-amz-date"][-3:-1])
        assert 0 <= time - stamped <= 2
