"""All that is stored of a player, for the player: the rows as they are, and addresses of the pictures.

A row that cannot be read by today's rules is there too: it is what is stored. What of a row is not there, and
why, stands in LEFT_OUT; which tables are not read stands in NOT_READ. Everything is read a page at a time,
and what would not fit into an answer is counted instead.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from store import connections, idempotency, players, scores, standings
from store.database import Database, Item, from_item, partition, to_item
from store.portraits import PortraitBucket
from store.schema import (
    BUDGETS,
    CLAIMS,
    CONNECTIONS,
    HELD_SCORES,
    IDEMPOTENCY,
    LEADERBOARDS,
    LIMITS,
    PLAYERS,
    RANKS,
    SCORES,
    STANDINGS,
    USER_PROFILES,
    USER_PROGRESS,
    Table,
)

LEFT_OUT: Mapping[Table, Mapping[str, str]] = {
    USER_PROFILES: {"revision": "a random number, against two writes at once"},
    USER_PROGRESS: {"revision": "a random number, against two writes at once"},
    STANDINGS: {"revision": "a random number, against two writes at once"},
    IDEMPOTENCY: {
        "id": "a hash of the player's id and of a key that the client made up",
        "fingerprint": "a hash of what the request said",
    },
}
"""Attributes that are not shown, with the reason."""
NOT_READ: Mapping[Table, str] = {
    LEADERBOARDS: "a copy of the best rows of Scores, which is made again with every change",
    BUDGETS: "rates of a whole stage: nothing of any player",
    RANKS: "counts of rows, and where they begin: nothing of any player",
}
"""Tables that an export does not read, with the reason."""

EXPORT_BYTES = 5_000_000
"""Bytes of the rows in Lambda's answer of 6 MB at most, which has their JSON as a text: each quote escaped.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""
ANSWERS_LIMIT = 1000
"""Answers kept for an `Idempotency-Key` that one export reads: each is a copy of what was answered."""

Row = dict[str, Any]
"""A row as JSON has it."""


@dataclass
class Export:
    """What is stored of a player. `left_out` says in words what would have been too much for one answer."""

    player: Row | None = None
    profile: Row | None = None
    progress: Row | None = None
    standings: list[Row] = field(default_factory=list)
    claims: list[Row] = field(default_factory=list)
    limits: list[Row] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)
    pictures: list[Row] = field(default_factory=list)
    connections: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


async def export(db: Database, portraits: PortraitBucket, user_id: str, now: int) -> Export:
    """Return what is stored of a player; `now` in milliseconds since the epoch.

    Raises DeletedError, TooManyExportsError, and what requests raise.
    """
    await players.count_export(db, user_id, now)
    found, room = Export(), _Room()
    found.player = await _row(db, PLAYERS, user_id)
    found.profile = await _row(db, USER_PROFILES, user_id)
    found.progress = await _row(db, USER_PROGRESS, user_id)
    for row in (found.profile, found.progress):
        room.take(row)
    found.standings = await room.fitting("standings", _standings(db, user_id), found.left_out)
    found.claims = await room.fitting("claims", _partition(db, CLAIMS, user_id), found.left_out)
    found.limits = await room.fitting("limits", _partition(db, LIMITS, user_id), found.left_out)
    found.held = await room.fitting("held scores", _partition(db, HELD_SCORES, user_id), found.left_out)
    found.pictures = await room.fitting("pictures", _pictures(portraits, user_id), found.left_out)
    found.connections = await room.fitting("connections", _connections(db, user_id), found.left_out)
    found.answers = await room.fitting("answers", _answers(db, user_id), found.left_out)
    return found


class _Room:
    """The bytes that are left of an answer."""

    def __init__(self) -> None:
        self._bytes = EXPORT_BYTES

    def take(self, row: Row | None) -> bool:
        """Return whether there is room for a row, and take it."""
        size = len(json.dumps(json.dumps(row)))
        if size > self._bytes:
            return False
        self._bytes -= size
        return True

    async def fitting(self, name: str, rows: AsyncIterator[Row | None], left_out: list[str]) -> list[Row]:
        """Return the rows that there is room for; None among them stands for one that was not even read."""
        kept, more = [], 0
        async for row in rows:
            if row is not None and self.take(row):
                kept.append(row)
            else:
                more += 1
        if more:
            left_out.append(f"{more} of {len(kept) + more} {name}")
        return kept


async def _row(db: Database, table: Table, user_id: str) -> Row | None:
    answer = await db.client.get_item(
        TableName=db.name(table), Key=to_item({"userId": user_id}), ConsistentRead=True
    )
    item = answer.get("Item")
    return _shown(table, item) if item else None


async def _standings(db: Database, user_id: str) -> AsyncIterator[Row]:
    """Yield what the player has in each area and on each board, with the row on the board as `entry`."""
    async for page in standings.pages(db, user_id):
        entries = await scores.named_rows(db, page)
        for item in page:
            shown = _shown(STANDINGS, item)
            if entry := entries.get(item["board"]["S"]):
                shown["entry"] = _shown(SCORES, entry)
            yield shown


async def _partition(db: Database, table: Table, user_id: str) -> AsyncIterator[Row]:
    async for page in partition(db, table, user_id):
        for item in page:
            yield _shown(table, item)


async def _pictures(portraits: PortraitBucket, user_id: str) -> AsyncIterator[Row]:
    async for picture in portraits.pictures(user_id):
        yield {
            "key": picture.key,
            "bytes": picture.size,
            "lastModified": int(picture.modified.timestamp() * 1000),
            "url": picture.url,
        }


async def _connections(db: Database, user_id: str) -> AsyncIterator[Row]:
    async for item in connections.of_player(db, user_id):
        row = _shown(CONNECTIONS, item)
        channels = await connections.channels(db, row["connectionId"])
        yield row | {"channels": channels}


async def _answers(db: Database, user_id: str) -> AsyncIterator[Row | None]:
    ids = await idempotency.ids(db, user_id)
    for start in range(0, min(len(ids), ANSWERS_LIMIT), _PAGE):
        page: Sequence[Item] = await idempotency.rows(db, ids[start : min(start + _PAGE, ANSWERS_LIMIT)])
        for item in page:
            yield _shown(IDEMPOTENCY, item)
    for _ in ids[ANSWERS_LIMIT:]:
        yield None


_PAGE = 100


def _shown(table: Table, item: Item) -> Row:
    left_out = LEFT_OUT.get(table, {})
    return {name: _plain(value) for name, value in from_item(item).items() if name not in left_out}


def _plain(value: Any) -> Any:
    """Return a value of a row as JSON has it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, set, frozenset)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, bool)) or value is None else str(value)
