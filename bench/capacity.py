"""What the requests of a DynamoDB client cost: as the engine reports it, and as DynamoDB counts reads.

The emulator counts writes as DynamoDB does: by the bytes of a row before and after, twice in a transaction,
and by the rows of indexes. Its reads are a unit a request, or a row of a transaction, however many bytes are
read: a Query of a whole board would look like one of its first row. So reads are counted once more here, from
the rows that were read:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cost.database_calls import read_units
from store.database import Item

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

_READS = frozenset({"BatchGetItem", "GetItem", "Query", "TransactGetItems"})
_WRITES = frozenset({"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"})


class UncountedError(Exception):
    """A request whose cost is not known here."""


@dataclass(frozen=True)
class Cost:
    """What some requests came to; the units of `reported_reads` and `writes` are the engine's own."""

    requests: float = 0
    reported_reads: float = 0
    reads: float = 0
    writes: float = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Cost)))

    def each(self, count: int) -> "Cost":
        """The mean of so many."""
        return Cost(*(getattr(self, one.name) / count for one in fields(Cost)))


class Meter:
    """Counts what a client asks for from now on. `plain` is one of the same tables that nobody counts."""

    def __init__(self, client: "DynamoDBClient", plain: "DynamoDBClient") -> None:
        self._plain = plain
        self._cost = Cost()
        events: Any = client.meta.events  # the types know nothing of handlers that return something
        events.register("provide-client-params.dynamodb", self._ask)
        events.register("after-call.dynamodb", self._note)

    def take(self) -> Cost:
        """What it all came to since the last time."""
        cost, self._cost = self._cost, Cost()
        return cost

    def _ask(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> dict[str, Any]:
        context["asked"] = params
        return params | {"ReturnConsumedCapacity": "TOTAL"}

    async def _note(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        reported = parsed.get("ConsumedCapacity", [])
        units = sum(one["CapacityUnits"] for one in (reported if isinstance(reported, list) else [reported]))
        if model.name in _WRITES:
            self._cost += Cost(requests=1, writes=units)
        elif model.name in _READS:
            reads = await self._reads(model.name, context["asked"], parsed)
            self._cost += Cost(requests=1, reported_reads=units, reads=reads)
        else:
            raise UncountedError(model.name)

    async def _reads(self, operation: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
        if "Error" in answer:
            return 0
        if operation == "Query":
            return _query_units(asked, await self._rows(asked, answer))
        if operation == "TransactGetItems":
            return 2 * sum(read_units(item_size(one.get("Item", {}))) for one in answer["Responses"])
        if operation == "BatchGetItem":
            return sum(
                _rate(asked["RequestItems"][table]) * sum(read_units(item_size(row)) for row in rows)
                for table, rows in answer["Responses"].items()
            )
        return _rate(asked) * read_units(item_size(answer.get("Item", {})))

    async def _rows(self, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterable[Item]:
        """The rows that a Query read, whole: a projection saves no units."""
        if "ProjectionExpression" not in asked and asked.get("Select") != "COUNT":
            rows: list[Item] = answer["Items"]
        else:
            kept = {
                name: value for name, value in asked.items() if name not in ("ProjectionExpression", "Select")
            }
            rows = (await self._plain.query(**kept))["Items"]
        if answer["ScannedCount"] != len(rows):
            raise UncountedError("a Query that passes rows over")
        return rows


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes of an item, which is in DynamoDB's own format, as DynamoDB counts them.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            # "approximately (1 byte per two significant digits) + (1 byte)", and one for a sign.
            sign, digits, _ = Decimal(content).normalize().as_tuple()
            return (len(digits) + 1) // 2 + 1 + sign
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(one) for one in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(one) for name, one in content.items())
    raise UncountedError(f"a value of type {kind}")


def _query_units(asked: Mapping[str, Any], rows: Iterable[Item]) -> float:
    return _rate(asked) * read_units(sum(item_size(row) for row in rows))


def _rate(asked: Mapping[str, Any]) -> float:
    return 1.0 if asked.get("ConsistentRead") else 0.5
