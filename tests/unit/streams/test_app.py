"""The broadcaster's Lambda entries."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from store import connections
from streams import app
from streams.broadcaster import Broadcaster
from streams.fanout import HAND_OVER_SECONDS, Slice
from tests.unit.embedded_metrics import documents
from tests.unit.events import recorded
from tests.unit.realtime.fakes import NOW
from tests.unit.realtime.lambda_container import container_of, fake_context
from tests.unit.streams.broadcast_scene import BroadcastScene, entry_scene


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[BroadcastScene]:
    with entry_scene(monkeypatch) as it:
        yield it


def emitted(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the one document of metrics."""
    (metrics,) = documents(capsys.readouterr().out)
    return metrics


def names(metrics: dict[str, Any]) -> set[str]:
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == os.environ["POWERTOOLS_METRICS_NAMESPACE"]
    return {metric["Name"] for metric in directive["Metrics"]}


def test_recorded_batch_is_pushed(scene: BroadcastScene, capsys: pytest.CaptureFixture[str]) -> None:
    async def play(_: Broadcaster) -> None:
        await scene.published()
        await scene.subscribe("viewer", "forest")
        await scene.score("87313b53-604d-4405-b676-4eb8a21c5969", 42)

    app._container.run(play)
    assert app.handler(recorded("dynamodb_stream"), fake_context()) == {"batchItemFailures": []}
    assert [frame["board"] for frame in scene.push.sent_to("viewer")] == ["forest"]
    metrics = emitted(capsys)
    assert names(metrics) == {
        "BoardsChanged",
        "DiffsPushed",
        "PushesFailed",
        "ConnectionsGone",
        "OldestRecordAge",
        "ScoreToPushed",
    }
    assert (metrics["BoardsChanged"], metrics["DiffsPushed"]) == ([1.0], [1.0])
    assert metrics["OldestRecordAge"] == [0.0]
    # The recorded score was achieved 501 milliseconds before this clock's time.
    assert metrics["ScoreToPushed"] == [501.0]


def test_failures_are_named_as_lambda_wants_them(scene: BroadcastScene) -> None:
    scene.refused = {"forest"}
    assert app.handler(recorded("dynamodb_stream"), fake_context()) == {
        "batchItemFailures": [{"itemIdentifier": "4421584500000000017450439091"}]
    }


def test_metrics_are_emitted_though_the_run_fails(
    scene: BroadcastScene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> list[str]:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(scene.broadcaster, "process", broken)
    with pytest.raises(RuntimeError):
        app.handler(recorded("dynamodb_stream"), fake_context())
    assert "BoardsChanged" in names(emitted(capsys))


def test_sweep_raises_for_boards_that_failed(
    scene: BroadcastScene, capsys: pytest.CaptureFixture[str]
) -> None:
    async def play(_: Broadcaster) -> None:
        for area in ("forest", "desert", "sprint"):
            await scene.published(area)

    app._container.run(play)
    scene.refused = {"forest", "sprint"}
    with pytest.raises(app.SweepError, match="forest, sprint"):
        app.sweep_handler({}, fake_context())
    metrics = emitted(capsys)
    assert names(metrics) >= {"BoardsChanged", "BoardsActive", "BoardsLeft"}
    assert (metrics["BoardsActive"], metrics["BoardsLeft"]) == ([3.0], [0.0])
    scene.refused = set()
    app.sweep_handler({}, fake_context())
    emitted(capsys)


def test_pusher_works_on_the_slice_it_is_given(
    scene: BroadcastScene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(broadcaster: Broadcaster) -> None:
        monkeypatch.setattr(broadcaster.runner, "_direct_limit", 1)
        for viewer in ("a", "b", "c"):
            await scene.subscribe(viewer, "forest")
        await scene.published()
        await scene.score("dee", 42, at=NOW - 700)
        assert await scene.process() == []

    app._container.run(play)
    assert scene.push.frames == []
    while scene.started:
        app.pusher_handler(json.loads(scene.started.pop(0).model_dump_json(by_alias=True)), fake_context())
    assert [len(scene.push.sent_to(viewer)) for viewer in ("a", "b", "c")] == [1, 1, 1]
    # The last pusher's: when everybody had the score.
    last = documents(capsys.readouterr().out)[-1]
    assert (last["ScoreToPushed"], last["FanOutTime"]) == ([700.0], [0.0])


def test_pusher_whose_time_is_nearly_up_starts_another_one(
    scene: BroadcastScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PAGE_LIMIT", 2)

    async def play(broadcaster: Broadcaster) -> None:
        monkeypatch.setattr(broadcaster.runner, "_direct_limit", 1)
        monkeypatch.setattr(broadcaster.runner, "_pushers", 1)
        for viewer in "abcdef":
            await scene.subscribe(viewer, "forest")
        await scene.published()
        await scene.score("dee", 42)
        assert await scene.process() == []

    def invoke(left: float) -> Slice:
        context = fake_context()
        monkeypatch.setattr(context, "get_remaining_time_in_millis", lambda: round(left * 1000))
        task = scene.started.pop(0)
        app.pusher_handler(json.loads(task.model_dump_json(by_alias=True)), context)
        return task

    app._container.run(play)
    first = invoke(HAND_OVER_SECONDS - 0.001)
    assert [len(scene.push.sent_to(viewer)) for viewer in "abcdef"] == [1, 1, 0, 0, 0, 0]
    assert scene.started == [first]
    invoke(HAND_OVER_SECONDS)
    assert [len(scene.push.sent_to(viewer)) for viewer in "abcdef"] == [1] * 6
    assert scene.started == []


def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PODIUM_CONNECTIONS_URL", raising=False)
    with container_of(monkeypatch, app, app._open_broadcaster):
        for _ in range(2):
            with pytest.raises(ValidationError, match="PODIUM_CONNECTIONS_URL"):
                app.handler({"Records": []}, fake_context())
