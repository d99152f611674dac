"""`Players`: one row per player of whom there is something to say, a condition of the player's writes.

    deletedAt    the tombstone. Deletion writes it before it deletes anything.
    heir         of a guest who was taken over: the player who has it all now; the tombstone is the guest's
    merges       how many guests the player has taken over; absent before the first
    look         the time (milliseconds) of the last change of name or portrait; absent before the first
    exportedAt   when the player was last given an export (milliseconds); absent before the first
    pending      what is unfinished: `look` (rows on boards may show the look before), `merge` or `erase`
    pendingSince when that began (milliseconds)
    username     the player's name in the user pool, as long as the user is to be deleted

Every write of a player goes through `write`, which makes it a condition that there is no tombstone, and for
a score that the look is the one it was read with. So whatever a deleted player's tokens, and portraits in the
making, still ask for, nothing of the player comes back; and no row comes with a name that has gone.

A tombstone outlives all of the player's tokens: an ID token is good for an hour, a refresh token for 30 days.
It expires only once the deletion is finished. Rows of living players never expire.

`pending` is the key of an index of those few rows that have it: what is unfinished is found without a scan.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from game.board import Milliseconds
from store.database import (
    Database,
    Item,
    Row,
    StoredNumber,
    batch_get,
    parse_row,
    query_pages,
    retry_on_conflict,
    to_item,
)
from store.errors import RequestError, StoreError, condition_failed
from store.schema import BY_PENDING, PLAYERS, Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import (
        QueryInputTypeDef,
        TransactGetItemTypeDef,
        TransactWriteItemTypeDef,
    )

EXPORT_SECONDS = 60
"""Between two exports of a player: each reads all that there is."""
TOMBSTONE_SECONDS = 31 * 24 * 60 * 60

Pending = Literal["look", "merge", "erase"]
"""What may be unfinished."""

_FAILED = "ConditionalCheckFailed"


class DeletedError(StoreError):
    """The player was deleted, and stays so. Nothing was written."""


class NotFreeError(StoreError):
    """The guest was deleted, taken over by another player, or has taken over guests. Nothing was written."""


class MergeLimitError(StoreError):
    """The player has taken over as many guests as one may. Nothing was written."""


class TooManyExportsError(StoreError):
    """The player was given an export a moment ago; `seconds` from now on there is another one."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the next one in {seconds} seconds")
        self.seconds = seconds


class Player(Row):
    """A row; a player without one is `Player(user_id=…)`."""

    user_id: str
    deleted_at: StoredNumber[Milliseconds] | None = None
    heir: str | None = None
    merges: StoredNumber[int] = 0
    exported_at: StoredNumber[Milliseconds] = 0
    look: StoredNumber[Milliseconds] = 0
    pending: Pending | None = None
    pending_since: StoredNumber[Milliseconds] = 0
    username: str | None = None


@dataclass(frozen=True)
class NewLook:
    """A change of name or portrait: the look that was read, and the new one. `now` in milliseconds."""

    read: int
    new: int
    now: int


async def bury(db: Database, user_id: str, now: int, username: str | None = None) -> bool:
    """Write a player's tombstone: from here on no write of the player succeeds. The deletion is pending.

    `now` in milliseconds since the epoch; `username` is the player's in the user pool. A second deletion
    keeps the time of the first one. Return False, with nothing written, where the player is being merged into
    another: what there is belongs to that one, and the merge ends with the deletion.
    """
    named = "" if username is None else ", username = :username"

    async def attempt() -> bool:
        try:
            await db.client.update_item(
                TableName=db.name(PLAYERS),
                Key=_key(user_id),
                UpdateExpression=(
                    "SET deletedAt = if_not_exists(deletedAt, :now), pending = :erase, pendingSince = :now"
                    f"{named} REMOVE expiresAt, look, merges, exportedAt"
                ),
                ConditionExpression="attribute_not_exists(pending) OR pending <> :merge",
                ExpressionAttributeValues=to_item(
                    {":now": now, ":erase": "erase", ":merge": "merge", ":username": username}
                ),
            )
        except RequestError as error:
            if condition_failed(error):
                return False
            raise
        return True

    # A transaction of the player may be under way.
    return await retry_on_conflict(attempt)


async def bequeath(db: Database, guest_id: str, heir: str, now: int, *, username: str, limit: int) -> None:
    """Write a guest's tombstone, which names the heir, and count the guest with the heir, in one transaction.

    From here on no write of the guest succeeds, and the merge is pending. `username` is the guest's in the
    user pool, `limit` how many guests one player may take over. Where the guest is this heir's already,
    nothing is written. Raises NotFreeError, MergeLimitError, and DeletedError where the heir was deleted.
    """

    async def attempt() -> None:
        rows = await batch_get(db, {PLAYERS: [_key(guest_id), _key(heir)]})
        found = {item["userId"]["S"]: item for item in rows[PLAYERS]}
        guest, own = _parse(guest_id, found.get(guest_id)), _alive(heir, found.get(heir))
        if guest.heir == heir:
            return
        if guest.deleted_at is not None or guest.merges:
            raise NotFreeError(guest_id)
        if own.merges >= limit:
            raise MergeLimitError(f"{own.merges} of {limit}")
        await db.client.transact_write_items(
            TransactItems=[
                {"Update": _bequest(db, guest_id, heir, now, username)},
                {
                    "Update": {
                        "TableName": db.name(PLAYERS),
                        "Key": _key(heir),
                        "UpdateExpression": "ADD merges :one",
                        "ConditionExpression": "attribute_not_exists(deletedAt) AND "
                        "(attribute_not_exists(merges) OR merges < :limit)",
                        "ExpressionAttributeValues": to_item({":one": 1, ":limit": limit}),
                    }
                },
            ]
        )

    await retry_on_conflict(attempt)


def _bequest(db: Database, guest_id: str, heir: str, now: int, username: str) -> Any:
    values = {":now": now, ":heir": heir, ":merge": "merge", ":username": username}
    return {
        "TableName": db.name(PLAYERS),
        "Key": _key(guest_id),
        "UpdateExpression": "SET deletedAt = :now, heir = :heir, pending = :merge, pendingSince = :now,"
        " username = :username REMOVE look, exportedAt",
        "ConditionExpression": "attribute_not_exists(deletedAt) AND attribute_not_exists(merges)",
        "ExpressionAttributeValues": to_item(values),
    }


async def finish_merge(db: Database, guest_id: str, now: int) -> None:
    """Write down that the heir has all that was the guest's: what is left of the guest is to be deleted."""

    async def attempt() -> None:
        await db.client.update_item(
            TableName=db.name(PLAYERS),
            Key=_key(guest_id),
            UpdateExpression="SET pending = :erase, pendingSince = :now",
            ConditionExpression="pending = :merge",
            ExpressionAttributeValues=to_item({":erase": "erase", ":merge": "merge", ":now": now}),
        )

    await _unless_others_did(attempt)


async def finish_deletion(db: Database, user_id: str, now: int) -> None:
    """Write down that nothing is left to delete; from now on the tombstone expires."""

    async def attempt() -> None:
        await db.client.update_item(
            TableName=db.name(PLAYERS),
            Key=_key(user_id),
            UpdateExpression="SET expiresAt = :expires REMOVE pending, pendingSince, username",
            ConditionExpression="attribute_exists(deletedAt)",
            ExpressionAttributeValues=to_item({":expires": now // 1000 + TOMBSTONE_SECONDS}),
        )

    await _unless_others_did(attempt)


async def finish_look(db: Database, user_id: str, look: int) -> None:
    """Write down that every row shows this look, unless there is a later one, or the player was deleted."""

    async def attempt() -> None:
        await db.client.update_item(
            TableName=db.name(PLAYERS),
            Key=_key(user_id),
            UpdateExpression="REMOVE pending, pendingSince",
            ConditionExpression="look = :look AND pending = :pending",
            ExpressionAttributeValues=to_item({":look": look, ":pending": "look"}),
        )

    await _unless_others_did(attempt)


async def forget_look(db: Database, user_id: str, look: int) -> None:
    """Take away a look that belongs to no profile, unless there is another by now, or a tombstone."""
    condition, values = _as_read(look)

    async def attempt() -> None:
        await db.client.update_item(
            TableName=db.name(PLAYERS),
            Key=_key(user_id),
            UpdateExpression="REMOVE look, pending, pendingSince",
            ConditionExpression=condition,
            **values,
        )

    await _unless_others_did(attempt)


async def count_export(db: Database, user_id: str, now: int) -> None:
    """Count that a player is given all that is stored of them; `now` in milliseconds since the epoch.

    Raises TooManyExportsError, and DeletedError; then nothing is written.
    """

    async def attempt() -> None:
        try:
            await db.client.update_item(
                TableName=db.name(PLAYERS),
                Key=_key(user_id),
                UpdateExpression="SET exportedAt = :now",
                ConditionExpression="attribute_not_exists(deletedAt) AND "
                "(attribute_not_exists(exportedAt) OR exportedAt <= :before)",
                ExpressionAttributeValues=to_item({":now": now, ":before": now - EXPORT_SECONDS * 1000}),
            )
        except RequestError as error:
            if not condition_failed(error):
                raise
            own = await load_own(db, user_id)
            if own.deleted_at is not None:
                raise DeletedError(user_id) from error
            left = own.exported_at + EXPORT_SECONDS * 1000 - now
            raise TooManyExportsError(max(1, math.ceil(left / 1000))) from error

    await retry_on_conflict(attempt)


async def pending(db: Database, kind: Pending) -> list[str]:
    """Return the ids of the players of whom something of this kind is unfinished.

    As the index shows them: one of this moment may be missing, and one may be finished by now.
    """
    request: QueryInputTypeDef = {
        "TableName": db.name(PLAYERS),
        "IndexName": BY_PENDING.name,
        "KeyConditionExpression": "pending = :kind",
        "ExpressionAttributeValues": to_item({":kind": kind}),
    }
    return [row["userId"] async for page in query_pages(db, request) for row in page]


async def write(
    db: Database,
    user_id: str,
    writes: Sequence["TransactWriteItemTypeDef"],
    *,
    look: int | NewLook | None = None,
) -> None:
    """Write in one transaction, unless the player was deleted: the one way in for a player's writes.

    At most 99 writes. A `look` must still be the player's; a NewLook becomes it, and is pending. Raises
    DeletedError, and RequestError where the transaction is cancelled for what others wrote (see
    `store.database.retry_on_conflict`).
    """
    try:
        await db.client.transact_write_items(TransactItems=[_condition(db, user_id, look), *writes])
    except RequestError as error:
        if error.reasons[:1] == (_FAILED,):
            if look is None:
                raise DeletedError(user_id) from error
            await require_alive(db, user_id)
        raise


def _condition(db: Database, user_id: str, look: int | NewLook | None) -> "TransactWriteItemTypeDef":
    condition, values = _as_read(look.read if isinstance(look, NewLook) else look)
    common: Any = {
        "TableName": db.name(PLAYERS),
        "Key": _key(user_id),
        "ConditionExpression": condition,
        **values,
    }
    if not isinstance(look, NewLook):
        return {"ConditionCheck": common}
    new = to_item({":new": look.new, ":pending": "look", ":now": look.now})
    common["UpdateExpression"] = "SET look = :new, pending = :pending, pendingSince = :now"
    common["ExpressionAttributeValues"] = {**values.get("ExpressionAttributeValues", {}), **new}
    return {"Update": common}


def _as_read(look: int | None) -> tuple[str, dict[str, Any]]:
    """Return the condition that there is no tombstone, and no look but the one that was read, if one was."""
    alive = "attribute_not_exists(deletedAt)"
    if look is None:
        return alive, {}
    if look == 0:
        return f"{alive} AND attribute_not_exists(look)", {}
    return f"{alive} AND look = :read", {"ExpressionAttributeValues": to_item({":read": look})}


async def read(
    db: Database, user_id: str, parts: Sequence["TransactGetItemTypeDef"]
) -> tuple[Player, list[Item | None]]:
    """Return a player's row, and those that these parts of a transaction read, as of one moment.

    Raises DeletedError, RowError for the player's row, and RequestError as `write` does.
    """
    own: TransactGetItemTypeDef = {"Get": {"TableName": db.name(PLAYERS), "Key": _key(user_id)}}
    answer = await db.client.transact_get_items(TransactItems=[own, *parts])
    player, *rows = (response.get("Item") for response in answer["Responses"])
    return _alive(user_id, player), rows


async def load_with(
    db: Database, user_id: str, keys: Mapping[Table, Sequence[Item]]
) -> tuple[Player, dict[Table, list[Item]]]:
    """Return a player's row and the rows of these keys that exist: consistent, but not as of one moment.

    Raises DeletedError, and RowError for the player's row.
    """
    rows = await batch_get(db, {PLAYERS: [_key(user_id)], **keys})
    return _alive(user_id, next(iter(rows[PLAYERS]), None)), rows


async def load(db: Database, table: Table, user_id: str) -> Item | None:
    """Return a player's row in a table that has one per player, read consistently. Raises DeletedError."""
    _, rows = await load_with(db, user_id, {table: [_key(user_id)]})
    return next(iter(rows[table]), None)


async def load_own(db: Database, user_id: str) -> Player:
    """Return a player's row, deleted or not, read consistently. Raises RowError."""
    answer = await db.client.get_item(TableName=db.name(PLAYERS), Key=_key(user_id), ConsistentRead=True)
    return _parse(user_id, answer.get("Item"))


async def require_alive(db: Database, user_id: str) -> None:
    """Raise DeletedError if the player has a tombstone, read consistently."""
    answer = await db.client.get_item(TableName=db.name(PLAYERS), Key=_key(user_id), ConsistentRead=True)
    _require_alive(user_id, answer.get("Item"))


def _alive(user_id: str, item: Item | None) -> Player:
    _require_alive(user_id, item)
    return _parse(user_id, item)


def _parse(user_id: str, item: Item | None) -> Player:
    return parse_row(Player, PLAYERS, item) if item else Player(user_id=user_id)


def _require_alive(user_id: str, item: Item | None) -> None:
    if item and "deletedAt" in item:
        raise DeletedError(user_id)


async def _unless_others_did(attempt: Callable[[], Awaitable[None]]) -> None:
    """Run a conditional write; a condition that fails is no error, a transaction in the way is waited for."""

    async def once() -> None:
        try:
            await attempt()
        except RequestError as error:
            if not condition_failed(error):
                raise

    await retry_on_conflict(once)


def _key(user_id: str) -> dict[str, Any]:
    return to_item({"userId": user_id})
