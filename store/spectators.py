"""The number of spectators, in a row of `Budgets`, so that one write tells whether another one may come in.

    $connect      +1, on condition that there are fewer than the stage allows; then the connection's rows
    $disconnect   the rows go; then -1
    the sweep     counts the rows every ten minutes, and puts the number right

The rows of `Connections` are the truth, and the number drifts: a function dies between the two writes, an
answer is lost and its write repeated, a `$disconnect` never comes. So the bound is approximate, and the
recount heals it. What is lost with a `$disconnect` is also the deletion of the rows: they count until a push
finds the connection gone, and for three hours at most.

Connections come and go while rows are counted. Read before and after, the number says between which two the
truth was at that time, and only what lies outside of them is drift. The drift is added, and not the number
set: what comes and goes between the last reading and the write is kept.

While the number cannot be read no spectator is let in. The next sweep counts at once, and writes it again.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from game.live import RECOUNT_SECONDS
from store import connections
from store.database import Database, from_item, to_item
from store.errors import RequestError, StoreError, condition_failed
from store.schema import BUDGETS

SPECTATORS = "spectators"
"""The row's id."""

RECOUNT_MS = RECOUNT_SECONDS * 1000
"""Milliseconds between two recounts. A row read costs a thousandth of ten minutes of its connection."""

_READABLE = "attribute_type(connected, :number)"

logger = logging.getLogger("podium.spectators")


class Bounds(NamedTuple):
    """The most spectators at once: of the stage, and of one IP address."""

    most: int
    per_address: int


NO_SPECTATORS = Bounds(0, 0)


async def admit(db: Database, bounds: Bounds, connection_id: str, address: str, now: int) -> bool:
    """Record a spectator's connection; return False, and leave nothing, where there are enough already.

    `now` in milliseconds since the epoch. Of several that open at once from one address each finds those that
    were recorded before it, so there are never more than the bound; where they are at it, all may be refused.
    """
    if not await enter(db, bounds.most):
        logger.warning("a spectator was refused: there are %d", bounds.most)
        return False
    channels, admitted = connections.spectator_channels(address), False
    try:
        await connections.subscribe(db, connection_id, channels, None, now)
        here = await connections.count(db, connections.address_channel(address), now)
        admitted = here <= bounds.per_address
        if not admitted:
            logger.warning("a spectator was refused: there are %d from its address", bounds.per_address)
        return admitted
    finally:
        if not admitted:
            await _dismiss(db, connection_id, channels)


async def _dismiss(db: Database, connection_id: str, channels: Iterable[str]) -> None:
    """Take back what was recorded of a spectator who is refused. What stays is found by the recount."""
    try:
        await connections.unsubscribe(db, connection_id, channels)
        await leave(db)
    except StoreError as error:
        logger.warning("a spectator who was refused stays counted: %s", error)


async def enter(db: Database, most: int) -> bool:
    """Count one more spectator; return False, and count none, where there are `most` already."""
    condition = f"attribute_not_exists(connected) OR ({_READABLE} AND connected < :most)"
    return await _update(db, "ADD connected :one", condition, {":one": 1, ":most": most, ":number": "N"})


async def leave(db: Database) -> None:
    """Count one spectator less."""
    condition = f"{_READABLE} AND connected > :none"
    await _update(db, "ADD connected :one", condition, {":one": -1, ":none": 0, ":number": "N"})


async def tally(db: Database, now: int) -> int:
    """Return the number of spectators, recounted where that is due; `now` in milliseconds since the epoch."""
    before = await _load(db)
    if before is None:  # no spectator has come yet
        return 0
    if before.connected is not None and not before.is_due(now):
        return before.connected
    counted = await connections.count(db, connections.SPECTATORS, now, consistent=False)
    after = await _load(db) or before
    # Of two recounts at once the first one wins: the drift is taken off once.
    if before.counted_at is None:
        condition, values = "NOT attribute_type(countedAt, :number)", {":now": now, ":number": "N"}
    else:
        condition, values = "countedAt = :before", {":now": now, ":before": before.counted_at}
    if before.connected is None or after.connected is None:
        values |= {":counted": counted}
        await _update(db, "SET countedAt = :now, connected = :counted", condition, values)
        return counted
    drift = drift_of(before.connected, after.connected, counted)
    await _update(db, "SET countedAt = :now ADD connected :drift", condition, values | {":drift": drift})
    return after.connected + drift


def drift_of(before: int, after: int, counted: int) -> int:
    """Return what has to be added to a number that was `before` and `after` while rows were counted."""
    return max(0, counted - max(before, after)) + min(0, counted - min(before, after))


@dataclass(frozen=True)
class _Row:
    """The row, and when its rows were last counted, in milliseconds; None for what cannot be read."""

    connected: int | None
    counted_at: int | None

    def is_due(self, now: int) -> bool:
        # A recount at a later time than now was made by a wrong clock.
        return self.counted_at is None or not now - RECOUNT_MS < self.counted_at <= now


async def _load(db: Database) -> _Row | None:
    answer = await db.client.get_item(
        TableName=db.name(BUDGETS), Key=to_item({"id": SPECTATORS}), ConsistentRead=True
    )
    if "Item" not in answer:
        return None
    row = from_item(answer["Item"])
    return _Row(_whole(row.get("connected")), _whole(row.get("countedAt")))


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, Decimal) and value == int(value) else None


async def _update(db: Database, expression: str, condition: str, values: Mapping[str, object]) -> bool:
    """Change the row; return whether the condition held."""
    try:
        await db.client.update_item(
            TableName=db.name(BUDGETS),
            Key=to_item({"id": SPECTATORS}),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
        )
    except RequestError as error:
        if condition_failed(error):
            return False
        raise
    return True
