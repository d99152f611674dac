"""Our own metrics: what alarms and the dashboard look at, checked against what the functions count."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api import sign_up_app
from bench.memory_dynamo import MemoryDynamo
from game.functions import FUNCTIONS
from game.guests import GuestRefusedError
from store.guests import GuestBudget
from streams import app, ranker_app
from streams.broadcaster import Broadcaster
from streams.ranker import Ranker
from tests.simulation.schedule import database
from tests.unit.api.rest_scene import rest_scene
from tests.unit.embedded_metrics import Metric, metrics
from tests.unit.events import recorded
from tests.unit.infra.stage import properties, text
from tests.unit.realtime.lambda_container import container_of, fake_context
from tests.unit.streams.broadcast_scene import entry_scene

STAGES = ("dev", "prod")


def watched(stage: str) -> set[Metric]:
    """Return the metrics of a stage's alarms and dashboard that are not Amazon's own."""
    alarms = [
        Metric(
            alarm["Namespace"],
            alarm["MetricName"],
            frozenset((dimension["Name"], text(dimension["Value"])) for dimension in alarm["Dimensions"]),
        )
        for alarm in properties(stage, "AWS::CloudWatch::Alarm")
    ]
    (dashboard,) = properties(stage, "AWS::CloudWatch::Dashboard")
    graphs = [
        Metric(namespace, name, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True)))
        for widget in json.loads(text(dashboard["DashboardBody"]))["widgets"]
        if "metrics" in widget["properties"]
        for namespace, name, *dimensions, _ in widget["properties"]["metrics"]
    ]
    return {metric for metric in (*alarms, *graphs) if not metric.namespace.startswith("AWS/")}


def counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> set[Metric]:
    """Return what the functions count while a score comes to a board that is too large for one of them."""
    with rest_scene(monkeypatch) as rest:
        assert rest.invoke(recorded("rest_score")).status == 201
    with entry_scene(monkeypatch, direct_limit=1) as scene:

        async def play(_: Broadcaster) -> None:
            await scene.subscribe("ada", "forest")
            await scene.subscribe("bo", "forest")
            await scene.published()
            await scene.score("cy", 42)

        app._container.run(play)
        app.handler({"Records": scene.records()}, fake_context())
        while scene.started:
            app.pusher_handler(scene.started.pop(0).model_dump(by_alias=True), fake_context())
        app.sweep_handler(recorded("scheduled_sweep"), fake_context())
    dynamo = MemoryDynamo()

    @asynccontextmanager
    async def open_ranker() -> AsyncIterator[Ranker]:
        yield Ranker(database(dynamo), lambda: 0)

    with container_of(monkeypatch, ranker_app, open_ranker):
        ranker_app.handler(recorded("dynamodb_stream"), fake_context())

    async def take_none(_: GuestBudget) -> bool:
        return False

    @asynccontextmanager
    async def open_budget() -> AsyncIterator[GuestBudget]:
        yield GuestBudget(database(dynamo), 1, lambda: 0)

    monkeypatch.setattr(GuestBudget, "take", take_none)
    with container_of(monkeypatch, sign_up_app, open_budget), pytest.raises(GuestRefusedError):
        sign_up_app.handler(recorded("pre_sign_up_guest"), fake_context())
    return metrics(capsys.readouterr().out)


@pytest.mark.parametrize("stage", STAGES)
def test_watched_metrics_are_exactly_those_that_functions_count(
    stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = os.environ["POWERTOOLS_METRICS_NAMESPACE"]
    assert {metric._replace(namespace=here) for metric in watched(stage)} == counted(monkeypatch, capsys)


@pytest.mark.parametrize("stage", STAGES)
def test_functions_count_in_the_namespace_of_their_stage(stage: str) -> None:
    namespaces = {
        function["FunctionName"]: function["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
        for function in properties(stage, "AWS::Lambda::Function")
        if "FunctionName" in function
    }
    assert namespaces.keys() >= {f"podium-{stage}-{function.name}" for function in FUNCTIONS}
    assert set(namespaces.values()) == {metric.namespace for metric in watched(stage)} == {f"Podium/{stage}"}
