"""Moto's DynamoDB at a fraction of its cost, with the same answers.

What took most of the time of the tests of the tables is left out or done differently:

- Before a transaction Moto copies all of its tables, with every record of their streams, to be able to go
  back. A record is never changed: a copy of the list is enough.
- A request about rows needs no HTTP: its JSON is handed to Moto's handler, whose result is as good as JSON.
  What has bytes in it, which JSON has not, goes the long way.
"""

import copy
import json
from base64 import b64encode
from functools import cache
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import camelcase_to_underscores, get_service_model
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


def _copied(table: Table, memo: dict[int, Any]) -> Table:
    made = copy.copy(table)
    made.items = copy.deepcopy(table.items, memo)
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.table = made
        made.stream_shard.items = list(table.stream_shard.items)
    return made
