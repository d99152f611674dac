"""The DynamoDB client with the names of this deployment's tables, and what every table module shares."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import ConfigDict

from game.model import Model
from store.schema import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

Item = dict[str, Any]

# Limits of the DynamoDB API: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference
BATCH_WRITE_LIMIT = 25

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


class Row(Model):
    """A row as read from a table: attributes that a newer release added are passed over."""

    model_config = ConfigDict(extra="ignore")


class ConflictError(Exception):
    """Others kept writing the same rows until our attempts were used up; nothing of ours was written."""


@dataclass(frozen=True)
class Database:
    """A DynamoDB client, and the prefix that this deployment's tables carry ("" on the laptop)."""

    client: "DynamoDBClient"
    prefix: str = ""

    def name(self, table: Table) -> str:
        """The table's name in this deployment."""
        return self.prefix + table.name


def to_item(values: Mapping[str, Any]) -> Item:
    """Plain Python values as DynamoDB attribute values; None is left out."""
    return {name: _serializer.serialize(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB attribute values as plain Python values; numbers become Decimals."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


async def batch_write(db: Database, table: Table, requests: Sequence[Any]) -> None:
    """Put or delete any number of rows of one table; what DynamoDB leaves unprocessed is sent again.

    Raises ConflictError when some rows are still unprocessed after ten rounds of one chunk.
    """
    name = db.name(table)
    for start in range(0, len(requests), BATCH_WRITE_LIMIT):
        pending = list(requests[start : start + BATCH_WRITE_LIMIT])
        for attempt in range(10):
            answer = await db.client.batch_write_item(RequestItems={name: pending})
            pending = list(answer["UnprocessedItems"].get(name, []))
            if not pending:
                break
            await backoff(attempt)
        else:
            raise ConflictError(f"{len(pending)} rows of {name} stayed unprocessed")


async def backoff(attempt: int, *, base: float = 0.01, cap: float = 0.5) -> None:
    """Sleep a random part of an exponentially growing time: `attempt` counts from 0, seconds.

    Full jitter, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    await asyncio.sleep(random.uniform(0, min(cap, base * 2**attempt)))


def lost_race(error: ClientError) -> bool:
    """Whether a conditional write or transaction failed for what others wrote, and may be tried again."""
    code = error.response.get("Error", {}).get("Code")
    if code == "TransactionCanceledException":
        reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", ())
        return {str(reason.get("Code")) for reason in reasons} <= _RETRYABLE_REASONS
    return code in {"ConditionalCheckFailedException", "TransactionConflictException"}


_RETRYABLE_REASONS = {
    "None",
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}
