"""Boards that another run of the laptop's backend published: they count as never published."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from game.board import Entry
from game.catalogue import Board
from realtime.protocol import encode_snapshot
from store import boards
from store.database import Database, to_item
from store.profiles import Profile
from store.schema import LEADERBOARDS
from store.submission import submit
from tests.unit.realtime.fakes import NOW, recorded_database
from tests.unit.store.appearance_scene import CATALOGUE

FOREST: Board = CATALOGUE.boards["forest"]


@pytest.fixture
async def db() -> AsyncIterator[Database]:
    async with recorded_database() as tables:
        yield tables.direct


def of_run(db: Database, run: str | None) -> Database:
    return replace(db, run=run)


async def test_board_of_another_run_is_published_as_the_table_has_it_now(db: Database) -> None:
    first, second = of_run(db, "one"), of_run(db, "two")
    lost = Entry(rank=1, user_id="ada", name="Ada", avatar=None, points=9, achieved_at=NOW)
    read = await boards.load_or_create(first, FOREST, NOW, encode_snapshot)
    await boards.publish(first, read, (lost,), "{}", now=NOW, collapse=False)
    assert await boards.load(second, "forest") is None
    assert await boards.load_many(second, ["forest"]) == {}
    await submit(db, CATALOGUE, Profile(user_id="bob", name="Bob"), "forest", 5, NOW)
    again = await boards.load_or_create(second, FOREST, NOW, encode_snapshot)
    assert again.position == (NOW + 1, 1), "clients that come back must not take it for what they hold"
    assert [entry.user_id for entry in again.entries] == ["bob"]
    assert again.outbox == {}, "no client of this run holds what the other run published"
    assert await boards.load(second, "forest") == again


async def test_publisher_of_another_run_is_stale(db: Database) -> None:
    first, second = of_run(db, "one"), of_run(db, "two")
    read = await boards.load_or_create(first, FOREST, NOW, encode_snapshot)
    await boards.load_or_create(second, FOREST, NOW, encode_snapshot)
    with pytest.raises(boards.StaleBoardError):
        await boards.publish(first, read, (), "{}", now=NOW, collapse=False)


async def test_board_stays_of_its_run_from_version_to_version(db: Database) -> None:
    first = of_run(db, "one")
    read = await boards.load_or_create(first, FOREST, NOW, encode_snapshot)
    published = await boards.publish(first, read, (), "{}", now=NOW, collapse=False)
    assert await boards.load(first, "forest") == published


async def test_board_that_lost_its_run_reaches_the_clients_of_this_one(db: Database) -> None:
    """Another hand wrote the row, and clients hold the board as it was."""
    first = of_run(db, "one")
    await boards.load_or_create(first, FOREST, NOW, encode_snapshot)
    row = {"gameArea": "forest", "epoch": NOW, "version": 2, "entries": "[]", "outbox": {}}
    await db.client.put_item(TableName=LEADERBOARDS.name, Item=to_item(row))
    again = await boards.load_or_create(first, FOREST, NOW, encode_snapshot)
    assert (again.epoch, [*again.outbox]) == (NOW + 1, [1])


async def test_boards_of_functions_hold_for_all_of_them(db: Database) -> None:
    made = await boards.load_or_create(db, FOREST, NOW, encode_snapshot)
    assert await boards.load(db, "forest") == made
