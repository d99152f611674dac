"""The Lambda entries of the broadcaster: the stream's batches, the sweep every minute, and the pushers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from game.catalogue import load_catalogue
from game.environment import BroadcasterEnvironment
from game.metrics import Metric
from game.wording import listed
from realtime.stage_push import open_stage_push
from runtime.clock import now_ms
from runtime.container import Container
from runtime.event_loop import new_event_loop
from runtime.sdk import SDK_CONFIG
from runtime.settings import read
from store.board_rules import Admission, find_breaks
from store.client import translating
from store.database import open_database
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from streams.records import batch_response
from streams.report import Report

logger = Logger(service="podium")
# The namespace is the deployment's: POWERTOOLS_METRICS_NAMESPACE, without which a run fails at its end.
metrics = Metrics(service="broadcaster")


class SweepError(Exception):
    """Boards that could not be reconciled; the next sweep tries again."""


@asynccontextmanager
async def _open_broadcaster() -> AsyncIterator[Broadcaster]:
    settings = read(BroadcasterEnvironment)
    session = aioboto3.Session()
    catalogue = load_catalogue()
    async with (
        open_database(session, settings.table_prefix) as db,
        open_stage_push(session, settings, db) as push,
        session.client("lambda", config=SDK_CONFIG) as functions,
    ):
        lambdas = translating(functions)

        async def start_pusher(task: Slice) -> None:
            await lambdas.invoke(
                FunctionName=settings.pusher_function,
                InvocationType="Event",
                Payload=task.model_dump_json(by_alias=True),
            )

        runner = FanOutRunner(
            db,
            catalogue,
            push,
            now_ms,
            start_pusher,
            direct_limit=settings.direct_limit,
            pushers=settings.pushers,
        )
        admission = Admission(db, catalogue, find_breaks)
        yield Broadcaster(db, catalogue, runner, now_ms, admission, spectators=settings.spectators)


_container = Container(_open_broadcaster, new_event_loop)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Work off a batch of the stream; answers with `batchItemFailures`."""
    report = Report()
    try:
        failures = _container.run(lambda broadcaster: broadcaster.process(event["Records"], report))
    finally:
        emit(report)
    return batch_response(failures)


@logger.inject_lambda_context
@metrics.log_metrics
def sweep_handler(_: dict[str, Any], __: LambdaContext) -> None:
    """Reconcile the active boards. Raises SweepError, so that the alarm sees what could not be."""
    report = Report()
    try:
        failed = _container.run(lambda broadcaster: broadcaster.sweep(report))
    finally:
        emit(report)
    if failed:
        raise SweepError(listed(failed))


@logger.inject_lambda_context
@metrics.log_metrics
def pusher_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Push to one slice of a large board. Raises UnpushedError, so that Lambda invokes it again."""
    report = Report()

    def time_left() -> float:
        return context.get_remaining_time_in_millis() / 1000

    try:
        _container.run(
            lambda broadcaster: broadcaster.runner.push_slice(
                Slice.model_validate(event), report, time_left=time_left
            )
        )
    finally:
        emit(report)


def emit(report: Report) -> None:
    """Put what a run did into the metrics."""
    metrics.add_metric(Metric.BOARDS_CHANGED, MetricUnit.Count, report.boards_changed)
    metrics.add_metric(Metric.DIFFS_PUSHED, MetricUnit.Count, report.diffs_pushed)
    metrics.add_metric(Metric.PUSHES_FAILED, MetricUnit.Count, report.pushes_failed)
    metrics.add_metric(Metric.CONNECTIONS_GONE, MetricUnit.Count, report.connections_gone)
    if report.oldest_record_age is not None:
        metrics.add_metric(Metric.OLDEST_RECORD_AGE, MetricUnit.Milliseconds, report.oldest_record_age)
    if report.score_to_pushed is not None:
        metrics.add_metric(Metric.SCORE_TO_PUSHED, MetricUnit.Milliseconds, report.score_to_pushed)
    if report.fanout_time is not None:
        metrics.add_metric(Metric.FANOUT_TIME, MetricUnit.Milliseconds, report.fanout_time)
    if report.boards_active is not None:
        metrics.add_metric(Metric.BOARDS_ACTIVE, MetricUnit.Count, report.boards_active)
    if report.boards_left is not None:
        metrics.add_metric(Metric.BOARDS_LEFT, MetricUnit.Count, report.boards_left)
    if report.spectators is not None:
        metrics.add_metric(Metric.SPECTATORS, MetricUnit.Count, report.spectators)
