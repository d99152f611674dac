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
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from store import appearance, players, standings
from store.database import PATIENT_ATTEMPTS, Database, Item, retry_on_conflict, to_item
from store.errors import RequestError, RowError, StoreError, condition_failed
from store.players import DeletedError
from store.schema import LEADERBOARDS, PLAYERS, STANDINGS, USER_PROFILES, USER_PROGRESS, Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

ROW_KEY = "#form"
"""No board's id: those begin with a letter."""
RULES_KEY = "#rules"
"""The rules that 0.1.0 wrote at its first start."""
FORM = 2
"""1 is that of 0.1.0, which wrote no row."""

PLAYERS_AT_ONCE = 50
_TOGETHER = 100
"""The most writes of one transaction: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference."""


logger = logging.getLogger("podium.store")


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
    """Players and standings converted, names brought to boards, and deletions that are to be looked at again.

    `left` are players not converted.
    """

    players: int = 0
    standings: int = 0
    names: int = 0
    deletions: int = 0
    left: list[str] = field(default_factory=list)

    def sentence(self, *, applied: bool) -> str:
        """Return it as the command says it."""
        verb = "" if applied else "to be "
        return (
            f"{self.standings} standings of {self.players} players {verb}written, "
            f"{self.names} names {verb}brought to their boards, "
            f"{self.deletions} deletions {verb}handed to the janitor"
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
    turn = asyncio.Semaphore(PLAYERS_AT_ONCE)

    async def in_turn(work: Awaitable[object]) -> None:
        async with turn:
            await work

    async for page in _found(db, USER_PROGRESS, "attribute_exists(bests)"):
        await asyncio.gather(*(in_turn(_convert(db, item, done, apply=apply)) for item in page))
        told(done)
    async for page in _found(db, USER_PROFILES, "attribute_exists(unshown)"):
        for item in page:
            done.names += 1
            if apply:
                await _show_name(db, item["userId"]["S"], now_ms())
    # Their tombstones did not say whether the deletion was finished. What is deleted takes no harm.
    async for page in _found(db, PLAYERS, "attribute_exists(deletedAt) AND attribute_not_exists(pending)"):
        done.deletions += len(page)
        if apply:
            await asyncio.gather(*(in_turn(players.bury(db, item["userId"]["S"], now_ms())) for item in page))
    if apply and not done.left:
        await mark(db)
    return done


async def _show_name(db: Database, user_id: str, now: int) -> None:
    try:
        await appearance.renew(db, user_id, now)
    except DeletedError:
        pass
    except RowError as error:
        # No request of the player's succeeds before that is mended; and a rename then reaches all boards.
        logger.error("the new name of player %s has not reached all boards: %s", user_id, error)


async def _found(db: Database, table: Table, condition: str) -> AsyncIterator[list[Item]]:
    pages = db.client.get_paginator("scan").paginate(
        TableName=db.name(table), ConsistentRead=True, FilterExpression=condition
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
        await _move(db, user_id, item, bests)
    done.players += 1
    done.standings += len(bests)


async def _move(db: Database, user_id: str, item: Item, bests: Mapping[str, Any]) -> None:
    """Write a player's standings and take the bests out of the row, if they still are those that were read.

    In one transaction: a request for each standing would take several times as long. A deleted player's too:
    the rest of the deletion finds the rows on the boards by the standings.
    """
    left = dict(bests)
    while len(left) >= _TOGETHER:
        some = [left.popitem() for _ in range(_TOGETHER)]
        await _write(db, user_id, dict(some), [])
    take_away: TransactWriteItemTypeDef = {
        "Update": {
            "TableName": db.name(USER_PROGRESS),
            "Key": to_item({"userId": user_id}),
            "UpdateExpression": "REMOVE bests",
            "ConditionExpression": "bests = :bests",
            "ExpressionAttributeValues": {":bests": item["bests"]},
        }
    }
    await _write(db, user_id, left, [take_away])


async def _write(
    db: Database, user_id: str, bests: Mapping[str, Any], others: list["TransactWriteItemTypeDef"]
) -> None:
    """Write standings, whatever is in the bests, unless they are there; and what else is to be written."""
    missing = dict(bests)

    async def attempt() -> None:
        writes = [*(_put(db, user_id, board, best) for board, best in missing.items()), *others]
        if not writes:
            return
        try:
            await db.client.transact_write_items(TransactItems=writes)
        except RequestError as error:
            failed = [reason == "ConditionalCheckFailed" for reason in error.reasons]
            if others and failed[-1:] == [True]:
                raise RunningError(
                    f"The bests of player {user_id} changed meanwhile: close the game first, "
                    "then run this again."
                ) from error
            for board, there in zip([*missing], failed, strict=False):
                if there:
                    del missing[board]
            raise

    await retry_on_conflict(attempt, patience=PATIENT_ATTEMPTS)


def _put(db: Database, user_id: str, board: str, best: Mapping[str, Any]) -> "TransactWriteItemTypeDef":
    values = best.get("M", {"damaged": best})
    revision = to_item({"revision": secrets.token_hex(8)})
    return {
        "Put": {
            "TableName": db.name(STANDINGS),
            "Item": {**values, **standings.key(user_id, board), **revision},
            "ConditionExpression": "attribute_not_exists(board)",
        }
    }
