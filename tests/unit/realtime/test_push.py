"""Pushing one frame to many connections, in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from realtime.push import IN_FLIGHT, HttpPushClient, PushResult
from tests.simulation import clock
from tests.simulation.push import client
from tests.simulation.transport import Answer, MemoryServer, Request

WITHIN = 10.0

Status = int | type[ConnectionError]


class Endpoint:
    """`@connections`: each id answers by its own script, whose last line repeats; others answer 200."""

    def __init__(self, scripts: dict[str, list[Status]] | None = None, seconds: float = 0) -> None:
        self.attempts: Counter[str] = Counter()
        self.bodies: dict[str, bytes] = {}
        self.methods: set[str] = set()
        self.most_at_once = 0
        self._at_once = 0
        self._scripts = scripts or {}
        self._seconds = seconds

    async def respond(self, request: Request) -> Answer:
        connection_id = request.connection_id
        self.methods.add(request.method)
        if request.method == "POST":
            self.bodies[connection_id] = request.body
        script = self._scripts.get(connection_id, [200])
        answer = script[min(self.attempts[connection_id], len(script) - 1)]
        self.attempts[connection_id] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self._at_once -= 1
        if not isinstance(answer, int):
            raise answer
        return Answer(answer, b"" if answer < 300 else b'{"message":"scripted"}')


T = TypeVar("T")


def with_client(endpoint: Endpoint, work: Callable[[HttpPushClient], Awaitable[T]]) -> tuple[T, float]:
    """What the work came to, and how many virtual seconds it took."""

    async def run() -> tuple[T, float]:
        pusher = client(MemoryServer(endpoint.respond))
        started = asyncio.get_running_loop().time()
        outcome = await work(pusher)
        seconds = asyncio.get_running_loop().time() - started
        await pusher.aclose()
        return outcome, seconds

    return clock.run(run())


def push(endpoint: Endpoint, *connection_ids: str, within: float = WITHIN) -> tuple[PushResult, float]:
    return with_client(endpoint, lambda client: client.push("frame é", connection_ids, within=within))


def close(endpoint: Endpoint, connection_id: str) -> bool:
    return with_client(endpoint, lambda client: client.close(connection_id))[0]


def test_frame_reaches_every_connection_as_its_bytes() -> None:
    endpoint = Endpoint()
    result, _ = push(endpoint, "L0SM9cOFvHcCIhw=", "b/c+d")
    assert result == PushResult(delivered=2)
    assert endpoint.bodies == {"L0SM9cOFvHcCIhw=": "frame é".encode(), "b/c+d": "frame é".encode()}
    assert endpoint.methods == {"POST"}


def test_nobody_to_push_to_is_no_request() -> None:
    endpoint = Endpoint()
    assert push(endpoint)[0] == PushResult()
    assert not endpoint.attempts


def test_gone_connection_is_reported_and_not_retried() -> None:
    endpoint = Endpoint({"gone": [410]})
    assert push(endpoint, "gone", "alive")[0] == PushResult(delivered=1, gone=["gone"])
    assert endpoint.attempts["gone"] == 1


@pytest.mark.parametrize("status", [400, 403, 413])
def test_refusal_is_not_retried(status: int) -> None:
    endpoint = Endpoint({"bad": [status]})
    result, seconds = push(endpoint, "bad", "alive")
    assert result == PushResult(delivered=1, failed=["bad"])
    assert endpoint.attempts["bad"] == 1
    assert seconds == 0


@pytest.mark.parametrize(
    "faults",
    [
        [429],
        [500],
        [502, 503, 504],
        [429] * 6,
        [ConnectionResetError],
        [ConnectionResetError, 503, ConnectionResetError],
    ],
)
def test_passing_fault_is_retried(faults: list[Status]) -> None:
    endpoint = Endpoint({"shaky": [*faults, 200]})
    result, seconds = push(endpoint, "shaky")
    assert result == PushResult(delivered=1)
    assert endpoint.attempts["shaky"] == len(faults) + 1
    assert 0 < seconds < WITHIN


@pytest.mark.parametrize("fault", [429, 500, ConnectionResetError])
def test_lasting_fault_fails_inside_the_deadline(fault: Status) -> None:
    endpoint = Endpoint({"shaky": [fault]})
    result, seconds = push(endpoint, "shaky")
    assert result == PushResult(failed=["shaky"])
    assert endpoint.attempts["shaky"] > 3
    assert seconds <= WITHIN


def test_connection_that_goes_while_it_is_retried_is_gone() -> None:
    assert push(Endpoint({"shaky": [429, 410]}), "shaky")[0] == PushResult(gone=["shaky"])


def test_endpoint_that_never_answers_is_given_up_at_the_deadline() -> None:
    endpoint = Endpoint(seconds=10_000)
    result, seconds = push(endpoint, "silent", within=3)
    assert result == PushResult(failed=["silent"])
    assert seconds == 3


def test_pauses_grow_and_stay_under_the_cap() -> None:
    endpoint = Endpoint({"shaky": [429]})
    push(endpoint, "shaky", within=600)
    # Full jitter up to 2 seconds: 600 attempts would be a second each on average.
    assert 300 < endpoint.attempts["shaky"] < 1200


def test_one_bad_connection_never_stops_the_rest() -> None:
    endpoint = Endpoint(
        {
            "gone": [410],
            "throttled": [429],
            "broken": [500],
            "forbidden": [403],
            "silent": [ConnectionResetError],
            "shaky": [429, 200],
        }
    )
    alive = [f"alive-{number}" for number in range(300)]
    bad = ["gone", "throttled", "broken", "forbidden", "silent"]
    result, seconds = push(endpoint, *bad, "shaky", *alive)
    assert result.delivered == len(alive) + 1
    assert result.gone == ["gone"]
    assert sorted(result.failed) == ["broken", "forbidden", "silent", "throttled"]
    assert all(endpoint.attempts[one] == 1 for one in alive)
    assert seconds <= WITHIN


def test_requests_at_once_are_bounded() -> None:
    endpoint = Endpoint(seconds=0.01)
    result, seconds = push(endpoint, *(f"id-{number}" for number in range(3 * IN_FLIGHT)))
    assert result.delivered == 3 * IN_FLIGHT
    assert endpoint.most_at_once == IN_FLIGHT
    assert seconds == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("answer", "closed"),
    [(204, True), (410, True), (403, False), (429, False), (500, False), (ConnectionResetError, False)],
)
def test_close_tells_whether_the_connection_may_be_open_still(answer: Status, closed: bool) -> None:
    endpoint = Endpoint({"one": [answer]})
    assert close(endpoint, "one") is closed
    assert endpoint.methods == {"DELETE"}
