"""Records of the stream of `Scores`: each tells that a board may have changed, and where."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from game.board import Milliseconds
from store.database import from_item


class RecordError(Exception):
    """The record is not one of `Scores`."""


class Touch(NamedTuple):
    """A row that was written or removed.

    `achieved_at` (milliseconds) is None unless the row is a new score: another name
    or portrait rewrites it too. `written_at` is the stream's own time, in seconds.
    """

    sequence_number: str
    board: str
    sort_key: str
    achieved_at: int | None
    written_at: float


def _sequence_number(record: Mapping[str, Any]) -> str:
    try:
        return str(record["dynamodb"]["SequenceNumber"])
    except (KeyError, TypeError):
        return "(no number)"


def parse(record: Mapping[str, Any]) -> Touch:
    """Return the touch that a record tells of; what the row holds besides its key need not be readable.

    Raises RecordError, which names what is missing.
    """
    try:
        change = record["dynamodb"]
        keys = from_item(change["Keys"])
        return Touch(
            sequence_number=str(change["SequenceNumber"]),
            board=str(keys["gameArea"]),
            sort_key=str(keys["score"]),
            achieved_at=_achieved_at(record),
            written_at=float(change["ApproximateCreationDateTime"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise RecordError(f"record {_sequence_number(record)} cannot be read: {error!r}") from error


def is_expiry(record: Mapping[str, Any]) -> bool:
    """Return whether DynamoDB removed the row because its time was over: no reader has seen it since.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
    """
    identity = record.get("userIdentity") or {}
    return bool(identity.get("principalId") == "dynamodb.amazonaws.com")


def _achieved_at(record: Mapping[str, Any]) -> int | None:
    if record.get("eventName") != "INSERT":
        return None
    try:
        return _moment.validate_python(int(record["dynamodb"]["NewImage"]["achievedAt"]["N"]))
    except (KeyError, TypeError, ValueError):
        return None


_moment = TypeAdapter(Milliseconds)


def batch_response(sequence_numbers: Iterable[str]) -> dict[str, Any]:
    """Return the answer to a batch, which names the records to be given again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sequence_numbers]}
