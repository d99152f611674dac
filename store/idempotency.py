"""`Idempotency`: requests already answered, so that the same one gets the same answer and acts once."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from game.idempotency import KEPT_SECONDS
from store.database import Database, Item, Row, batch_get, batch_write, parse_row, query_pages, to_item
from store.errors import StoreError
from store.schema import BY_USER_ID, IDEMPOTENCY

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import (
        QueryInputTypeDef,
        TransactGetItemTypeDef,
        TransactWriteItemTypeDef,
    )


class KeyReusedError(StoreError):
    """The key came with another request before."""


class Answer(Row):
    """An HTTP status and a JSON text."""

    status: Annotated[int, Field(ge=200, le=599)]
    body: str


class _Answered(Answer):
    """A row, but for its key."""

    fingerprint: str
    expires_at: int


@dataclass(frozen=True)
class RequestKey:
    """A player's key for one request, and what the request said: `fingerprint` is a hash of it.

    `former` is the hash that an earlier release would have made: an answer under it is this request's too.
    `until`: the answer is kept at least until then (milliseconds), and a day longer.
    """

    id: str
    user_id: str
    fingerprint: str
    former: str | None = None
    until: int = 0


def request_key(user_id: str, key: str, *parts: str, former: Sequence[str] | None = None) -> RequestKey:
    """Return the key of a player's request, which its parts (method, path, body) tell apart from others.

    `former` are the parts as an earlier release wrote them.
    """
    return RequestKey(
        id=_digest(user_id, key),
        user_id=user_id,
        fingerprint=_digest(*parts),
        former=_digest(*former) if former else None,
    )


def run_key(user_id: str, nonce: str, *parts: str, until: int) -> RequestKey:
    """Return the key of a score that spends a run: the run's own nonce, whatever key the request came with.

    `until`: when the run expires, in milliseconds. Its row must not go before, or it could be used again.
    """
    return RequestKey(_digest("run", user_id, nonce), user_id, _digest(*parts), until=until)


def server_key(user_id: str, key: str, *parts: str) -> RequestKey:
    """Return the key of a score that a trusted server submits for a player, who can have no such key."""
    return RequestKey(_digest("server", user_id, key), user_id, _digest(*parts))


def get(db: Database, key: RequestKey) -> "TransactGetItemTypeDef":
    """Return the transaction's part that reads the answer given before."""
    return {"Get": {"TableName": db.name(IDEMPOTENCY), "Key": to_item({"id": key.id})}}


async def load(db: Database, key: RequestKey, now: int) -> Answer | None:
    """Return the answer given before, if any, read consistently. Raises as `parse` does."""
    answer = await db.client.get_item(
        TableName=db.name(IDEMPOTENCY), Key=to_item({"id": key.id}), ConsistentRead=True
    )
    return parse(key, answer.get("Item"), now)


def parse(key: RequestKey, item: Mapping[str, Any] | None, now: int) -> Answer | None:
    """Return the answer given before, if any. Raises KeyReusedError where it was to another request.

    `now` in milliseconds since the epoch: DynamoDB deletes expired rows late. Raises RowError where the row
    cannot be read: then it is not known whether the request was done.
    """
    if not item:
        return None
    row = parse_row(_Answered, IDEMPOTENCY, item)
    if row.expires_at <= now // 1000:
        return None
    if row.fingerprint not in (key.fingerprint, key.former):
        raise KeyReusedError(key.id)
    return Answer(status=row.status, body=row.body)


def put(db: Database, key: RequestKey, answer: Answer, now: int) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that keeps an answer, unless the key has one already."""
    row = {
        "id": key.id,
        "userId": key.user_id,
        "fingerprint": key.fingerprint,
        "status": answer.status,
        "body": answer.body,
        "expiresAt": max(now, key.until) // 1000 + KEPT_SECONDS,
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
    """Return the ids of a player's rows, as the index shows them: one of this moment may escape it."""
    request: QueryInputTypeDef = {
        "TableName": db.name(IDEMPOTENCY),
        "IndexName": BY_USER_ID.name,
        "KeyConditionExpression": "userId = :user",
        "ExpressionAttributeValues": to_item({":user": user_id}),
    }
    return [row["id"] async for page in query_pages(db, request) for row in page]


async def rows(db: Database, row_ids: Sequence[str]) -> list[Item]:
    """Return the rows of these ids that exist, as DynamoDB has them; at most BATCH_GET_LIMIT ids."""
    keys = [to_item({"id": row_id}) for row_id in row_ids]
    return (await batch_get(db, {IDEMPOTENCY: keys}, consistent=False))[IDEMPOTENCY]


async def delete(db: Database, row_ids: Iterable[str]) -> None:
    """Forget requests."""
    requests = [{"DeleteRequest": {"Key": to_item({"id": row_id})}} for row_id in row_ids]
    await batch_write(db, IDEMPOTENCY, requests)


def _digest(*parts: str) -> str:
    # Each part with its length before it, so that no two lists of parts run into the same text.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
