"""The Lambda entry of the user pool's pre-sign-up trigger: it confirms guests, and leaves all others alone.

Cognito waits 5 seconds for an answer, and asks three times. What this function raises, the client gets as a
`UserLambdaValidationException` with the message "PreSignUp failed with error <message>.".
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from game.environment import SignUpEnvironment
from game.guests import GUESTS_BUSY, GUESTS_OFF, GuestRefusedError, asks_for_guest, confirm
from game.metrics import Metric
from runtime.clock import now_ms
from runtime.container import Container
from runtime.settings import read
from store.database import open_database
from store.errors import StoreError
from store.guests import GuestBudget

# Most sign-ups count nothing.
warnings.filterwarnings("ignore", "No application metrics to publish")

_COUNTING_SECONDS = 3
"""How long counting a guest may take, of the 5 seconds that Cognito waits."""

logger = Logger(service="podium")
# The namespace is the deployment's: POWERTOOLS_METRICS_NAMESPACE, without which counting fails.
metrics = Metrics(service=Metric.GUESTS_REFUSED.service)


@asynccontextmanager
async def _open_budget() -> AsyncIterator[GuestBudget | None]:
    settings = read(SignUpEnvironment)
    if settings.guests_per_minute is None:
        yield None
        return
    async with open_database(aioboto3.Session(), settings.table_prefix) as db:
        yield GuestBudget(db, settings.guests_per_minute, now_ms)


_container = Container(_open_budget)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Answer with the event, in which a guest is confirmed. Raises GuestRefusedError for one who is not."""
    if not asks_for_guest(event):
        return event
    _container.run(_admit)
    return confirm(event)


async def _admit(budget: GuestBudget | None) -> None:
    """Raise GuestRefusedError where there may be no new guest now."""
    if budget is None:
        raise GuestRefusedError(GUESTS_OFF)
    try:
        async with asyncio.timeout(_COUNTING_SECONDS):
            is_taken = await budget.take()
    except (StoreError, TimeoutError):
        # What cannot be counted is not let in: the limit is what a stage may cost.
        logger.exception("a guest could not be counted")
        is_taken = False
    if not is_taken:
        metrics.add_metric(Metric.GUESTS_REFUSED, MetricUnit.Count, 1)
        raise GuestRefusedError(GUESTS_BUSY)
