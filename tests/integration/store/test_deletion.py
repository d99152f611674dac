"""A player's deletion on the emulator, with any number of rows and with everything else at the same time."""

import asyncio
import json
from contextlib import suppress
from typing import cast

import pytest

from game.catalogue import Board, Catalogue
from game.standing import Held
from store import appearance, players, profiles, scores, standings
from store.database import Database
from store.deletion import delete_player
from store.players import DeletedError
from store.portraits import PortraitBucket
from store.profiles import Profile
from store.schema import PLAYERS, SCORES, TABLES
from store.submission import submit
from tests.integration.real_time import NOW
from tests.support.waiting import PATIENCE_SECONDS

# Moto does transactions one after the other, and copies the tables for each.
pytestmark = pytest.mark.parametrize("engine", ["ministack"], indirect=True)

ADA = Profile(user_id="ada", name="Ada")
HELD = Held(5, NOW)
BOARDS = [f"board-{number}" for number in range(300)]


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, no row is left to the janitor."""
    monkeypatch.setattr(appearance, "SECONDS", PATIENCE_SECONDS)


class NoPictures:
    """A bucket with nothing in it."""

    async def delete_all(self, user_id: str) -> None:
        pass


async def nothing(*_: object) -> None:
    """No client is connected, and there is no user pool."""


async def erase(db: Database) -> None:
    pictures = cast(PortraitBucket, NoPictures())
    await delete_player(db, pictures, ADA.user_id, NOW, username="ada", hang_up=nothing, delete_user=nothing)


async def hold(db: Database) -> None:
    """Ada has a row on each of the boards."""
    sort_key = scores.sort_key(Board(id="any", order="asc", top=3), HELD, ADA.user_id)
    held = [standings.new_standing(ADA.user_id, name, HELD, sort_key) for name in BOARDS]
    for start in range(0, len(held), 40):
        part = held[start : start + 40]
        rows = [scores.put(db, one, ADA, unless_there=True) for one in part]
        await players.write(db, ADA.user_id, [*(standings.put(db, None, one) for one in part), *rows])


async def rename(db: Database, name: str) -> Profile:
    return await appearance.change(db, ADA, lambda profile: profile.model_copy(update={"name": name}), NOW)


async def rows(db: Database) -> str:
    """Return every row of every table, as text, but for tombstones."""
    answers = [await db.client.scan(TableName=db.name(table)) for table in TABLES if table != PLAYERS]
    return json.dumps([answer["Items"] for answer in answers])


async def names(db: Database) -> set[str]:
    items = (await db.client.scan(TableName=db.name(SCORES)))["Items"]
    assert len(items) == len(BOARDS)
    return {item["name"]["S"] for item in items}


async def test_player_on_300_boards_is_renamed_and_deleted(db: Database) -> None:
    await hold(db)
    await rename(db, "Lovelace")
    assert await names(db) == {"Lovelace"}
    await erase(db)
    assert ADA.user_id not in await rows(db)
    with pytest.raises(DeletedError):
        await rename(db, "Ada")


async def test_renames_at_once_leave_one_name(db: Database) -> None:
    await hold(db)
    await asyncio.gather(*(rename(db, f"Name {number}") for number in range(4)))
    stored = await profiles.load(db, ADA.user_id)
    assert stored is not None
    assert (await players.load_own(db, ADA.user_id)).pending is None
    assert await names(db) == {stored.name}


@pytest.mark.parametrize("head_start", [0, 0.01, 0.05])
async def test_scores_and_renames_at_the_same_time_bring_nothing_back(
    db: Database, catalogue: Catalogue, head_start: float
) -> None:
    async def play(points: int) -> None:
        with suppress(DeletedError):
            await submit(db, catalogue, ADA, "forest", points, NOW + points)
            await appearance.change(db, ADA, lambda profile: profile, NOW)

    async def leave() -> None:
        await asyncio.sleep(head_start)
        await erase(db)

    await asyncio.gather(leave(), *(play(points) for points in range(1, 9)))
    assert ADA.user_id not in await rows(db)
