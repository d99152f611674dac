"""Reading a stream: order, shards, windows, lost positions, errors."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from types_aiobotocore_dynamodbstreams import DynamoDBStreamsClient

from local.event_source import EventSource, to_lambda_record
from tests.unit.local.fake_streams import EPOCH, STREAM_ARN, FakeStreams, FakeTime, client_error, numbers


class Scene:
    """One event source over fakes; the handler notes what it gets, and fails where told to."""

    def __init__(self, folder: Path, *, page_size: int = 100, **settings: Any) -> None:
        self.time = FakeTime()
        self.streams = FakeStreams(self.time, page_size=page_size)
        self.batches: list[list[int]] = []
        self.times: list[float] = []
        self.failing: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.source = EventSource(
            client=cast("DynamoDBStreamsClient", self.streams),
            stream_arn=STREAM_ARN,
            handler=self._handle,
            dead_letters=folder / "dead.jsonl",
            **settings,
            sleep=self.time.sleep,
            now_s=self.time.clock,
            random=lambda: 1.0,
        )

    @property
    def delivered(self) -> list[int]:
        return [number for batch in self.batches for number in batch]

    async def until_delivered(self, *expected: int) -> None:
        await self.time.until(lambda: set(expected) <= set(self.delivered))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.source.start()
        task = asyncio.create_task(self.source.run())
        try:
            yield
        finally:
            ended = task.done()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert not ended, "run() returned by itself"

    async def _handle(self, event: dict[str, Any]) -> None:
        if self.failing:
            raise self.failing.pop(0)
        self.batches.append(numbers(event))
        self.times.append(self.time.now)
        if self.gate is not None:
            await self.gate.wait()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.streams.open_shard("a")
    return scene


async def test_batches_are_full_and_in_order(tmp_path: Path) -> None:
    scene = Scene(tmp_path, batch_size=4)
    scene.streams.open_shard("a")
    async with scene.running():
        written = scene.streams.put("a", 10)
        await scene.until_delivered(*written)
    assert scene.batches == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


async def test_one_batch_of_a_shard_is_in_flight(scene: Scene) -> None:
    scene.gate = asyncio.Event()
    async with scene.running():
        await scene.until_delivered(*scene.streams.put("a"))
        second = scene.streams.put("a")
        await scene.time.pass_by(100)
        assert scene.batches == [[1]]
        scene.gate.set()
        await scene.until_delivered(*second)


async def test_shards_do_not_wait_for_each_other(scene: Scene) -> None:
    scene.streams.open_shard("b")
    scene.gate = asyncio.Event()
    async with scene.running():
        await scene.until_delivered(*scene.streams.put("a"))
        await scene.until_delivered(*scene.streams.put("b"))


async def test_children_wait_while_their_parent_is_being_delivered(scene: Scene) -> None:
    scene.gate = asyncio.Event()
    async with scene.running():
        scene.streams.put("a")
        scene.streams.close_shard("a")
        scene.streams.open_shard("b", parent="a")
        child = scene.streams.put("b")
        await scene.time.pass_by(60)
        assert scene.delivered == [1]
        scene.gate.set()
        await scene.until_delivered(*child)


async def test_child_of_a_trimmed_parent_is_read(scene: Scene) -> None:
    async with scene.running():
        scene.streams.open_shard("c", parent="gone")
        await scene.until_delivered(*scene.streams.put("c"))


async def test_children_listed_late_are_found(scene: Scene) -> None:
    async with scene.running():
        scene.streams.close_shard("a")
        await scene.time.pass_by(60)
        scene.streams.open_shard("b", parent="a")
        await scene.until_delivered(*scene.streams.put("b"))


async def test_shard_closed_before_the_start_is_not_read(scene: Scene) -> None:
    scene.streams.put("a", 2)
    scene.streams.close_shard("a")
    scene.streams.open_shard("b", parent="a")
    async with scene.running():
        await scene.until_delivered(*scene.streams.put("b"))
        await scene.time.pass_by(60)
    assert scene.delivered == [3]


async def test_every_page_of_shards_is_read(tmp_path: Path) -> None:
    scene = Scene(tmp_path, page_size=2)
    for shard_id in "abcde":
        scene.streams.open_shard(shard_id)
    async with scene.running():
        written = [number for shard_id in "abcde" for number in scene.streams.put(shard_id)]
        await scene.until_delivered(*written)


@pytest.mark.parametrize("read_before", [0, 1])
@pytest.mark.parametrize("expired", [True, False])
async def test_trimmed_position_goes_on_with_the_oldest_record(
    read_before: int, expired: bool, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene.running():
        await scene.until_delivered(*scene.streams.put("a", read_before))
        scene.streams.put("a", 3)
        scene.streams.trim("a", read_before + 1)
        if expired:
            scene.streams.expire_iterators()
        await scene.time.pass_by(1)
    assert scene.delivered == [*range(1, read_before + 1), read_before + 2, read_before + 3]
    if read_before or not expired:
        assert "trimmed" in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        client_error("LimitExceededException"),
        client_error("ThrottlingException"),
        client_error("InternalServerError", 500),
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
        ConnectionClosedError(endpoint_url="http://127.0.0.1"),
    ],
    ids=lambda fault: type(fault).__name__ + str(fault)[-40:],
)
@pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator", "describe_stream"])
async def test_transient_errors_are_waited_out(fault: Exception, operation: str, scene: Scene) -> None:
    async with scene.running():
        await scene.until_delivered(*scene.streams.put("a"))
        scene.streams.expire_iterators()
        scene.streams.faults[operation] += [fault] * 5
        scene.streams.put("a")
        scene.streams.close_shard("a")
        scene.streams.open_shard("b", parent="a")
        await scene.until_delivered(*scene.streams.put("b"))
    assert scene.delivered == [1, 2, 3]


async def test_reads_back_off_while_throttled_and_start_again_after_success(scene: Scene) -> None:
    throttled = client_error("ThrottlingException")
    async with scene.running():
        scene.streams.faults["get_records"] += [throttled] * 5
        await scene.until_delivered(*scene.streams.put("a"))
        scene.streams.faults["get_records"].append(throttled)
        await scene.until_delivered(*scene.streams.put("a"))
    backoffs = [seconds for seconds in scene.time.sleeps if 0.05 < seconds < 10]
    assert backoffs == [0.2, 0.4, 0.8, 1.6, 3.2, 0.2]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
async def test_other_errors_end_the_run(code: str, scene: Scene) -> None:
    await scene.source.start()
    scene.streams.faults["get_records"].append(client_error(code))
    with pytest.raises(ExceptionGroup) as raised:
        await scene.source.run()
    assert code in str(raised.value.exceptions)


def test_record_takes_the_form_that_lambda_gives() -> None:
    parsed = {
        "eventID": "1",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": datetime.fromtimestamp(EPOCH + 0.5, UTC),
            "Keys": {"gameArea": {"S": "forest"}},
            "NewImage": {"raw": {"B": b"\x00\xff"}, "list": {"L": [{"BS": [b"a"]}, {"NULL": True}]}},
            "SequenceNumber": "111",
            "SizeBytes": 26,
            "StreamViewType": "NEW_IMAGE",
        },
        "userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"},
    }
    record = to_lambda_record(parsed, STREAM_ARN)
    DynamoDBStreamModel.model_validate({"Records": [record]})
    assert json.loads(json.dumps(record)) == {
        **parsed,
        "eventSourceARN": STREAM_ARN,
        "dynamodb": {
            "ApproximateCreationDateTime": EPOCH + 0.5,
            "Keys": {"gameArea": {"S": "forest"}},
            "NewImage": {"raw": {"B": "AP8="}, "list": {"L": [{"BS": ["YQ=="]}, {"NULL": True}]}},
            "SequenceNumber": "111",
            "SizeBytes": 26,
            "StreamViewType": "NEW_IMAGE",
        },
        "userIdentity": {"principalId": "dynamodb.amazonaws.com", "type": "Service"},
    }


_STEPS = st.lists(
    st.sampled_from(["put", "expire", "throttle", "disconnect", "fail", "split", "wait"]), max_size=30
)


@settings(deadline=None, max_examples=300)
@given(steps=_STEPS, batch_size=st.integers(1, 4))
def test_nothing_is_lost_repeated_or_reordered(steps: list[str], batch_size: int) -> None:
    async def play(scene: Scene) -> None:
        streams = scene.streams
        streams.open_shard("0")
        written: list[int] = []
        async with scene.running():
            for step in steps:
                last = str(len(streams.shards) - 1)
                match step:
                    case "put":
                        written += streams.put(last, 3)
                    case "expire":
                        streams.expire_iterators()
                    case "throttle":
                        streams.faults["get_records"].append(client_error("ThrottlingException"))
                        streams.faults["describe_stream"].append(client_error("ThrottlingException"))
                    case "disconnect":
                        streams.faults["get_shard_iterator"].append(ConnectionClosedError(endpoint_url=""))
                    case "fail":
                        scene.failing.append(ValueError("boom"))
                    case "split":
                        streams.close_shard(last)
                        streams.open_shard(str(len(streams.shards)), parent=last)
                    case "wait":
                        await scene.time.pass_by(0.7)
            await scene.until_delivered(*written)
        assert scene.delivered == written

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Scene(Path(folder), batch_size=batch_size, retries=1_000)))
