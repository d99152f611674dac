"""The DynamoDB client with the names of this deployment's tables, and what every table module shares."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from pydantic import ConfigDict

from game.model import Model
from store.schema import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef

Item = dict[str, Any]

# Limits of the DynamoDB API: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference
BATCH_WRITE_LIMIT = 25

ATTEMPTS = 50

T = TypeVar("T")

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


class Row(Model):
    """A row as read from a table: attributes that a newer release added are passed over."""

    model_config = ConfigDict(extra="ignore")


class ConflictError(Exception):
    """Others kept writing the same rows until our attempts were used up.

    Nothing of a transaction was written; of a batch, the rows that DynamoDB took.
    """


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


async def query_pages(db: Database, request: "QueryInputTypeDef") -> AsyncIterator[list[dict[str, Any]]]:
    """The rows that a Query finds, a page of at most 1 MB at a time; empty pages are passed over."""
    while True:
        answer = await db.client.query(**request)
        if answer["Items"]:
            yield [from_item(item) for item in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


async def backoff(attempt: int, *, base: float = 0.01, cap: float = 0.5) -> None:
    """Sleep a random part of an exponentially growing time: `attempt` counts from 0, seconds.

    Full jitter, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    await asyncio.sleep(random.uniform(0, min(cap, base * 2**attempt)))


async def win(attempt: Callable[[], Awaitable[T]]) -> T:
    """The outcome of a read and a conditional write, attempted until nobody else wrote in between.

    Raises ConflictError after 50 attempts: with one winner a round, that outlasts any number of devices that
    a player can hold.
    """
    for number in range(ATTEMPTS):
        try:
            return await attempt()
        except ClientError as error:
            if not lost_race(error):
                raise
        await backoff(number)
    raise ConflictError(f"others wrote the same rows {ATTEMPTS} times")


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
