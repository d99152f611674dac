"""Gives a deployment's tables the rows of restored ones: the last step of a restore (docs/deploy.md).

DynamoDB restores into new tables only, and stream, triggers and stacks are those of the old ones. So the old
ones stay: rows that differ are written, rows that were not there are deleted. No function may write
meanwhile. Interrupted, it can be run again. Published boards are not restored: they follow from the scores.
Nor are tombstones, and the rows of players who have one by now are left out: what is deleted stays deleted.

    python -m ops.restore podium-prod-restored- podium-prod-            # says what would be done
    python -m ops.restore podium-prod-restored- podium-prod- --apply

Before the first row is touched every table is looked at: see `obstacles`.
"""

import argparse
import hashlib
import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aioboto3

from ops.command import run, say
from store.board_rules import find_misfits
from store.database import PATIENT_ATTEMPTS, Database, Item, batch_write, open_database
from store.errors import NoTableError, StoreError
from store.schema import PLAYERS, TABLES, Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TableDescriptionTypeDef

RESTORED = tuple(table for table in TABLES if table.restored)
_USABLE = ("ACTIVE", "UPDATING")


class RestoreRefusedError(StoreError):
    """The restore would do harm or cannot be done, and nothing was changed; the message has each reason."""


@dataclass
class Changes:
    """The numbers of rows of a table that were written and deleted, or would be."""

    written: int = 0
    deleted: int = 0


async def obstacles(restored: Database, db: Database, *, emptied: Collection[str] = ()) -> list[str]:
    """Return why nothing may be restored, a sentence each: what is missing, reversed, misread or empty.

    `emptied` are the names of tables of which every row may go.
    """
    if restored.prefix == db.prefix:
        return [f"Both names begin with {db.prefix!r}: a table is not restored from itself."]
    found = []
    for table in RESTORED:
        source, target = await _describe(restored, table), await _describe(db, table)
        for name, description in ((restored.name(table), source), (db.name(table), target)):
            if description is None:
                found.append(f"There is no table {name}.")
            elif (status := description["TableStatus"]) not in _USABLE:
                found.append(f"{name} is not ready: {status}.")
        if source and target and _is_restored_from(target, source):
            found.append(
                f"{target['TableName']} was restored from {source['TableName']}, not the other way round: "
                "the restored tables come first."
            )
    if not found and await _describe(db, PLAYERS) is None:
        found.append(f"There is no table {db.name(PLAYERS)}.")
    if found:
        return found
    if misfits := await find_misfits(restored, db):
        return [f"{one}: deploy the catalogue of that second first." for one in misfits]
    return [
        f"{restored.name(table)} has no rows, and {db.name(table)} would lose all of its own: "
        f"--empty {table.name} if that is meant."
        for table in RESTORED
        if table.name not in emptied and await _is_empty(restored, table) and not await _is_empty(db, table)
    ]


async def _describe(db: Database, table: Table) -> "TableDescriptionTypeDef | None":
    try:
        return (await db.client.describe_table(TableName=db.name(table)))["Table"]
    except NoTableError:
        return None


def _is_restored_from(table: "TableDescriptionTypeDef", other: "TableDescriptionTypeDef") -> bool:
    return table.get("RestoreSummary", {}).get("SourceTableArn") == other["TableArn"]


async def _is_empty(db: Database, table: Table) -> bool:
    # The description counts the rows of some hours ago.
    return not (await db.client.scan(TableName=db.name(table), ConsistentRead=True, Limit=1))["Items"]


async def restore(restored: Database, db: Database, table: Table, *, apply: bool) -> Changes:
    """Make a table's rows those of the restored one, but for deleted players'; without `apply`, only count.

    Holds a digest of every row in memory. Raises ThrottledError where DynamoDB keeps refusing rows.
    """
    changes = Changes()
    deleted = await _deleted_players(db)
    held: dict[tuple[str, ...], bytes] = {}
    async for page in _pages(db, table):
        held |= {_key(table, item): _digest(item) for item in page}
    async for page in _pages(restored, table):
        kept = [item for item in page if item.get("userId", {}).get("S") not in deleted]
        differ = [item for item in kept if held.pop(_key(table, item), None) != _digest(item)]
        changes.written += len(differ)
        if apply:
            puts = [{"PutRequest": {"Item": item}} for item in differ]
            await batch_write(db, table, puts, attempts=PATIENT_ATTEMPTS)
    changes.deleted = len(held)
    if apply:
        keys = [{name: {"S": value} for name, value in zip(table.keys, key, strict=True)} for key in held]
        deletes = [{"DeleteRequest": {"Key": key}} for key in keys]
        await batch_write(db, table, deletes, attempts=PATIENT_ATTEMPTS)
    return changes


async def _deleted_players(db: Database) -> set[str]:
    return {item["userId"]["S"] async for page in _pages(db, PLAYERS) for item in page if "deletedAt" in item}


async def _pages(db: Database, table: Table) -> AsyncIterator[list[Item]]:
    pages = db.client.get_paginator("scan").paginate(TableName=db.name(table), ConsistentRead=True)
    async for page in pages:
        yield page["Items"]


def _key(table: Table, item: Item) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in table.keys)


def _digest(item: Item) -> bytes:
    return hashlib.blake2b(json.dumps(item, sort_keys=True).encode(), digest_size=16).digest()


async def _restore_all(restored: str, prefix: str, *, emptied: Collection[str], apply: bool) -> None:
    session = aioboto3.Session()
    async with open_database(session, restored) as source, open_database(session, prefix) as db:
        if found := await obstacles(source, db, emptied=emptied):
            raise RestoreRefusedError("\n".join([*found, "Nothing was changed."]))
        for table in RESTORED:
            changes = await restore(source, db, table, apply=apply)
            verb = "" if apply else "to be "
            say(f"{db.name(table)}: {changes.written} rows {verb}written, {changes.deleted} {verb}deleted")


def main(arguments: Sequence[str] | None = None) -> None:
    """Restore every table that has to be."""
    parser = argparse.ArgumentParser(prog="python -m ops.restore", description=__doc__.partition("\n")[0])
    parser.add_argument("restored", help="what the restored tables' names begin with")
    parser.add_argument("prefix", help="what the deployment's own tables' names begin with")
    parser.add_argument("--apply", action="store_true", help="do it; without, only say what would be done")
    parser.add_argument(
        "--empty",
        action="append",
        default=[],
        choices=[table.name for table in RESTORED],
        help="a table that may lose every row, because the restored one has none; may be given again",
    )
    options = parser.parse_args(arguments)
    run(
        _restore_all(options.restored, options.prefix, emptied=options.empty, apply=options.apply),
        options.prefix,
    )


if __name__ == "__main__":
    main()
