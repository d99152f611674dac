"""The dead-letter file."""

import json
import logging
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamLambdaOnFailureDestinationModel

from local.dead_letters import DeadLetters
from tests.unit.local.fake_streams import EPOCH, STREAM_ARN, wire_record


def _add(path: Path, *, function_error: bool = True) -> None:
    DeadLetters(path, stream_arn=STREAM_ARN, function_name="broadcaster").add(
        [wire_record(1), wire_record(2, created=EPOCH + 5)],
        shard_id="shard-a",
        invocations=4,
        function_error=function_error,
        now=EPOCH + 60.25,
    )


def test_line_is_the_document_of_an_on_failure_destination(tmp_path: Path) -> None:
    _add(tmp_path / "dead.jsonl")
    document = json.loads((tmp_path / "dead.jsonl").read_text())
    DynamoDBStreamLambdaOnFailureDestinationModel.model_validate(document)
    assert document.pop("requestContext") | {"requestId": "any"} == {
        "requestId": "any",
        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:broadcaster",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 4,
    }
    assert document == {
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2027-01-15T08:01:00.250Z",
        "DDBStreamBatchInfo": {
            "shardId": "shard-a",
            "startSequenceNumber": "000000000000000000001",
            "endSequenceNumber": "000000000000000000002",
            "approximateArrivalOfFirstRecord": "2027-01-15T08:00:00Z",
            "approximateArrivalOfLastRecord": "2027-01-15T08:00:05Z",
            "batchSize": 2,
            "streamArn": STREAM_ARN,
        },
        "payload": {"Records": [wire_record(1), wire_record(2, created=EPOCH + 5)]},
    }


def test_reported_failures_are_no_function_error(tmp_path: Path) -> None:
    _add(tmp_path / "dead.jsonl", function_error=False)
    document = json.loads((tmp_path / "dead.jsonl").read_text())
    assert "functionError" not in document["responseContext"]


def test_lines_are_added_to_a_file_made_when_needed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dead.jsonl"
    _add(path)
    _add(path)
    assert [json.loads(line)["version"] for line in path.read_text().splitlines()] == ["1.0", "1.0"]


def test_each_line_is_reported_with_the_path(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _add(tmp_path / "dead.jsonl")
    (report,) = caplog.records
    assert report.levelno == logging.ERROR
    assert str(tmp_path / "dead.jsonl") in report.getMessage()
