"""Delivery of one shard's records to a handler, as a Lambda event source mapping does it.

A shard's batches are delivered one after the other, and a batch is finished only when each of its records was
accepted or discarded; so records finish in the order of the stream, each exactly once, whatever fails:

- accepted: the handler returned, with no failures or with failures only after this record;
- discarded: retries are used up; the records are then in the dead-letter file, and in the log.

A failed invocation is answered as AWS documents it
(https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html):

    reported failures       the checkpoint moves to the lowest one; it and all after it are retried
    exception, or a report  two halves, which costs no retry (BisectBatchOnFunctionError);
    that cannot be right    a single record is retried
"""

import asyncio
import json
import logging
import random as random_module
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from local.dead_letters import DeadLetters

LambdaHandler = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any] | None]]
"""Takes `{"Records": [...]}`, answers `{"batchItemFailures": [{"itemIdentifier": sequence number}]}`."""

Record = dict[str, Any]

RETRIES = 10
"""Retries after which failing records are discarded: half a minute on average.

With AWS's own default, without end, a bad record would hold its shard for a day.
"""
RETRY_BASE = 0.2
RETRY_CAP = 10.0

logger = logging.getLogger(__name__)


def backoff(failures: int, random: Callable[[], float]) -> float:
    """Return seconds to wait after failures in a row: full jitter under 0.2 s, doubling up to 10 s.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random() * min(RETRY_CAP, RETRY_BASE * 2.0 ** min(failures - 1, 16))


class _Failure(NamedTuple):
    first: int  # index of the first record that is not done
    function_error: bool  # the invocation as a whole failed: nothing is known of the single records


@dataclass(frozen=True)
class _Batch:
    records: Sequence[Record]
    invocations: int = 0  # of these records, also as part of a larger batch
    failures: int = 0  # of the first record since the checkpoint stands on it; splits do not count
    function_error: bool = False  # in the last invocation


class EventDelivery:
    """Delivers batches to one handler; several shards may share it.

    The arguments are those of `local.event_source.EventSource`.
    """

    def __init__(
        self,
        *,
        handler: LambdaHandler,
        dead_letters: DeadLetters,
        retries: int = RETRIES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._handler = handler
        self._dead_letters = dead_letters
        self._retries = retries
        self._sleep = sleep
        self._now_s = now_s
        self._random = random

    async def deliver(self, shard_id: str, records: Sequence[Record]) -> None:
        """Return when every record was accepted or discarded."""
        pending = deque([_Batch(records)])
        failures_in_a_row = 0
        while pending:
            batch = pending.popleft()
            failure = await self._invoke(batch)
            if failure is None:
                failures_in_a_row = 0
                continue
            failures_in_a_row = failures_in_a_row + 1 if failure.first == 0 else 1
            retried = self._after(failure, batch)
            if retried[0].failures > self._retries:
                self._discard(shard_id, retried[0])
                continue
            pending.extendleft(reversed(retried))
            await self._sleep(backoff(failures_in_a_row, self._random))

    def _after(self, failure: _Failure, batch: _Batch) -> list[_Batch]:
        """Return the batches to deliver in place of the failed one, in order."""
        tried = replace(batch, invocations=batch.invocations + 1, function_error=failure.function_error)
        if failure.first > 0:
            return [replace(tried, records=batch.records[failure.first :], failures=1)]
        size = len(batch.records)
        if failure.function_error and size > 1:
            halves = batch.records[: size // 2], batch.records[size // 2 :]
            return [replace(tried, records=half) for half in halves]
        return [replace(tried, failures=batch.failures + 1)]

    async def _invoke(self, batch: _Batch) -> _Failure | None:
        # Lambda, too, hands over parsed JSON: what a handler does to its event never reaches the retry.
        event = json.loads(json.dumps({"Records": list(batch.records)}))
        try:
            response = await self._handler(event)
        except Exception as error:
            logger.warning(
                "%s failed on %d records: %r",
                self._dead_letters.function_name,
                len(batch.records),
                error,
                exc_info=error if batch.invocations == 0 else None,
            )
            return _Failure(0, function_error=True)
        try:
            first = _first_failure(response, batch.records)
        except ValueError as error:
            logger.warning(
                "%s answered what AWS would not accept: %s", self._dead_letters.function_name, error
            )
            return _Failure(0, function_error=True)
        return None if first is None else _Failure(first, function_error=False)

    def _discard(self, shard_id: str, batch: _Batch) -> None:
        self._dead_letters.add(
            batch.records,
            shard_id=shard_id,
            invocations=batch.invocations,
            function_error=batch.function_error,
            now=self._now_s(),
        )


def _first_failure(response: Mapping[str, Any] | None, records: Sequence[Record]) -> int | None:
    """Return the index of the lowest reported failure; None when the batch is done.

    Raises ValueError where AWS takes the whole batch for failed: no list of objects with an `itemIdentifier`
    each, or an identifier that is empty or none of the batch's.
    """
    if not response or not response.get("batchItemFailures"):
        return None
    positions = {record["dynamodb"]["SequenceNumber"]: index for index, record in enumerate(records)}
    try:
        return min(positions[failure["itemIdentifier"]] for failure in response["batchItemFailures"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"batchItemFailures={response['batchItemFailures']!r}") from error
