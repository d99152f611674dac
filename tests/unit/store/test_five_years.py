"""Five years of a game: a hundred areas come and go each year, and a player of the first day stays."""

from store.database import BATCH_WRITE_LIMIT
from store.schema import SCORES, STANDINGS
from store.submission import submit
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import (
    TOKEN,
    catalogue_with,
    erase,
    left_of,
    rename,
    show,
    shown,
)
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase

YEARS = 5
AREAS = 100


async def test_player_of_the_first_day_renames_changes_the_portrait_and_is_erased(
    tables: InterruptedDatabase,
) -> None:
    for year in range(YEARS):
        names = [f"year-{year}-area-{number}" for number in range(AREAS)]
        # A catalogue for each half: a file has fewer areas yet.
        for catalogue in (catalogue_with(names[::2]), catalogue_with(names[1::2])):
            for points, area in enumerate(catalogue.areas):
                await submit(tables.direct, catalogue, TOKEN, area, points, NOW)
    rows = YEARS * AREAS
    assert len((await tables.rows())[STANDINGS.name]) == rows
    await rename(tables.db, "Lovelace")
    assert {(name, avatar) for _, name, avatar in (await shown(tables)).values()} == {("Lovelace", None)}
    await show(tables.db, "avatars/ada/1")
    assert {(name, avatar) for _, name, avatar in (await shown(tables)).values()} == {
        ("Lovelace", "avatars/ada/1")
    }
    assert len(await shown(tables)) == rows
    tables.restart()
    assert (await erase(tables.db)).users == 1
    assert await left_of(tables, ADA) == ""
    assert (await tables.rows())[SCORES.name] == []
    assert len(tables.log) <= 2 * rows / BATCH_WRITE_LIMIT + 20
