"""The dead-letter file: what an event source gave up on, one JSON document a line."""

import json
import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

logger = logging.getLogger(__name__)


class DeadLetters:
    """Appends discarded records of one stream to a file, made with its folder when the first one comes.

    A line is the document that AWS sends to an on-failure destination
    (https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html), with the discarded event as
    `payload`, as in an S3 destination: a line is enough to see what is missing and to deliver it again.

    path: the file; lines are only ever added.
    stream_arn: where the records come from.
    function_name: the handler's name in the documents and in the log.
    """

    def __init__(self, path: Path, *, stream_arn: str, function_name: str) -> None:
        self.path = path
        self.function_name = function_name
        self._stream_arn = stream_arn
        _, partition, _, region, account, *_ = stream_arn.split(":")
        self._function_arn = f"arn:{partition}:lambda:{region}:{account}:function:{function_name}"

    def add(
        self,
        records: Sequence[dict[str, Any]],
        *,
        shard_id: str,
        invocations: int,
        function_error: bool,
        now: float,
    ) -> None:
        """Write one line for the records (at least one, in Lambda's wire form) and report it in the log.

        invocations: how often the handler was given them.
        function_error: the last of these ended in an error, rather than in reported failures.
        now: seconds since the epoch.
        Raises OSError when the file cannot be written.
        """
        first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
        document = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self._function_arn,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": invocations,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"}
            | ({"functionError": "Unhandled"} if function_error else {}),
            "version": "1.0",
            "timestamp": _timestamp(now, "milliseconds"),
            "DDBStreamBatchInfo": {
                "shardId": shard_id,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _timestamp(
                    first["ApproximateCreationDateTime"], "seconds"
                ),
                "approximateArrivalOfLastRecord": _timestamp(last["ApproximateCreationDateTime"], "seconds"),
                "batchSize": len(records),
                "streamArn": self._stream_arn,
            },
            "payload": {"Records": list(records)},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(document) + "\n")
        logger.error(
            "%s gave up on %d records after all retries: they are in %s",
            self.function_name,
            len(records),
            self.path,
        )


def _timestamp(seconds: float, precision: Literal["seconds", "milliseconds"]) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
