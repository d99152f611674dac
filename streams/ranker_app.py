"""The Lambda entries of the ranker: the stream's batches, and the sweep every hour."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from game.catalogue import load_catalogue
from game.environment import StoreEnvironment
from game.metrics import Metric
from game.wording import listed
from runtime.clock import now_ms
from runtime.container import Container
from runtime.event_loop import new_event_loop
from runtime.settings import read
from store.database import open_database
from streams.ranker import Ranker, RankReport
from streams.records import batch_response

logger = Logger(service="podium")
# The namespace is the deployment's: POWERTOOLS_METRICS_NAMESPACE, without which a run fails at its end.
metrics = Metrics(service=Metric.RANKS_REPAIRED.service)


class RankSweepError(Exception):
    """Boards whose ranks could not be compared, repaired or dropped; the next sweep tries again."""


@asynccontextmanager
async def _open_ranker() -> AsyncIterator[Ranker]:
    settings = read(StoreEnvironment)
    async with open_database(aioboto3.Session(), settings.table_prefix) as db:
        yield Ranker(db, now_ms)


_container = Container(_open_ranker, new_event_loop)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Work off a batch of the stream; answers with `batchItemFailures`."""
    report = RankReport()
    try:
        failures = _container.run(lambda ranker: ranker.process(event["Records"], report))
    finally:
        emit(report)
    return batch_response(failures)


@logger.inject_lambda_context
@metrics.log_metrics
def sweep_handler(_: dict[str, Any], __: LambdaContext) -> None:
    """Compare ranks, of seasons too, and drop old ones. Raises RankSweepError: the alarm sees what failed."""
    report = RankReport()
    catalogue = load_catalogue()
    try:
        failed = _container.run(lambda ranker: ranker.tend(catalogue, report))
    finally:
        emit(report)
    if failed:
        raise RankSweepError(listed(failed))


def emit(report: RankReport) -> None:
    """Put what a run did into the metrics."""
    metrics.add_metric(Metric.RANKS_REPAIRED, MetricUnit.Count, report.repaired)
