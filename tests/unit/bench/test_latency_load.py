"""From score to screen: what counts as seen, and what is still missing."""

import json

import pytest

from bench.latency_load import Subscriber, Watch


def diff(**points: int) -> bytes:
    """Our frame with these players' entries."""
    changes = [{"op": "set", "userId": name, "score": score} for name, score in points.items()]
    return json.dumps({"type": "diff", "changes": [*changes, {"op": "remove", "userId": "gone"}]}).encode()


def snapshot(**points: int) -> bytes:
    """Our frame with these players as the board."""
    entries = [{"userId": name, "score": score} for name, score in points.items()]
    return json.dumps({"type": "snapshot", "entries": entries}).encode()


def score(user_id: str, points: int) -> bytes:
    """The sample's frame."""
    return json.dumps({"type": "score", "userId": user_id, "points": points, "gameArea": "forest"}).encode()


@pytest.fixture
def watch() -> Watch:
    """Ada is to be seen with 10, 20 and 30 points, Bob with 15; due at 1, 2, 3 and 4 seconds."""
    watch = Watch()
    watch.due["ada"] = [(10, 1.0), (20, 2.0), (30, 3.0)]
    watch.due["bob"] = [(15, 4.0)]
    return watch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 100 seconds past."""
    monkeypatch.setattr("time.monotonic", lambda: 100.0)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("frame", [diff(ada=20), snapshot(ada=20), score("ada", 20)])
def test_a_score_is_seen_with_its_player_at_as_many_points_or_more(watch: Watch, frame: bytes) -> None:
    subscriber = Subscriber(watch)
    subscriber.received(frame)
    assert watch.latencies == [99.0, 98.0]
    assert subscriber.missing(110.0) == [107.0, 106.0]


@pytest.mark.usefixtures("clock")
def test_a_score_is_seen_once_by_each_subscriber(watch: Watch) -> None:
    first, second = Subscriber(watch), Subscriber(watch)
    for subscriber in (first, second, first):
        subscriber.received(score("bob", 15))
    assert watch.latencies == [96.0, 96.0]
    assert watch.frames == 3


@pytest.mark.usefixtures("clock")
def test_an_old_frame_takes_nothing_back(watch: Watch) -> None:
    subscriber = Subscriber(watch)
    for points in (30, 10, 30):
        subscriber.received(score("ada", points))
    assert len(watch.latencies) == 3
    assert subscriber.missing(110.0) == [106.0]


@pytest.mark.usefixtures("clock")
def test_the_watch_is_complete_when_everybody_has_seen_everything(watch: Watch) -> None:
    watch.wanted = 8
    first, second = Subscriber(watch), Subscriber(watch)
    first.received(diff(ada=30, bob=15))
    second.received(diff(ada=30))
    assert not watch.complete.is_set()
    second.received(score("bob", 15))
    assert watch.complete.is_set()
    assert first.missing(200.0) == second.missing(200.0) == []


def test_frames_of_strangers_and_of_nobody_are_counted_and_no_more(watch: Watch) -> None:
    subscriber = Subscriber(watch)
    subscriber.received(diff(eve=99))
    subscriber.received(json.dumps({"type": "current", "board": "forest"}).encode())
    assert watch.latencies == []
    assert watch.frames == 2
    assert subscriber.subscribed.is_set()
