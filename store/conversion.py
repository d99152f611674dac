"""Which form the stored data has, and the conversion of the earlier one (`ops.migrate`).

One row of `Leaderboards` says it, which a fresh installation writes.

Release 0.1.0 kept what a player has on boards within `UserProgress`, as `bests`. A release that reads
`Standings` would take these players for new ones. So a function that writes players' rows asks here first:

    the row is there                        -> the data has today's form
    no row, and no sign of earlier data     -> a fresh installation: the row is written
    no row, and rules of boards or players  -> UnconvertedError, until `ops.migrate` has converted them

It is one read per process, and no scan. An earlier release wrote the rules (`store.board_rules`) at its first
start, and this one writes them after the row. So the rules are read before the row is looked for once more.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from store import appearance, standings
from store.database import Database, Item, to_item
from store.errors import RequestError, StoreError, condition_failed
from store.players import DeletedError
from store.schema import LEADERBOARDS, STANDINGS, USER_PROFILES, USER_PROGRESS, Table

ROW_KEY = "#form"
"""No board's id: those begin with a letter."""
RULES_KEY = "#rules"
"""The rules that 0.1.0 wrote at its first start."""
FORM = 2
"""1 is that of 0.1.0, which wrote no row."""

WRITES_AT_ONCE = 50


class RunningError(StoreError):
    """A function of the earlier release wrote meanwhile."""


class UnconvertedError(StoreError):
    """The stored data has the form of an earlier release; the message says how to convert it."""

    def __init__(self, command: str) -> None:
        super().__init__(
            "The data is that of release 0.1.0: players' bests stand in UserProgress, and this release reads "
            f"them in Standings. Convert it: `{command}` says what it would do."
        )


def migrate_command(db: Database) -> str:
    """Return the command that converts a deployment's data."""
    return f"python -m ops.migrate {db.prefix}"


async def require(db: Database, *, thorough: bool = False, command: str | None = None) -> None:
    """Raise UnconvertedError where the data has an earlier form; write down that of a fresh installation.

    `thorough` also looks whether there are players, for data older than the rules of boards; no function of
    AWS has the right to. `command` is what the message says to run.
    """
    if await is_converted(db):
        return
    earlier = await _get(db, RULES_KEY) is not None or (thorough and await _has_players(db))
    if not earlier:
        await mark(db)
    elif not await is_converted(db):
        raise UnconvertedError(command or migrate_command(db))


async def is_unconverted(db: Database) -> bool:
    """Return whether the data has an earlier form, and write nothing."""
    if await is_converted(db):
        return False
    return await _get(db, RULES_KEY) is not None or await _has_players(db)


async def is_converted(db: Database) -> bool:
    """Return whether the data is known to have today's form."""
    return await _get(db, ROW_KEY) is not None


async def mark(db: Database) -> None:
    """Write down that the data has today's form."""
    try:
        await db.client.put_item(
            TableName=db.name(LEADERBOARDS),
            Item=to_item({"gameArea": ROW_KEY, "form": FORM}),
            ConditionExpression="attribute_not_exists(gameArea)",
        )
    except RequestError as error:
        if not condition_failed(error):
            raise


async def _get(db: Database, key: str) -> Item | None:
    answer = await db.client.get_item(
        TableName=db.name(LEADERBOARDS), Key=to_item({"gameArea": key}), ConsistentRead=True
    )
    return answer.get("Item")


async def _has_players(db: Database) -> bool:
    return bool((await db.client.scan(TableName=db.name(USER_PROGRESS), Limit=1))["Items"])


@dataclass
class Converted:
    """Players and standings converted, and names brought to boards; `left` are players not converted."""

    players: int = 0
    standings: int = 0
    names: int = 0
    left: list[str] = field(default_factory=list)

    def sentence(self, *, applied: bool) -> str:
        """Return it as the command says it."""
        verb = "" if applied else "to be "
        return (
            f"{self.standings} standings of {self.players} players {verb}written, "
            f"{self.names} names {verb}brought to their boards"
        )


async def convert(
    db: Database, *, apply: bool, now_ms: Callable[[], int], told: Callable[[Converted], object]
) -> Converted:
    """Convert what is left to convert; without `apply`, only count. Calls `told` after each page of players.

    Raises ThrottledError where DynamoDB keeps refusing; run again, it goes on.
    """
    done = Converted()
    if await is_converted(db):
        return done
    turn = asyncio.Semaphore(WRITES_AT_ONCE)

    async def one(item: Item) -> None:
        async with turn:
            await _convert(db, item, done, apply=apply)

    async for page in _with_attribute(db, USER_PROGRESS, "bests"):
        await asyncio.gather(*(one(item) for item in page))
        told(done)
    async for page in _with_attribute(db, USER_PROFILES, "unshown"):
        for item in page:
            done.names += 1
            if apply:
                with suppress(DeletedError):
                    await appearance.renew(db, item["userId"]["S"], now_ms())
    if apply and not done.left:
        await mark(db)
    return done


async def _with_attribute(db: Database, table: Table, name: str) -> AsyncIterator[list[Item]]:
    pages = db.client.get_paginator("scan").paginate(
        TableName=db.name(table),
        ConsistentRead=True,
        FilterExpression="attribute_exists(#name)",
        ExpressionAttributeNames={"#name": name},
    )
    async for page in pages:
        if page["Items"]:
            yield page["Items"]


async def _convert(db: Database, item: Item, done: Converted, *, apply: bool) -> None:
    user_id, bests = item["userId"]["S"], item["bests"].get("M")
    if bests is None:
        done.left.append(user_id)
        return
    if apply:
        for board, best in bests.items():
            await _put(db, user_id, board, best)
        await _take_away(db, user_id, item)
    done.players += 1
    done.standings += len(bests)


async def _put(db: Database, user_id: str, board: str, best: Mapping[str, Any]) -> None:
    """Write a standing, whatever is in the best, unless there is one."""
    values = best.get("M", {"damaged": best})
    revision = to_item({"revision": secrets.token_hex(8)})
    try:
        await db.client.put_item(
            TableName=db.name(STANDINGS),
            Item={**values, **standings.key(user_id, board), **revision},
            ConditionExpression="attribute_not_exists(board)",
        )
    except RequestError as error:
        if not condition_failed(error):
            raise


async def _take_away(db: Database, user_id: str, item: Item) -> None:
    """Take the bests out of a player's row, if they still are those that were converted."""
    try:
        await db.client.update_item(
            TableName=db.name(USER_PROGRESS),
            Key=to_item({"userId": user_id}),
            UpdateExpression="REMOVE bests",
            ConditionExpression="bests = :bests",
            ExpressionAttributeValues={":bests": item["bests"]},
        )
    except RequestError as error:
        if condition_failed(error):
            raise RunningError(
                f"The bests of player {user_id} changed meanwhile: close the game first, then run this again."
            ) from error
        raise
