"""A DynamoDB in memory for the tables of ranks: it counts requests and units as DynamoDB does.

It knows the requests that ranks are kept and looked up with, and no others. Rows of `Scores` are their sort
keys alone, so that there can be ten million of them. A test can let others have their turn, or let a request
fail, at each one (`around`).
"""

import re
from bisect import bisect_left, insort
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from botocore.exceptions import ClientError

from store.database import Item
from store.schema import RANKS, SCORES

ROW_BYTES = 230
"""A row of `Scores` with a name, a portrait and no metadata, about."""

_CONDITION = re.compile(r"score (<|<=|>|>=|BETWEEN) (:\w+)(?: AND (:\w+))?$")


class Keys:
    """Sort keys, ascending: given ones, less those that were removed, and those that were added."""

    def __init__(self, given: Sequence[str] = ()) -> None:
        self._given = given
        self._added: list[str] = []
        self._removed: list[str] = []

    def add(self, key: str) -> None:
        """Add a key; once is enough."""
        if key in self._removed:
            self._removed.remove(key)
        elif not self._has(self._given, key) and not self._has(self._added, key):
            insort(self._added, key)

    def remove(self, key: str) -> None:
        """Remove a key that may be there."""
        if self._has(self._added, key):
            self._added.remove(key)
        elif self._has(self._given, key) and key not in self._removed:
            insort(self._removed, key)

    def before(self, key: str) -> int:
        """Return the number of keys before one."""
        return bisect_left(self._given, key) + bisect_left(self._added, key) - bisect_left(self._removed, key)

    def between(self, lo: str, hi: str, limit: int) -> list[str]:
        """Return up to `limit` keys from `lo` on and before `hi`."""
        first, last = bisect_left(self._removed, lo), bisect_left(self._removed, hi)
        removed = set(self._removed[first:last])
        start, end = bisect_left(self._given, lo), bisect_left(self._given, hi)
        given = self._given[start : min(end, start + limit + len(removed))]
        added = self._added[bisect_left(self._added, lo) : bisect_left(self._added, hi)][:limit]
        return sorted([*(key for key in given if key not in removed), *added])[:limit]

    def __len__(self) -> int:
        return len(self._given) + len(self._added) - len(self._removed)

    def _has(self, keys: Sequence[str], key: str) -> bool:
        place = bisect_left(keys, key)
        return place < len(keys) and keys[place] == key


@dataclass
class Usage:
    """Requests and units so far."""

    requests: int = 0
    read: float = 0.0
    write: float = 0.0

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(self.requests - other.requests, self.read - other.read, self.write - other.write)

    def copy(self) -> "Usage":
        """Return what it is now."""
        return Usage(self.requests, self.read, self.write)


Around = Callable[[str, Callable[[], Any]], Awaitable[Any]]
"""Given a request's name and what answers it: returns the answer, at once or later, or raises."""


async def _at_once(_: str, answer: Callable[[], Any]) -> Any:
    return answer()


@dataclass
class MemoryDynamo:
    """The client.

    row_bytes: of each row of `Scores`.
    page_rows: the rows that a COUNT without a limit looks at in one request; all of them by default.
    metered: whether it counts units.
    """

    around: Around = _at_once
    metered: bool = True
    row_bytes: int = ROW_BYTES
    page_rows: int | None = None
    rows: dict[str, Keys] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    nodes: dict[tuple[str, str], Item] = field(default_factory=dict)
    used: Usage = field(default_factory=Usage)

    async def get_item(self, **request: Any) -> Any:
        """Answer GetItem."""
        return await self.around("GetItem", lambda: self._get(request["Key"]))

    async def batch_get_item(self, **request: Any) -> Any:
        """Answer BatchGetItem."""
        ((name, wanted),) = request["RequestItems"].items()
        assert wanted["ConsistentRead"]

        def answer() -> Any:
            self.used.requests -= len(wanted["Keys"]) - 1
            found = [self._get(key).get("Item") for key in wanted["Keys"]]
            return {"Responses": {name: [item for item in found if item]}, "UnprocessedKeys": {}}

        return await self.around("BatchGetItem", answer)

    async def put_item(self, **request: Any) -> Any:
        """Answer PutItem."""
        return await self.around("PutItem", lambda: self._write([request], 1))

    async def transact_write_items(self, **request: Any) -> Any:
        """Answer TransactWriteItems of puts."""
        puts = [one["Put"] for one in request["TransactItems"]]
        return await self.around("TransactWriteItems", lambda: self._write(puts, 2))

    async def delete_item(self, **request: Any) -> Any:
        """Answer DeleteItem."""

        def answer() -> Any:
            self._uses(write=1)
            self.nodes.pop(_place(request["Key"]), None)
            return {}

        return await self.around("DeleteItem", answer)

    async def query(self, **request: Any) -> Any:
        """Answer Query of a board's rows."""
        return await self.around("Query", lambda: self._query(request))

    def put_rows(self, board: str, keys: Iterable[str]) -> None:
        """Write rows of `Scores`."""
        held = self.rows.setdefault(board, Keys())
        for key in keys:
            held.add(key)

    def delete_rows(self, board: str, keys: Iterable[str]) -> None:
        """Delete rows of `Scores`."""
        held = self.rows.setdefault(board, Keys())
        for key in keys:
            held.remove(key)

    def _get(self, key: Item) -> Any:
        item = self.nodes.get(_place(key))
        self._uses(read=ceil(max(1, self._bytes(item)) / 4096))
        return {"Item": item} if item else {}

    def _write(self, puts: Sequence[Any], price: int) -> Any:
        items = [one["Item"] for one in puts]
        sizes = [max(self._bytes(item), self._bytes(self.nodes.get(_place(item)))) for item in items]
        # What fails its condition costs as much.
        self._uses(write=price * sum(ceil(size / 1024) for size in sizes))
        failed = [not self._holds(one) for one in puts]
        if any(failed):
            code = "TransactionCanceledException" if price > 1 else "ConditionalCheckFailedException"
            raise refused(code, ["ConditionalCheckFailed" if one else "None" for one in failed])
        for one in puts:
            assert one["TableName"].endswith(RANKS.name)
            self.nodes[_place(one["Item"])] = one["Item"]
        return {}

    def _holds(self, put: Any) -> bool:
        held = self.nodes.get(_place(put["Item"]), {}).get("revision")
        match put.get("ConditionExpression"):
            case None:
                return True
            case "attribute_not_exists(revision)":
                return held is None
            case "revision = :revision":
                return bool(held == put["ExpressionAttributeValues"][":revision"])
            case other:
                raise NotImplementedError(other)

    def _query(self, request: Any) -> Any:
        assert request["TableName"].endswith(SCORES.name)
        assert request["ConsistentRead"]
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        keys = self.rows.setdefault(values[":board"], Keys())
        lo, hi = _bounds(request["KeyConditionExpression"], values)
        if start := request.get("ExclusiveStartKey"):
            lo = max(lo, start["score"]["S"] + "\0")
        counting = request.get("Select") == "COUNT"
        limit = request.get("Limit") or (self.page_rows if counting else None)
        found = max(0, keys.before(hi) - keys.before(lo))
        seen = found if limit is None else min(found, limit)
        units = max(1, ceil(seen * self.row_bytes / 4096))
        self._uses(read=units)
        last = keys.between(lo, hi, seen) if not counting or limit is not None or self.unreadable else []
        unreadable = len(self.unreadable.intersection(last)) if self.unreadable else 0
        answer: dict[str, Any] = {
            "Count": seen - (unreadable if "FilterExpression" in request else 0),
            "ScannedCount": seen,
            "ConsumedCapacity": {"CapacityUnits": float(units)},
        }
        if not counting:
            answer["Items"] = [{"score": {"S": key}} for key in last]
        # As DynamoDB, which does not look whether there is more.
        if limit is not None and seen == limit:
            answer["LastEvaluatedKey"] = {"gameArea": {"S": values[":board"]}, "score": {"S": last[-1]}}
        return answer

    def _bytes(self, item: Item | None) -> int:
        return item_bytes(item) if item and self.metered else 0

    def _uses(self, *, read: float = 0, write: float = 0) -> None:
        self.used.requests += 1
        self.used.read += read
        self.used.write += write


def refused(code: str, reasons: Sequence[str] = ()) -> ClientError:
    """Return the error of the SDK for a request that DynamoDB refused."""
    answer: Any = {
        "Error": {"Code": code, "Message": "refused"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(answer, "a request")


def item_bytes(item: Item) -> int:
    """Return the size of an item.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    ((kind, content),) = value.items()
    if kind == "BOOL":
        return 1
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = len(content.strip("-"))
        return int((digits + 1) // 2 + 1 + content.startswith("-"))
    assert kind == "L", kind
    return 3 + sum(1 + _value_bytes(one) for one in content)


def _place(item: Item) -> tuple[str, str]:
    return item["board"]["S"], item["node"]["S"]


def _bounds(condition: str, values: dict[str, str]) -> tuple[str, str]:
    """Return the first key that meets a condition, and the first behind."""
    _, _, rest = condition.partition(" AND ")
    if not rest:
        return "", "\U0010ffff" * 2
    found = _CONDITION.match(rest)
    assert found, condition
    operator, first, second = found.groups()
    text = values[first]
    match operator:
        case "<":
            return "", text
        case "<=":
            return "", text + "\0"
        case ">":
            return text + "\0", "\U0010ffff" * 2
        case ">=":
            return text, "\U0010ffff" * 2
    assert text <= values[second], "BETWEEN: the upper bound is below the lower one"
    return text, values[second] + "\0"
