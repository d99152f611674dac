"""`Connections`: one row per subscription of a live connection to a channel.

A channel is a board's id, `user#<userId>`, or `all`. Every player's connection has the last two from the
moment it opens. Rows of a connection that went away unnoticed are deleted when a push meets them (410), and
by the TTL in any case.

A spectator's connection has no user. From the moment it opens it is on the channel of all spectators, whose
rows are how many there are, and on that of its address, whose rows are how many come from there. What goes to
`all` goes to the spectators as well, after the players. No board's id has a `#`.

`all` is stored as sixteen channels, `all#0` to `all#f`, and only this module knows: API Gateway lets 500
connections per second in, each takes a write to come and one to go, and one partition has 1,000. Which of
the channels a connection is on follows from its id. The spectators' channel is stored in the same way.
"""

import asyncio
import hashlib
import ipaddress
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from game.live import CHANNEL_PARTS, PAGE_LIMIT
from store.database import Database, Item, batch_write, from_item, item_pages, query_pages, to_item
from store.schema import BY_CONNECTION_ID, CONNECTIONS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import QueryInputTypeDef

EVERYONE = "all"
SPECTATORS = "spectators#all"
_EVERYONE_PARTS = tuple(f"{EVERYONE}#{part:x}" for part in range(CHANNEL_PARTS))
_SPECTATORS_PARTS = tuple(f"spectators#{part:x}" for part in range(CHANNEL_PARTS))
_PARTS = {EVERYONE: _EVERYONE_PARTS, SPECTATORS: _SPECTATORS_PARTS}
_WHOLE = {part: channel for channel, parts in _PARTS.items() for part in parts}

# API Gateway closes a connection after 2 hours; an hour on top forgives any clock.
LIFETIME_SECONDS = 3 * 60 * 60


# API Gateway waits 29 seconds for the answer to $connect; until then the connection is "gone" (410).
HANDSHAKE_SECONDS = 30
"""A connection that was recorded less than this ago may be opening still."""

# The most connections of a player that one look for surplus ones reads.
_SURPLUS_LIMIT = 100


class IdRange(NamedTuple):
    """The connection ids from `first` to `last`, both included; "" and None are the ends of all ids."""

    first: str = ""
    last: str | None = None


EVERY_ID = IdRange()
# A key may not be empty.
_LEAST_ID = "\0"


def user_channel(user_id: str) -> str:
    """Return the channel of one player's connections."""
    return f"user#{user_id}"


def address_channel(address: str) -> str:
    """Return the channel of the spectators of one IP address; of IPv6, of one subnet of 64 bits.

    A home or a phone has a whole subnet. The channel names the address by a digest, so that no address stands
    in the table in clear; trying all addresses of IPv4 finds it all the same.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        network = address
    else:
        bits = 64 if parsed.version == 6 else 32
        network = str(ipaddress.ip_network((parsed, bits), strict=False))
    return f"address#{hashlib.blake2b(network.encode(), digest_size=9).hexdigest()}"


async def open_connection(db: Database, connection_id: str, user_id: str, now: int) -> None:
    """Record a new connection; `now` in milliseconds since the epoch."""
    await subscribe(db, connection_id, standing_channels(user_id), user_id, now)


class Surplus(NamedTuple):
    """A connection beyond a player's limit; `may_be_opening` says that its $connect may be under way."""

    connection_id: str
    may_be_opening: bool


async def surplus(db: Database, connection_id: str, user_id: str, limit: int, now: int) -> list[Surplus]:
    """Return the connections that a player has beyond a limit: those that subscribed the longest ago.

    `now` in milliseconds since the epoch. One consistent read of at most 100 rows, which never names
    `connection_id`, the one that has just been opened. A player with more than 100 has the others named the
    next times.
    """
    request = _subscribers_request(db, user_channel(user_id), EVERY_ID)
    request["ProjectionExpression"] = "connectionId, expiresAt"
    request["Limit"] = _SURPLUS_LIMIT
    answer = await db.client.query(**request)
    rows = [from_item(item) for item in answer["Items"]]
    others = [row for row in rows if row["connectionId"] != connection_id]
    others.sort(key=lambda row: (_expiry(row), row["connectionId"]))
    opened_by = now // 1000 - HANDSHAKE_SECONDS + LIFETIME_SECONDS
    return [
        Surplus(row["connectionId"], may_be_opening=_expiry(row) > opened_by)
        for row in others[: max(0, len(others) + 1 - limit)]
    ]


async def refuse_connection(db: Database, connection_id: str, user_id: str) -> None:
    """Forget a connection that was recorded by `open_connection`, and is not let in after all."""
    await unsubscribe(db, connection_id, standing_channels(user_id))


def standing_channels(user_id: str) -> list[str]:
    """Return the channels that every connection of a player is on."""
    return [EVERYONE, user_channel(user_id)]


def spectator_channels(address: str) -> list[str]:
    """Return the channels that every spectator's connection from this IP address is on."""
    return [SPECTATORS, address_channel(address)]


async def subscribe(
    db: Database, connection_id: str, channels: Iterable[str], user_id: str | None, now: int
) -> None:
    """Record that a connection wants channels' frames. Doing so twice changes nothing but the expiry.

    user_id: None for a spectator, whose rows name no user.
    """
    rows = subscription_rows(connection_id, channels, user_id, now)
    await batch_write(db, CONNECTIONS, [{"PutRequest": {"Item": to_item(row)}} for row in rows])


def subscription_rows(
    connection_id: str, channels: Iterable[str], user_id: str | None, now: int
) -> list[dict[str, Any]]:
    """Return the rows with which a connection is on channels; `now` in milliseconds since the epoch."""
    row = {"connectionId": connection_id, "userId": user_id, "expiresAt": now // 1000 + LIFETIME_SECONDS}
    return [{"channel": stored_channel(channel, connection_id), **row} for channel in channels]


async def unsubscribe(db: Database, connection_id: str, channels: Iterable[str]) -> None:
    """Forget that a connection wants a channel's frames; unknown ones are no error."""
    stored = (stored_channel(channel, connection_id) for channel in channels)
    await _delete(db, ({"channel": channel, "connectionId": connection_id} for channel in stored))


async def close_connection(db: Database, connection_id: str, standing: Iterable[str] = ()) -> None:
    """Delete every row of a connection that the index shows; rows written this moment may escape it.

    standing: channels that the connection always has, as far as the caller knows: of these no row escapes. A
    connection that is closed as soon as it is open would else keep its place among those that are counted.
    """
    shown = {row["channel"] async for page in _rows(db, connection_id) for row in page}
    found = shown | {stored_channel(channel, connection_id) for channel in standing}
    await _delete(db, ({"channel": channel, "connectionId": connection_id} for channel in sorted(found)))


async def channels(db: Database, connection_id: str) -> list[str]:
    """Return the channels of a connection, as the index shows them: eventually consistent."""
    stored = [row["channel"] async for page in _rows(db, connection_id) for row in page]
    return [_WHOLE.get(channel, channel) for channel in stored]


async def of_player(db: Database, user_id: str) -> AsyncIterator[Item]:
    """Yield the rows with which a player's connections are on the player's own channel, read consistently."""
    request = _subscribers_request(db, user_channel(user_id), EVERY_ID)
    del request["ProjectionExpression"]
    async for page in item_pages(db, request):
        for item in page:
            yield item


async def subscribers(db: Database, channel: str, ids: IdRange = EVERY_ID) -> AsyncIterator[list[str]]:
    """Yield the ids of a channel's connections in their order, read consistently, a page at a time.

    Those of `all` come in the order of each of its parts, and the spectators come last.
    """
    heard = _EVERYONE_PARTS + _SPECTATORS_PARTS if channel == EVERYONE else _PARTS.get(channel, (channel,))
    for part in heard:
        async for page in query_pages(db, _subscribers_request(db, part, ids)):
            yield [row["connectionId"] for row in page]


async def count(db: Database, channel: str, now: int, *, consistent: bool = True) -> int:
    """Return how many connections a channel has that have not expired; `now` in milliseconds.

    Reads all its rows: some 40 for a read unit, or for half of one where the count need not be consistent.
    """
    parts = _PARTS.get(channel, (channel,))
    return sum(await asyncio.gather(*(_count(db, part, now, consistent) for part in parts)))


async def _count(db: Database, channel: str, now: int, consistent: bool) -> int:
    request: QueryInputTypeDef = {
        "TableName": db.name(CONNECTIONS),
        "ConsistentRead": consistent,
        "KeyConditionExpression": "channel = :channel",
        "FilterExpression": "expiresAt > :now",
        "ExpressionAttributeValues": to_item({":channel": channel, ":now": now // 1000}),
        "Select": "COUNT",
    }
    found = 0
    while True:
        answer = await db.client.query(**request)
        found += answer["Count"]
        if "LastEvaluatedKey" not in answer:
            return found
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


async def greatest_subscriber(db: Database, channel: str) -> str | None:
    """Return the last of a channel's connection ids, read consistently; None when there is none."""
    request = _subscribers_request(db, channel, EVERY_ID)
    request["ScanIndexForward"] = False
    request["Limit"] = 1
    answer = await db.client.query(**request)
    return next((from_item(item)["connectionId"] for item in answer["Items"]), None)


def _expiry(row: Mapping[str, Any]) -> Decimal:
    """Return when a row expires; one that does not say so has expired."""
    expiry = row.get("expiresAt")
    return expiry if isinstance(expiry, Decimal) else Decimal(0)


def stored_channel(channel: str, connection_id: str) -> str:
    """Return the channel of the row with which a connection is on a channel."""
    parts = _PARTS.get(channel, (channel,))
    return parts[zlib.crc32(connection_id.encode()) % len(parts)]


def _subscribers_request(db: Database, channel: str, ids: IdRange) -> "QueryInputTypeDef":
    condition, values = "channel = :channel", {":channel": channel}
    if ids.last is not None:
        condition += " AND connectionId BETWEEN :first AND :last"
        values |= {":first": ids.first or _LEAST_ID, ":last": ids.last}
    elif ids.first:
        condition += " AND connectionId >= :first"
        values |= {":first": ids.first}
    return {
        "TableName": db.name(CONNECTIONS),
        "ConsistentRead": True,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": to_item(values),
        "ProjectionExpression": "connectionId",
        "Limit": PAGE_LIMIT,
    }


def _rows(db: Database, connection_id: str) -> AsyncIterator[list[dict[str, Any]]]:
    return query_pages(
        db,
        {
            "TableName": db.name(CONNECTIONS),
            "IndexName": BY_CONNECTION_ID.name,
            "KeyConditionExpression": "connectionId = :id",
            "ExpressionAttributeValues": to_item({":id": connection_id}),
        },
    )


async def _delete(db: Database, keys: Iterable[Mapping[str, str]]) -> None:
    requests = [
        {"DeleteRequest": {"Key": to_item({name: key[name] for name in ("channel", "connectionId")})}}
        for key in keys
    ]
    await batch_write(db, CONNECTIONS, requests)
