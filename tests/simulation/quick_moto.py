"""Moto's DynamoDB at a fraction of its cost, with the same answers.

What took most of the time of the tests of the tables is left out or done differently:

- To be able to go back, Moto copies a table with all of its rows, and every record of its stream, for each
  row that a transaction is about to write. Nothing but the rows under the keys that are named changes
  meanwhile, and no record ever does: those rows are copied, and lists of the rest, once a table.
- Moto copies a row, value by value, for each request that reads it. A text or a number is never changed in
  place: the copy of a row may have the same ones.
- A request about rows needs no HTTP: its JSON is handed to Moto's handler, whose result is as good as JSON.
  What has bytes in it, which JSON has not, goes the long way.
"""

import copy
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

REGION = "us-east-1"

ROWS = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)
"""The operations on rows: all they take and give is JSON as it is, but for bytes."""


def install() -> None:
    """Replace Moto's own copies, for good."""
    Table.__deepcopy__ = _copied  # type: ignore[attr-defined]
    Item.__deepcopy__ = _copied_row  # type: ignore[method-assign,assignment]


def answer(request: AWSPreparedRequest) -> tuple[int, bytes] | None:
    """Return what Moto answers to a request of DynamoDB about rows; None for any other."""
    target: Any = request.headers.get("X-Amz-Target", "")
    prefix, _, operation = (target if isinstance(target, str) else target.decode()).partition(".")
    if not prefix.startswith("DynamoDB_") or operation not in ROWS:
        return None
    assert isinstance(request.body, bytes)
    if has_bytes(request.body):
        return None
    handler = DynamoHandler()
    handler.body = json.loads(request.body)
    handler.region, handler.current_account = REGION, DEFAULT_ACCOUNT_ID
    try:
        with _transaction(operation, handler.body):
            result: Any = getattr(handler, camelcase_to_underscores(operation))().result
    except HTTPException as error:
        return error.code or 500, str(error.description).encode()
    told = {name: result[name] for name in _members(operation) if result.get(name) is not None}
    return 200, json.dumps(told, default=_encoded).encode()


def has_bytes(body: bytes) -> bool:
    """Return whether some value of a row may be bytes, which JSON tells by their type's name alone."""
    return b'"B"' in body or b'"BS"' in body


def _encoded(value: bytes) -> str:
    return b64encode(value).decode()


@cache
def _members(operation: str) -> tuple[str, ...]:
    return tuple(get_service_model("dynamodb").operation_model(operation).output_shape.members)


class _Transaction:
    """One that Moto is at: what it names, as table and attribute values, and the tables that are copied."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.copies: dict[str, Table] = {}
        writes = [write for item in items for write in item.values()]
        self._named = [(write["TableName"], write.get("Key") or write["Item"]) for write in writes]

    def names(self, table: Table) -> set[DynamoType]:
        """Return the hash keys of a table whose rows may change."""
        return {DynamoType(key[table.hash_key_attr]) for name, key in self._named if name == table.name}


_running: _Transaction | None = None


@contextmanager
def _transaction(operation: str, body: Mapping[str, Any]) -> Iterator[None]:
    global _running  # Moto's handlers take nothing along.
    _running = _Transaction(body["TransactItems"]) if operation == "TransactWriteItems" else None
    try:
        yield
    finally:
        _running = None


def _copied(table: Table, memo: dict[int, Any]) -> Table:
    if _running and table.name in _running.copies:
        return _running.copies[table.name]
    made = copy.copy(table)
    if _running:
        may_change = _running.names(table)
        made.items = copy.copy(table.items)
        for key in may_change & table.items.keys():
            made.items[key] = copy.deepcopy(table.items[key], memo)
        _running.copies[table.name] = made
    else:
        made.items = copy.deepcopy(table.items, memo)
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.table = made
        made.stream_shard.items = list(table.stream_shard.items)
    return made


_SCALARS = frozenset({"S", "N", "B", "BOOL", "NULL"})


def _copied_row(row: Any, memo: dict[int, Any]) -> Any:
    made: Any = Item.__new__(Item)
    made.hash_key, made.range_key = row.hash_key, row.range_key
    # By the class's own way each value's size would be counted again, with that of all before it.
    made.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    for name, value in row.attrs.items():
        kept = isinstance(value, DynamoType) and value.type in _SCALARS
        dict.__setitem__(made.attrs, name, value if kept else copy.deepcopy(value, memo))
    return made
