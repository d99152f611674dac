"""Pushing one frame to many connections, in virtual time."""

import pytest

from realtime.push.client import PushResult
from tests.unit.realtime.push.scene import WITHIN, Endpoint, Line, ids, push, with_client


def close(endpoint: Endpoint, connection_id: str) -> bool:
    return with_client(endpoint, lambda scene: scene.client.close(connection_id))[0]


def test_frame_reaches_every_connection_as_its_bytes() -> None:
    endpoint = Endpoint()
    result, _ = push(endpoint, "L0SM9cOFvHcCIhw=", "b/c+d")
    assert result == PushResult(delivered=2)
    assert endpoint.requests.keys() == {"L0SM9cOFvHcCIhw=", "b/c+d"}
    for request in endpoint.requests.values():
        assert (request.method, request.body) == ("POST", "frame é".encode())


def test_push_to_no_connection_sends_no_request() -> None:
    endpoint = Endpoint()
    assert push(endpoint) == (PushResult(), 0)
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
def test_passing_fault_is_retried(faults: list[Line]) -> None:
    endpoint = Endpoint({"shaky": [*faults, 200]})
    result, seconds = push(endpoint, "shaky")
    assert result == PushResult(delivered=1)
    assert endpoint.attempts["shaky"] == len(faults) + 1
    assert 0 < seconds < WITHIN


@pytest.mark.parametrize("fault", [429, 500, ConnectionResetError])
def test_lasting_fault_fails_inside_the_deadline(fault: Line) -> None:
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
    alive = ids(300)
    bad = ["gone", "throttled", "broken", "forbidden", "silent"]
    result, seconds = push(endpoint, *bad, "shaky", *alive)
    assert result.delivered == len(alive) + 1
    assert result.gone == ["gone"]
    assert sorted(result.failed) == ["broken", "forbidden", "silent", "throttled"]
    assert all(endpoint.attempts[one] == 1 for one in alive)
    assert seconds <= WITHIN


@pytest.mark.parametrize(
    ("answer", "closed"),
    [(204, True), (410, True), (403, False), (429, False), (500, False), (ConnectionResetError, False)],
)
def test_close_tells_whether_the_connection_may_be_open_still(answer: Line, closed: bool) -> None:
    endpoint = Endpoint({"one": [answer]})
    assert close(endpoint, "one") is closed
    assert endpoint.requests["one"].method == "DELETE"
    assert endpoint.attempts["one"] == 1
