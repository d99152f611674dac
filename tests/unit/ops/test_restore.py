"""Restored tables take the place of a deployment's own."""

import pytest

from ops.restore import RESTORED, Changes, restore
from store import players
from store.database import Database
from store.schema import (
    BUDGETS,
    CONNECTIONS,
    LEADERBOARDS,
    PLAYERS,
    RANKS,
    SCORES,
    TABLES,
    Table,
    create_request,
)
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import BOB, by_text, fill
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase, die


@pytest.fixture
async def restored(tables: InterruptedDatabase) -> Database:
    """The tables as they were before a mishap, under other names; `tables` has been played on since."""
    await fill(tables)
    db = Database(tables.direct.client, "restored-")
    for table in RESTORED:
        await db.client.create_table(**create_request(table, db.name(table)))
        for item in (await db.client.scan(TableName=table.name))["Items"]:
            await db.client.put_item(TableName=db.name(table), Item=item)
    return db


async def mishap(tables: InterruptedDatabase) -> None:
    """A row changes, one goes, one comes."""
    client = tables.direct.client
    first, *_, last = (await client.scan(TableName=SCORES.name))["Items"]
    await client.put_item(TableName=SCORES.name, Item={**first, "name": {"S": "Mallory"}})
    await client.put_item(TableName=SCORES.name, Item={**first, "score": {"S": "9" * 40}})
    key = {name: last[name] for name in ("gameArea", "score")}
    await client.delete_item(TableName=SCORES.name, Key=key)


async def test_restore_gives_the_rows_back(tables: InterruptedDatabase, restored: Database) -> None:
    before = await tables.rows()
    await mishap(tables)
    assert await restore(restored, tables.db, SCORES, apply=True) == Changes(written=2, deleted=1)
    after = await tables.rows()
    assert by_text(after[SCORES.name]) == by_text(before[SCORES.name])


async def test_restore_without_apply_writes_nothing(tables: InterruptedDatabase, restored: Database) -> None:
    await mishap(tables)
    before = await tables.rows()
    assert await restore(restored, tables.db, SCORES, apply=False) == Changes(written=2, deleted=1)
    assert await tables.rows() == before


async def test_rows_that_are_equal_are_left_alone(tables: InterruptedDatabase, restored: Database) -> None:
    for table in RESTORED:
        assert await restore(restored, tables.db, table, apply=True) == Changes()
    assert all("Scan" in request for request in tables.log)


async def test_interrupted_restore_is_finished_by_the_next(
    tables: InterruptedDatabase, restored: Database
) -> None:
    before = await tables.rows()
    await mishap(tables)
    tables.after[2] = die  # the rows are written, and none is deleted yet
    with pytest.raises(CrashError):
        await restore(restored, tables.db, SCORES, apply=True)
    tables.restart()
    assert await restore(restored, tables.db, SCORES, apply=True) == Changes(deleted=1)
    after = await tables.rows()
    assert by_text(after[SCORES.name]) == by_text(before[SCORES.name])


@pytest.mark.parametrize("table", RESTORED, ids=lambda table: table.name)
async def test_player_deleted_since_stays_deleted(
    tables: InterruptedDatabase, restored: Database, table: Table
) -> None:
    await players.bury(tables.direct, ADA, NOW)
    await restore(restored, tables.db, table, apply=True)
    rows = str((await tables.rows())[table.name])
    assert ADA not in rows
    assert BOB in rows


def test_derived_and_temporary_tables_are_not_restored() -> None:
    assert set(TABLES) - set(RESTORED) == {BUDGETS, CONNECTIONS, LEADERBOARDS, PLAYERS, RANKS}
