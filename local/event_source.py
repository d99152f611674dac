"""A poller that behaves like a Lambda event source mapping on DynamoDB Streams.

Every shard has a reader of its own; shards are read concurrently, records of one shard in order, one batch in
flight. A shard's children are read after its end, which keeps the changes of one item in order across a split
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html). What happens to a batch once
it is read is told in `local.event_delivery`.

Positions are kept in memory only: after a restart everything between is missed, and a caller who starts an
event source reconciles first. While it runs, a record that was readable is never skipped. Where a position is
lost (an iterator lives 15 minutes, a record 24 hours), reading goes on behind the last record read, or else
with the oldest record there is: repeated rather than missed.
"""

import asyncio
import logging
import random as random_module
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 -- botocore's name

from local.dead_letters import DeadLetters
from local.event_delivery import RETRIES, EventDelivery, LambdaHandler, Record, backoff

if TYPE_CHECKING:
    from types_aiobotocore_dynamodbstreams import DynamoDBStreamsClient
    from types_aiobotocore_dynamodbstreams.type_defs import DescribeStreamInputTypeDef, ShardTypeDef

# Seconds between two reads of an idle shard; 0.25 on AWS.
_POLL_SECONDS = 0.05

# Seconds. A reader that reaches the end of its shard looks for the children at once; this is for children
# that DescribeStream does not list yet at that moment.
_DISCOVERY_INTERVAL = 10.0

_TRANSIENT_CODES = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}

logger = logging.getLogger(__name__)


@dataclass
class _Shard:
    shard_id: str
    iterator: str | None = None
    last_read: str | None = None  # sequence number
    ended: bool = False
    failures: int = 0  # reads in a row that failed


class EventSource:
    """Reads one stream and delivers its records to a handler until cancelled.

    client: aioboto3's `dynamodbstreams` client; the caller closes it.
    stream_arn: the table's LatestStreamArn.
    handler: called with Lambda's event, one batch per shard at a time; cancelled only together with `run`.
    dead_letters: file for the records that were given up, one JSON document a line.
    batch_size: most records of an invocation, at most 1,000:
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
    retries: retries after which failing records are given up.
    function_name: what the handler is called in the log and in the dead letters; default "handler".
    sleep, now_s (seconds since the epoch), random (0 to 1): replaced in tests.
    """

    def __init__(
        self,
        *,
        client: "DynamoDBStreamsClient",
        stream_arn: str,
        handler: LambdaHandler,
        dead_letters: Path,
        batch_size: int = 100,
        retries: int = RETRIES,
        function_name: str = "handler",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = time.time,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._client = client
        self._stream_arn = stream_arn
        self._batch_size = batch_size
        self._sleep = sleep
        self._now_s = now_s
        self._random = random
        self._delivery = EventDelivery(
            handler=handler,
            dead_letters=DeadLetters(dead_letters, stream_arn=stream_arn, function_name=function_name),
            retries=retries,
            sleep=sleep,
            now_s=now_s,
            random=random,
        )
        self._known: set[str] = set()
        self._open: dict[str, _Shard] = {}

    async def start(self) -> None:
        """Note the end of every open shard: what is written after the return will be delivered by `run`.

        Raises what the client raises; nothing is retried here beyond the client's own retries.
        """
        for description in await self._describe():
            shard_id = description["ShardId"]
            self._known.add(shard_id)
            if "EndingSequenceNumber" not in description["SequenceNumberRange"]:
                response = await self._client.get_shard_iterator(
                    StreamArn=self._stream_arn, ShardId=shard_id, ShardIteratorType="LATEST"
                )
                self._open[shard_id] = _Shard(shard_id, response["ShardIterator"])

    async def run(self) -> None:
        """Deliver until cancelled.

        Waits out throttling, server errors and lost connections. Raises an ExceptionGroup of the client's
        other errors (the stream is gone, access is denied) and of an unwritable dead-letter file.
        """
        async with asyncio.TaskGroup() as readers:
            for shard in list(self._open.values()):
                readers.create_task(self._read(shard, readers))
            while True:
                await self._sleep(_DISCOVERY_INTERVAL)
                await self._discover(readers)

    async def _discover(self, readers: asyncio.TaskGroup) -> None:
        try:
            descriptions = await self._describe()
        except (ClientError, ConnectionError, HTTPClientError) as error:
            if not _is_transient(error):
                raise
            logger.warning("Cannot list the shards of %s: %s", self._stream_arn, error)
            return
        listed = {description["ShardId"] for description in descriptions}
        for description in descriptions:
            shard_id, parent = description["ShardId"], description.get("ParentShardId")
            # An unlisted parent was trimmed away, or there is none.
            parent_ended = parent not in self._open and (parent in self._known or parent not in listed)
            if shard_id in self._known or not parent_ended:
                continue
            self._known.add(shard_id)
            self._open[shard_id] = shard = _Shard(shard_id)
            readers.create_task(self._read(shard, readers))

    async def _describe(self) -> "list[ShardTypeDef]":
        shards: list[ShardTypeDef] = []
        request: DescribeStreamInputTypeDef = {"StreamArn": self._stream_arn}
        while True:
            response = await self._client.describe_stream(**request)
            shards += response["StreamDescription"]["Shards"]
            last = response["StreamDescription"].get("LastEvaluatedShardId")
            if last is None:
                return shards
            request["ExclusiveStartShardId"] = last

    async def _read(self, shard: _Shard, readers: asyncio.TaskGroup) -> None:
        while not shard.ended:
            if batch := await self._next_batch(shard):
                await self._delivery.deliver(shard.shard_id, batch)
        del self._open[shard.shard_id]
        await self._discover(readers)

    async def _next_batch(self, shard: _Shard) -> list[Record]:
        """Return what there is to be read, once there is something; nothing when the shard has ended."""
        while not shard.ended:
            if batch := await self._get_records(shard):
                return batch
            if not shard.ended:
                await self._sleep(_POLL_SECONDS)
        return []

    async def _get_records(self, shard: _Shard) -> list[Record]:
        try:
            if shard.iterator is None:
                shard.iterator = await self._iterator_behind_last_read(shard)
            response = await self._client.get_records(ShardIterator=shard.iterator, Limit=self._batch_size)
        except (ClientError, ConnectionError, HTTPClientError) as error:
            await self._recover(shard, error)
            return []
        shard.failures = 0
        shard.iterator = response.get("NextShardIterator")
        shard.ended = shard.iterator is None
        records = [to_lambda_record(record, self._stream_arn) for record in response["Records"]]
        if records:
            shard.last_read = records[-1]["dynamodb"]["SequenceNumber"]
        return records

    async def _iterator_behind_last_read(self, shard: _Shard) -> str:
        if shard.last_read is None:
            response = await self._client.get_shard_iterator(
                StreamArn=self._stream_arn, ShardId=shard.shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            response = await self._client.get_shard_iterator(
                StreamArn=self._stream_arn,
                ShardId=shard.shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                SequenceNumber=shard.last_read,
            )
        return response["ShardIterator"]

    async def _recover(self, shard: _Shard, error: ClientError | ConnectionError | HTTPClientError) -> None:
        code = _code(error)
        if code == "ExpiredIteratorException":
            shard.iterator = None
        elif code == "TrimmedDataAccessException":
            logger.warning("Records of shard %s were trimmed before they were read", shard.shard_id)
            shard.iterator = shard.last_read = None
        elif _is_transient(error):
            shard.failures += 1
            if shard.failures == 1:
                logger.warning("Cannot read shard %s, trying again: %s", shard.shard_id, error)
            await self._sleep(backoff(shard.failures, self._random))
        else:
            raise error


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _is_transient(error: ClientError | ConnectionError | HTTPClientError) -> bool:
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or _code(error) in _TRANSIENT_CODES


def to_lambda_record(record: Mapping[str, Any], stream_arn: str) -> Record:
    """Return a record as botocore's GetRecords parses it, in the form that Lambda gives to a handler.

    Serialisable as JSON: times are numbers of seconds, binary attributes base64 strings.
    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    converted: Record = _to_json({**record, "eventSourceARN": stream_arn})
    if identity := record.get("userIdentity"):
        converted["userIdentity"] = {"principalId": identity["PrincipalId"], "type": identity["Type"]}
    return converted


def _to_json(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _to_json(item) for key, item in value.items()}
        case list():
            return [_to_json(item) for item in value]
        case bytes():
            return b64encode(value).decode("ascii")
        case datetime():
            return value.timestamp()
        case _:
            return value
