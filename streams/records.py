"""What a DynamoDB Streams record of `Scores` tells: that a board may have changed, and where."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from store.database import from_item


class RecordError(Exception):
    """The record is not one of `Scores`."""


class Touch(NamedTuple):
    """A row that was written or removed.

    `score` is its sort key; `achieved_at` (milliseconds) is None unless the row is a new score: another name
    or portrait rewrites it too. `written_at` is the stream's own time, in seconds.
    """

    sequence_number: str
    board: str
    score: str
    achieved_at: int | None
    written_at: float


def sequence_number(record: Mapping[str, Any]) -> str:
    """The record's sequence number, "" where it has none: Lambda then takes the whole batch as failed."""
    try:
        return str(record["dynamodb"]["SequenceNumber"])
    except (KeyError, TypeError):
        return ""


def parse(record: Mapping[str, Any]) -> Touch:
    """The touch that a record tells of. Raises RecordError, which names what is missing."""
    try:
        change = record["dynamodb"]
        keys = from_item(change["Keys"])
        image = from_item(change.get("NewImage") or {})
        return Touch(
            sequence_number=str(change["SequenceNumber"]),
            board=str(keys["gameArea"]),
            score=str(keys["score"]),
            achieved_at=_achieved_at(record, image),
            written_at=float(change["ApproximateCreationDateTime"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"record {sequence_number(record) or '(no number)'}: {error!r}") from error


def _achieved_at(record: Mapping[str, Any], image: Mapping[str, Any]) -> int | None:
    if record.get("eventName") != "INSERT" or "achievedAt" not in image:
        return None
    return int(image["achievedAt"])
