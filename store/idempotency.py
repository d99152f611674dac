"""`Idempotency`: requests already answered, so that the same one gets the same answer and acts once."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from store.database import Database, Row, batch_write, from_item, query_pages, to_item
from store.schema import BY_USER_ID, IDEMPOTENCY

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import (
        QueryInputTypeDef,
        TransactGetItemTypeDef,
        TransactWriteItemTypeDef,
    )

# As long as a client may repeat itself; after that its key is new.
KEPT_SECONDS = 24 * 60 * 60


class KeyReusedError(Exception):
    """The key came with another request before."""


class Answer(Row):
    """An HTTP status and a JSON text."""

    status: int
    body: str


@dataclass(frozen=True)
class RequestKey:
    """A player's key for one request, and what the request said: `fingerprint` is a hash of it."""

    id: str
    user_id: str
    fingerprint: str


def request_key(user_id: str, key: str, *parts: str) -> RequestKey:
    """The key of a player's request, which is told apart from others by its parts (method, path, body)."""
    return RequestKey(id=_digest(user_id, key), user_id=user_id, fingerprint=_digest(*parts))


def get(db: Database, key: RequestKey) -> "TransactGetItemTypeDef":
    """The transaction's part that reads the answer given before."""
    return {"Get": {"TableName": db.name(IDEMPOTENCY), "Key": to_item({"id": key.id})}}


def parse(key: RequestKey, item: dict[str, Any] | None, now: int) -> Answer | None:
    """The answer given before, if there is one. Raises KeyReusedError where it was to another request.

    `now` in milliseconds since the epoch: DynamoDB deletes expired rows late.
    """
    if not item:
        return None
    values = from_item(item)
    if int(values["expiresAt"]) <= now // 1000:
        return None
    if values["fingerprint"] != key.fingerprint:
        raise KeyReusedError(key.id)
    return Answer.model_validate(values)


def put(db: Database, key: RequestKey, answer: Answer, now: int) -> "TransactWriteItemTypeDef":
    """The transaction's part that keeps an answer, unless the key has one already."""
    row = {
        "id": key.id,
        "userId": key.user_id,
        "fingerprint": key.fingerprint,
        "status": answer.status,
        "body": answer.body,
        "expiresAt": now // 1000 + KEPT_SECONDS,
    }
    return {
        "Put": {
            "TableName": db.name(IDEMPOTENCY),
            "Item": to_item(row),
            "ConditionExpression": "attribute_not_exists(id) OR expiresAt <= :now",
            "ExpressionAttributeValues": to_item({":now": now // 1000}),
        }
    }


async def ids(db: Database, user_id: str) -> list[str]:
    """The ids of a player's rows, as far as the index shows them: one of this moment may escape it."""
    request: QueryInputTypeDef = {
        "TableName": db.name(IDEMPOTENCY),
        "IndexName": BY_USER_ID.name,
        "KeyConditionExpression": "userId = :user",
        "ExpressionAttributeValues": to_item({":user": user_id}),
    }
    return [row["id"] async for page in query_pages(db, request) for row in page]


async def delete(db: Database, row_ids: Iterable[str]) -> None:
    """Forget requests."""
    requests = [{"DeleteRequest": {"Key": to_item({"id": row_id})}} for row_id in row_ids]
    await batch_write(db, IDEMPOTENCY, requests)


def _digest(*parts: str) -> str:
    # Each part with its length before it, so that no two lists of parts run into the same text.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
