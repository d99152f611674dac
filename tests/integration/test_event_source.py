"""The event source on the emulator's stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aioboto3
import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel
from types_aiobotocore_dynamodb import DynamoDBClient
from types_aiobotocore_dynamodbstreams import DynamoDBStreamsClient

from local.event_source import EventSource
from tests.support.waiting import patience


class Stream(NamedTuple):
    arn: str
    table: DynamoDBClient
    client: DynamoDBStreamsClient

    async def put(self, *points: int) -> None:
        for number in points:
            await self.table.put_item(
                TableName="Scores",
                Item={"gameArea": {"S": "forest"}, "score": {"S": f"{number:03d}"}, "raw": {"B": b"\xff"}},
            )


@pytest.fixture
async def stream(aws_environment: str) -> AsyncIterator[Stream]:
    session = aioboto3.Session()
    async with session.client("dynamodb") as table, session.client("dynamodbstreams") as client:
        response = await table.create_table(
            TableName="Scores",
            KeySchema=[
                {"AttributeName": "gameArea", "KeyType": "HASH"},
                {"AttributeName": "score", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "gameArea", "AttributeType": "S"},
                {"AttributeName": "score", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        yield Stream(response["TableDescription"]["LatestStreamArn"], table, client)


class Recorder:
    """A handler that notes the points it got, and fails for a point as often as told."""

    def __init__(self, *, failures: dict[int, int] | None = None) -> None:
        self.accepted: asyncio.Queue[int] = asyncio.Queue()
        self.events: list[dict[str, Any]] = []
        self._failures = failures or {}

    async def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        for record in event["Records"]:
            points = int(record["dynamodb"]["Keys"]["score"]["S"])
            if self._failures.get(points, 0):
                self._failures[points] -= 1
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
            self.accepted.put_nowait(points)
        return {"batchItemFailures": []}

    async def take(self, count: int) -> list[int]:
        async with patience():
            return [await self.accepted.get() for _ in range(count)]


def _source(stream: Stream, recorder: Recorder, folder: Path, **settings: Any) -> EventSource:
    return EventSource(
        client=stream.client,
        stream_arn=stream.arn,
        handler=recorder,
        dead_letters=folder / "dead.jsonl",
        **settings,
        random=lambda: 0.0,
    )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_records_written_after_the_start_arrive_in_order(stream: Stream, tmp_path: Path) -> None:
    recorder = Recorder()
    source = _source(stream, recorder, tmp_path, batch_size=3)
    await stream.put(1)
    await source.start()
    await stream.put(2)
    task = asyncio.create_task(source.run())
    await stream.put(*range(3, 20))
    assert await recorder.take(18) == list(range(2, 20))
    await _cancel(task)
    assert max(len(event["Records"]) for event in recorder.events) <= 3
    for event in recorder.events:
        DynamoDBStreamModel.model_validate(event)
    record = recorder.events[0]["Records"][0]
    assert record["eventSourceARN"] == stream.arn
    assert record["dynamodb"]["NewImage"]["raw"] == {"B": "/w=="}


async def test_bad_record_goes_to_the_dead_letters_and_the_rest_arrives(
    stream: Stream, tmp_path: Path
) -> None:
    recorder = Recorder(failures={2: 99})
    source = _source(stream, recorder, tmp_path, batch_size=1, retries=2)
    await source.start()
    await stream.put(1, 2, 3)
    task = asyncio.create_task(source.run())
    assert await recorder.take(2) == [1, 3]
    await _cancel(task)
    (document,) = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_text().splitlines()]
    (record,) = document["payload"]["Records"]
    assert record["dynamodb"]["Keys"]["score"] == {"S": "002"}
    assert document["requestContext"]["approximateInvokeCount"] == 3


async def test_missing_stream_fails_the_start(stream: Stream, tmp_path: Path) -> None:
    missing = stream._replace(arn=stream.arn.replace("Scores", "Others"))
    with pytest.raises(stream.client.exceptions.ResourceNotFoundException):
        await _source(missing, Recorder(), tmp_path).start()
