"""DynamoDB Streams and time in memory, for the event source's tests."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/Scores/stream/2026-01-01T00:00:00.000"
EPOCH = 1_800_000_000.0


def client_error(code: str, status: int = 400) -> ClientError:
    """Return what botocore raises for an error response."""
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetRecords")


def wire_record(number: int, *, created: float = EPOCH) -> dict[str, Any]:
    """Return a record in Lambda's form whose sequence number is the number, zero-padded."""
    return {
        "eventID": f"event-{number}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": STREAM_ARN,
        "dynamodb": {
            "ApproximateCreationDateTime": created,
            "Keys": {"gameArea": {"S": "forest"}},
            "SequenceNumber": f"{number:021d}",
            "SizeBytes": 10,
            "StreamViewType": "NEW_IMAGE",
        },
    }


def numbers(event: dict[str, Any]) -> list[int]:
    """Return the numbers of an event's records, as given to `wire_record`."""
    return [int(record["dynamodb"]["SequenceNumber"]) for record in event["Records"]]


class FakeTime:
    """Time that passes only while everybody sleeps."""

    def __init__(self) -> None:
        self.now = EPOCH
        self.sleeps: list[float] = []
        self._order = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._order, wake))
        await wake

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let time pass until it holds; fails when it does not within 10,000 awakenings."""
        for _ in range(10_000):
            await self._settle()
            if holds():
                return
            self.now, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
        raise AssertionError("it never came to hold")

    async def pass_by(self, seconds: float) -> None:
        """Let `seconds` pass."""
        end = self.now + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.now, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
            await self._settle()
        self.now = end

    async def _settle(self) -> None:
        # Nothing here waits for the outside, so a few turns of the loop bring every task to its next sleep.
        for _ in range(30):
            await asyncio.sleep(0)


@dataclass
class _FakeShard:
    parent: str | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    trimmed: int = 0
    closed: bool = False


class FakeStreams:
    """The part of the `dynamodbstreams` client that the event source uses, over one stream.

    `faults` are raised, one a call, by the operation they are queued for.
    """

    def __init__(self, time: FakeTime, *, page_size: int = 100) -> None:
        self.shards: dict[str, _FakeShard] = {}
        self.faults: dict[str, deque[Exception]] = {
            name: deque() for name in ("describe_stream", "get_shard_iterator", "get_records")
        }
        self.limits: list[int] = []
        self._time = time
        self._page_size = page_size
        self._generation = 0
        self._next_number = 1

    def open_shard(self, shard_id: str, *, parent: str | None = None) -> None:
        self.shards[shard_id] = _FakeShard(parent=parent)

    def close_shard(self, shard_id: str) -> None:
        self.shards[shard_id].closed = True

    def trim(self, shard_id: str, count: int) -> None:
        """Drop the oldest records."""
        self.shards[shard_id].trimmed += count

    def expire_iterators(self) -> None:
        self._generation += 1

    def put(self, shard_id: str, count: int = 1) -> list[int]:
        """Write records, and return their numbers."""
        written = list(range(self._next_number, self._next_number + count))
        self._next_number += count
        for number in written:
            record = wire_record(number)
            del record["eventSourceARN"]
            record["dynamodb"]["ApproximateCreationDateTime"] = datetime.fromtimestamp(self._time.now, UTC)
            self.shards[shard_id].records.append(record)
        return written

    async def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803
        self._fail("describe_stream")
        assert StreamArn == STREAM_ARN
        ids = list(self.shards)
        begin = ids.index(ExclusiveStartShardId) + 1 if ExclusiveStartShardId else 0
        page = ids[begin : begin + self._page_size]
        description: dict[str, Any] = {"Shards": [self._describe_shard(shard_id) for shard_id in page]}
        if begin + len(page) < len(ids):
            description["LastEvaluatedShardId"] = page[-1]
        return {"StreamDescription": description}

    def _describe_shard(self, shard_id: str) -> dict[str, Any]:
        shard = self.shards[shard_id]
        numbers_range = {"StartingSequenceNumber": "0"} | (
            {"EndingSequenceNumber": "9"} if shard.closed else {}
        )
        parent = {"ParentShardId": shard.parent} if shard.parent else {}
        return {"ShardId": shard_id, "SequenceNumberRange": numbers_range, **parent}

    async def get_shard_iterator(
        self,
        *,
        StreamArn: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        SequenceNumber: str = "",  # noqa: N803
    ) -> dict[str, str]:
        self._fail("get_shard_iterator")
        assert StreamArn == STREAM_ARN
        shard = self.shards[ShardId]
        if ShardIteratorType == "LATEST":
            position = len(shard.records)
        elif ShardIteratorType == "TRIM_HORIZON":
            position = shard.trimmed
        else:
            assert ShardIteratorType == "AFTER_SEQUENCE_NUMBER"
            live = [record["dynamodb"]["SequenceNumber"] for record in shard.records]
            position = live.index(SequenceNumber) + 1
            if position <= shard.trimmed:
                raise client_error("TrimmedDataAccessException")
        return {"ShardIterator": f"{ShardId} {position} {self._generation}"}

    async def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        self._fail("get_records")
        self.limits.append(Limit)
        shard_id, position, generation = ShardIterator.split()
        shard, begin = self.shards[shard_id], int(position)
        if int(generation) != self._generation:
            raise client_error("ExpiredIteratorException")
        if begin < shard.trimmed:
            raise client_error("TrimmedDataAccessException")
        page = shard.records[begin : begin + Limit]
        end = begin + len(page)
        if shard.closed and end == len(shard.records):
            return {"Records": page}
        return {"Records": page, "NextShardIterator": f"{shard_id} {end} {generation}"}

    def _fail(self, operation: str) -> None:
        if self.faults[operation]:
            raise self.faults[operation].popleft()
