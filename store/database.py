"""The DynamoDB client with the names of this deployment's tables, and what every table module shares."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import aioboto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from pydantic import BeforeValidator, ConfigDict, ValidationError

from game.model import Model
from runtime.sdk import SDK_CONFIG, THROTTLED_ATTEMPTS, THROTTLED_WAIT, hasten_throttled
from store.client import translating
from store.damage_log import DamageLog
from store.errors import ConflictError, RequestError, RowError, ThrottledError, lost_race, throttled
from store.schema import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef

Item = dict[str, Any]

# Limits of the DynamoDB API: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference
BATCH_WRITE_LIMIT = 25
BATCH_GET_LIMIT = 100

ATTEMPTS = 50
"""How often a race that was lost is run again."""
PATIENT_ATTEMPTS = 24
"""The same for an operator's command, which no player waits for: about 10 seconds for one batch."""

_FAULT_LIMIT = 500
"""Characters of what is said about a damaged row."""

T = TypeVar("T")
RowT = TypeVar("RowT", bound=Model)

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise ValueError("must be stored as a number")
    return value


StoredNumber = Annotated[T, BeforeValidator(_number)]
"""An integer of a row that DynamoDB, too, has to know as a number."""


class Row(Model):
    """A row as read from a table: attributes that a newer release added are passed over."""

    model_config = ConfigDict(extra="ignore")


class RevisedRow(Row):
    """A row whose writers replace its random `revision`, on condition that it still is as it was read."""

    revision: str | None = None


@dataclass(frozen=True)
class Database:
    """A DynamoDB client, and the prefix that this deployment's tables carry ("" on the laptop)."""

    client: "DynamoDBClient"
    prefix: str = ""
    run: str | None = None
    """Names this run of the laptop's backend: boards that another run published count as never published.

    None on AWS, where functions come and go, and what one of them published holds for the others.
    """
    damage: DamageLog = field(default_factory=DamageLog, compare=False, repr=False)
    """Where damaged rows are named that are left out of what is read."""

    def __post_init__(self) -> None:
        """Let the client fail with errors of the store's own."""
        object.__setattr__(self, "client", translating(self.client))

    def name(self, table: Table) -> str:
        """Return the table's name in this deployment."""
        return self.prefix + table.name


@asynccontextmanager
async def open_database(
    session: aioboto3.Session, prefix: str = "", run: str | None = None
) -> AsyncIterator[Database]:
    """Open the tables of a deployment; endpoint, Region and credentials are the SDK's own settings."""
    async with session.client("dynamodb", config=SDK_CONFIG) as client:
        hasten_throttled(client)
        yield Database(client, prefix, run)


def to_item(values: Mapping[str, Any]) -> Item:
    """Return plain Python values as DynamoDB attribute values; None is left out."""
    return {name: _serializer.serialize(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return DynamoDB attribute values as plain Python values; numbers become Decimals."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def as_read(row: RevisedRow | None, key: str) -> dict[str, Any]:
    """Return the condition of a write that a row still is as it was read.

    row: None where there was none; one without a revision was written by another hand. `key` is an attribute
    of the row's key.
    """
    if row is None:
        return {"ConditionExpression": f"attribute_not_exists({key})"}
    if row.revision is None:
        return {"ConditionExpression": f"attribute_exists({key}) AND attribute_not_exists(revision)"}
    return {
        "ConditionExpression": "revision = :read",
        "ExpressionAttributeValues": to_item({":read": row.revision}),
    }


def parse_row(
    model: type[RowT], table: Table, item: Mapping[str, Any], **changed: Callable[[Any], Any]
) -> RowT:
    """Return the row behind a DynamoDB item.

    `changed` has a function for each attribute, by name, that is stored in another form. Raises RowError.
    """
    try:
        values = from_item(item)
        changes = {name: change(values.get(name)) for name, change in changed.items()}
        return model.model_validate(values | changes)
    # A number may have more digits than a Decimal of DynamoDB's, a JSON text more levels than Python.
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise row_error(table, item, error) from error


def row_error(table: Table, item: Mapping[str, Any], error: Exception | str) -> RowError:
    """Return the error that names a row and says what is wrong with it; no attribute's value is in it."""
    key = {name: next(iter(item[name].values()), None) for name in table.keys if name in item}
    return RowError(f"{table.name} cannot be read, at {key}", _fault(error))


def _fault(error: Exception | str) -> str:
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)[:_FAULT_LIMIT]
    return (error if isinstance(error, str) else repr(error))[:_FAULT_LIMIT]


async def batch_write(
    db: Database, table: Table, requests: Sequence[Any], *, attempts: int = THROTTLED_ATTEMPTS
) -> None:
    """Put or delete any number of rows of one table; what DynamoDB leaves unprocessed is sent again.

    Raises ThrottledError when some rows are still unprocessed after `attempts` rounds of one chunk.
    """
    name = db.name(table)
    for start in range(0, len(requests), BATCH_WRITE_LIMIT):
        pending = list(requests[start : start + BATCH_WRITE_LIMIT])
        for attempt in range(1, attempts + 1):
            answer = await db.client.batch_write_item(RequestItems={name: pending})
            pending = list(answer["UnprocessedItems"].get(name, []))
            if not pending:
                break
            if attempt == attempts:
                raise ThrottledError(f"{len(pending)} rows of {name} stayed unprocessed")
            await backoff(attempt - 1, base=THROTTLED_WAIT)


async def batch_get(
    db: Database, keys: Mapping[Table, Sequence[Item]], *, consistent: bool = True
) -> dict[Table, list[Item]]:
    """Return the rows of these keys that exist, in no order; at most BATCH_GET_LIMIT keys in all.

    Without `consistent` they may be a second old, and cost half. What DynamoDB leaves unprocessed is asked
    for again. Raises ThrottledError when some keys are still unprocessed after THROTTLED_ATTEMPTS rounds.
    """
    tables = {db.name(table): table for table in keys}
    found: dict[Table, list[Item]] = {table: [] for table in keys}
    pending: dict[str, Any] = {
        name: {"Keys": list(keys[table]), "ConsistentRead": consistent} for name, table in tables.items()
    }
    for attempt in range(1, THROTTLED_ATTEMPTS + 1):
        answer = await db.client.batch_get_item(RequestItems=pending)
        for name, items in answer["Responses"].items():
            found[tables[name]] += items
        pending = dict(answer["UnprocessedKeys"])
        if not pending:
            return found
        if attempt < THROTTLED_ATTEMPTS:
            await backoff(attempt - 1, base=THROTTLED_WAIT)
    raise ThrottledError(f"rows of {', '.join(pending)} stayed unprocessed")


def partition(db: Database, table: Table, key: str) -> AsyncIterator[list[Item]]:
    """Yield the rows of a partition key, read consistently, in the pages of `item_pages`."""
    request: QueryInputTypeDef = {
        "TableName": db.name(table),
        "ConsistentRead": True,
        "KeyConditionExpression": f"{table.partition_key} = :key",
        "ExpressionAttributeValues": to_item({":key": key}),
    }
    return item_pages(db, request)


async def delete_partition(db: Database, table: Table, key: str) -> None:
    """Delete the rows of a partition key, until a consistent Query finds none."""
    while True:
        found = [item async for page in partition(db, table, key) for item in page]
        if not found:
            return
        keys = [{name: item[name] for name in table.keys} for item in found]
        await batch_write(db, table, [{"DeleteRequest": {"Key": one}} for one in keys])


async def query_pages(db: Database, request: "QueryInputTypeDef") -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the rows that a Query finds as plain Python values, in the pages of `item_pages`."""
    async for page in item_pages(db, request):
        yield [from_item(item) for item in page]


async def item_pages(db: Database, request: "QueryInputTypeDef") -> AsyncIterator[list[Item]]:
    """Yield the rows that a Query finds, a page of at most 1 MB at a time; empty pages are passed over."""
    while True:
        answer = await db.client.query(**request)
        if answer["Items"]:
            yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


async def backoff(attempt: int, *, base: float = 0.01, cap: float = 0.5) -> None:
    """Sleep a random part of an exponentially growing time: `attempt` counts from 0, seconds.

    Full jitter, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    await asyncio.sleep(random.uniform(0, min(cap, base * 2**attempt)))


async def retry_on_conflict(attempt: Callable[[], Awaitable[T]], *, patience: int = THROTTLED_ATTEMPTS) -> T:
    """Run a read and a conditional write until no concurrent writer interferes; return the outcome.

    Raises ConflictError after 50 attempts: with one winner per round, that outlasts any number of devices
    that a player can hold. Raises ThrottledError after `patience` transactions that were throttled, or at
    once for a single request that was: the client has sent that four times (`runtime.sdk`).
    """
    throttled_attempts = 0
    for number in range(ATTEMPTS):
        try:
            return await attempt()
        except RequestError as error:
            if lost_race(error):
                await backoff(number)
                continue
            if not throttled(error):
                raise
            throttled_attempts += 1
            if not error.cancelled or throttled_attempts == patience:
                raise ThrottledError(str(error)) from error
        await backoff(throttled_attempts - 1, base=THROTTLED_WAIT)
    raise ConflictError(f"others wrote the same rows {ATTEMPTS} times")
