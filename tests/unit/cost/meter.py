"""The DynamoDB requests of real code over moto: rows that each kind of request touched, and their sizes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.awsrequest import AWSPreparedRequest

from cost.database_calls import Operation, Quantity
from tests.simulation import aws

Rows = Counter[tuple[str, str]]
"""Rows by the kind of request and their table."""


@dataclass
class Meter:
    """Counts while it is on."""

    rows: Rows = field(default_factory=Counter)
    _on: bool = False

    @contextmanager
    def counting(self) -> Iterator[Rows]:
        """Yield what is counted meanwhile; it is complete at the end."""
        self.rows.clear()
        self._on = True
        yield self.rows
        self._on = False

    def note(self, request: AWSPreparedRequest, answer: bytes) -> None:
        """Count a request."""
        if not self._on or "X-Amz-Target" not in request.headers:
            return
        target = request.headers["X-Amz-Target"]
        kind = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        body = json.loads(aws.body_of(request))
        if kind == "Query":
            eventual = "" if body.get("ConsistentRead") else "Eventual"
            how = "Index" if "IndexName" in body else eventual
            self.rows[f"{how}{kind}", body["TableName"]] += json.loads(answer)["Count"]
        eventual = "Eventual" if kind == "BatchGetItem" and not _consistent(body) else ""
        for table, rows in _written_or_got(kind, body):
            self.rows[f"{eventual}{kind}", table] += rows


def _consistent(batch: Mapping[str, Any]) -> bool:
    return all(parts.get("ConsistentRead") for parts in batch["RequestItems"].values())


def _written_or_got(kind: str, body: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    if kind.startswith("Transact"):
        for part in body["TransactItems"]:
            (action,) = part.values()
            yield action["TableName"], 1
    elif kind.startswith("Batch"):
        for table, parts in body["RequestItems"].items():
            yield table, len(parts["Keys"] if kind == "BatchGetItem" else parts)
    elif kind != "Query":
        yield body["TableName"], 1


def meter_in_front(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Return a meter in front of the tables of every scene that is made after it."""
    it = Meter()
    ask = aws.ask_moto

    async def metered(request: AWSPreparedRequest) -> tuple[int, bytes]:
        status, body = await ask(request)
        it.note(request, body)
        return status, body

    monkeypatch.setattr(aws, "ask_moto", metered)
    return it


def expected(*operations: Operation, times: int = 1, **variables: float) -> Rows:
    """Return what the table of the cost model says about these operations together."""
    rows: Rows = Counter()
    for operation in operations:
        for call in operation:
            for row, quantity in call.rows.items():
                rows[call.kind, row.name] += round(
                    _value(quantity, variables) * _value(call.times, variables) * times
                )
    return rows


def _value(quantity: Quantity, variables: Mapping[str, float]) -> float:
    return variables[quantity] if isinstance(quantity, str) else quantity


def size(item: Mapping[str, Any]) -> int:
    """Bytes of an item in DynamoDB's own format, as DynamoDB counts them.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        # Half a byte a digit, and one for the rest.
        return (len(content) + 1) // 2 + 1
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_size(one) for name, one in content.items())
    if kind == "L":
        return 3 + sum(1 + _value_size(one) for one in content)
    assert isinstance(TypeDeserializer().deserialize(value), (bool, type(None)))
    return 1
