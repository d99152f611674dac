"""The conversion of the data that release 0.1.0 wrote, from rows that it did write: see `earlier/make.py`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from game.catalogue import load_catalogue
from ops import command, migrate
from ops.boards import _check
from store import conversion, scores, standings
from store.board_rules import settle
from store.conversion import UnconvertedError
from store.database import Database, to_item
from store.profiles import Profile
from store.submission import Submission, submit
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import clean
from tests.unit.store.interrupted import InterruptedDatabase, die, interrupted_database, moments

EARLIER = json.loads((Path(__file__).parent / "earlier" / "release-0.1.0.json").read_text(encoding="utf-8"))
CATALOGUE = load_catalogue()
ADA = next(row["userId"]["S"] for row in EARLIER["UserProfiles"] if row["name"] == {"S": "Lovelace"})


@pytest.fixture
async def tables() -> AsyncIterator[InterruptedDatabase]:
    async with interrupted_database() as it:
        await load(it)
        yield it


async def load(tables: InterruptedDatabase) -> None:
    await tables.clear()
    for name, rows in EARLIER.items():
        for row in rows:
            await tables.direct.client.put_item(TableName=name, Item=row)
    tables.restart()


async def convert(db: Database, *, apply: bool = True) -> conversion.Converted:
    return await conversion.convert(db, apply=apply, now_ms=lambda: NOW, told=lambda _: None)


async def state(tables: InterruptedDatabase) -> dict[str, list[str]]:
    """Return every row but for revisions, which are random."""
    return {
        name: sorted(json.dumps(row | {"revision": ""}, default=str, sort_keys=True) for row in rows)
        for name, rows in (await tables.rows()).items()
    }


async def held(db: Database, player: str) -> dict[str, int]:
    return await standings.points(db, player, {*CATALOGUE.areas, *CATALOGUE.boards})


async def test_unconverted_data_is_refused_by_name(tables: InterruptedDatabase) -> None:
    with pytest.raises(UnconvertedError, match=r"data is that of release 0\.1\.0.*python -m ops\.migrate"):
        await conversion.require(tables.db)
    assert tables.log == ["GetItem Leaderboards"] * 3, "no scan"
    with pytest.raises(UnconvertedError):
        await _check(tables.db)


async def test_data_older_than_rules_is_refused_on_a_laptop(tables: InterruptedDatabase) -> None:
    for row in EARLIER["Leaderboards"]:
        await tables.direct.client.delete_item(TableName="Leaderboards", Key={"gameArea": row["gameArea"]})
    with pytest.raises(UnconvertedError, match="make migrate"):
        await conversion.require(tables.db, thorough=True, command="make migrate")
    with pytest.raises(UnconvertedError):
        await _check(tables.db)


async def test_fresh_installation_is_marked_once_and_starts(tables: InterruptedDatabase) -> None:
    await tables.clear()
    await conversion.require(tables.db, thorough=True)
    await settle(tables.db, CATALOGUE)
    tables.restart()
    await conversion.require(tables.db, thorough=True)
    assert tables.log == ["GetItem Leaderboards"]
    await _check(tables.db)


async def test_two_functions_that_start_at_once_on_fresh_tables_both_start(
    tables: InterruptedDatabase,
) -> None:
    async def other() -> None:
        await conversion.require(tables.direct)
        await settle(tables.direct, CATALOGUE)

    for side, number in moments(3):
        await tables.clear()
        getattr(tables, side)[number] = other
        await conversion.require(tables.db)


async def test_dry_run_writes_nothing_and_says_what_would_be_done(tables: InterruptedDatabase) -> None:
    before = await tables.rows()
    done = await convert(tables.db, apply=False)
    assert await tables.rows() == before
    assert done.sentence(applied=False) == (
        "6 standings of 2 players to be written, 0 names to be brought to their boards, "
        "1 deletions to be handed to the janitor"
    )


async def test_what_players_have_is_what_they_had(tables: InterruptedDatabase) -> None:
    rows = {name: (await tables.rows())[name] for name in ("Scores", "UserProfiles", "Idempotency")}
    done = await convert(tables.db)
    assert (done.players, done.standings, done.left) == (2, 6, [])
    assert await held(tables.direct, ADA) == {"forest": 60, "desert": 7, "sprint": 61_250, "global": 67}
    after = await tables.rows()
    assert {name: after[name] for name in rows} == rows
    (ada,) = [row for row in after["UserProgress"] if row["userId"] == ADA]
    assert "bests" not in ada
    assert (ada["money"], ada["checkpoint"]) == (50, '{"at": [1.5, null]}')
    await conversion.require(tables.db)
    await settle(tables.db, CATALOGUE)
    player = Profile(user_id=ADA, name="Ada")
    assert (await submit(tables.db, CATALOGUE, player, "desert", 7, NOW)).model_copy(
        update={"boards": ()}
    ) == Submission(best=7, improved=False)
    assert (await submit(tables.db, CATALOGUE, player, "desert", 9, NOW)).model_copy(
        update={"boards": ()}
    ) == Submission(best=9, improved=True)
    assert [one.points for one in await scores.top(tables.db, CATALOGUE.boards["global"])] == [69, 55]
    assert [one.name for one in await scores.top(tables.db, CATALOGUE.boards["desert"])] == ["Lovelace"]


async def test_conversion_that_died_anywhere_goes_on_and_a_second_one_changes_nothing(
    tables: InterruptedDatabase,
) -> None:
    await with_unshown(tables)
    await convert(tables.db)
    requests, once = len(tables.log), await state(tables)
    await convert(tables.db)
    assert await state(tables) == once
    await clean(tables.direct)
    whole = await state(tables)
    for side, number in moments(requests):
        await load(tables)
        await with_unshown(tables)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await convert(tables.db)
        done = (side, number) == ("after", requests - 1)
        assert await conversion.is_converted(tables.direct) is done, "declared done too early"
        tables.restart()
        await convert(tables.db)
        await clean(tables.direct)  # who died within a name's change leaves the rest to the janitor
        # A look may have been begun twice.
        assert without_looks(await state(tables)) == without_looks(whole), (side, number)


def without_looks(state: dict[str, list[str]]) -> dict[str, list[Any]]:
    look = {"look": "", "pending": "", "pendingSince": ""}
    return {name: [json.loads(row) | look for row in rows] for name, rows in state.items()}


async def with_unshown(tables: InterruptedDatabase) -> None:
    """Ada's new name had not reached the sprint when the process died."""
    (profile,) = [row for row in EARLIER["UserProfiles"] if row["userId"]["S"] == ADA]
    unshown = profile | to_item({"unshown": ["sprint"]})
    await tables.direct.client.put_item(TableName="UserProfiles", Item=unshown)
    for row in EARLIER["Scores"]:
        if row["gameArea"]["S"] == "sprint":
            await tables.direct.client.put_item(TableName="Scores", Item=row | to_item({"name": "Ada"}))
    tables.restart()


async def test_name_that_had_not_reached_all_boards_reaches_them(tables: InterruptedDatabase) -> None:
    await with_unshown(tables)
    assert (await convert(tables.db)).names == 1
    rows = (await tables.rows())["Scores"]
    assert {row["name"] for row in rows if row["userId"] == ADA} == {"Lovelace"}
    (profile,) = [row for row in (await tables.rows())["UserProfiles"] if row["userId"] == ADA]
    assert "unshown" not in profile


async def test_new_name_in_a_damaged_profile_stops_no_other(
    tables: InterruptedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    await with_unshown(tables)
    damaged = to_item({"userId": ADA, "name": {"a": 1}, "unshown": ["sprint"]})
    await tables.direct.client.put_item(TableName="UserProfiles", Item=damaged)
    await convert(tables.db)
    assert await conversion.is_converted(tables.direct)
    assert f"name of player {ADA} has not reached all boards" in caplog.text


async def test_deletion_that_died_is_finished_by_the_janitor(tables: InterruptedDatabase) -> None:
    """A tombstone of 0.1.0 did not say whether all else was gone."""
    died = to_item({"userId": ADA, "deletedAt": NOW - 1, "expiresAt": NOW // 1000})
    await tables.direct.client.put_item(TableName="Players", Item=died)
    assert (await convert(tables.db)).deletions == 2
    await clean(tables.direct, finished=2)
    after = await tables.rows()
    kept = {"Players", "Leaderboards"}  # boards are published again
    assert ADA not in str([rows for name, rows in after.items() if name not in kept])
    assert {row["deletedAt"] for row in after["Players"]} >= {NOW - 1}
    assert all("expiresAt" in row and "pending" not in row for row in after["Players"])


async def test_player_of_more_boards_than_a_transaction_takes_is_converted(
    tables: InterruptedDatabase,
) -> None:
    """Boards come and go; what players had on them stays."""
    boards = [f"board-{number}" for number in range(250)]
    await set_bests(tables, lambda bests: {"M": dict.fromkeys(boards, bests["M"]["forest"])})
    done = await convert(tables.db)
    assert done.standings == 252
    held = [page async for page in standings.pages(tables.direct, ADA)]
    assert sorted(item["board"]["S"] for page in held for item in page) == sorted(boards)
    assert len([entry for entry in tables.log if "Transact" in entry]) == 1 + 3


async def test_player_takes_one_request(tables: InterruptedDatabase) -> None:
    await convert(tables.db)
    assert [entry for entry in tables.log if "Transact" in entry] == ["TransactWriteItems"] * 2
    assert len(tables.log) == 8, "and what does not depend on the players"


async def test_standing_that_is_there_already_is_kept(tables: InterruptedDatabase) -> None:
    newer = to_item({"userId": ADA, "board": "forest", "points": 99, "achievedAt": NOW, "revision": "r"})
    await tables.direct.client.put_item(TableName="Standings", Item=newer)
    await convert(tables.db)
    assert (await held(tables.direct, ADA))["forest"] == 99


@pytest.mark.parametrize("damage", [{"S": "gold"}, {"M": {"points": {"S": "many"}}}], ids=str)
async def test_best_that_cannot_be_read_damages_its_board_alone(
    tables: InterruptedDatabase, damage: dict[str, Any]
) -> None:
    await set_bests(tables, lambda bests: {"M": bests["M"] | {"forest": damage}})
    assert (await convert(tables.db)).left == []
    assert await held(tables.direct, ADA) == {"desert": 7, "sprint": 61_250, "global": 67}
    (row,) = [
        row for row in (await tables.rows())["Standings"] if (row["userId"], row["board"]) == (ADA, "forest")
    ]
    assert "gold" in row.values() or "many" in row.values(), "nothing is lost"


async def test_bests_that_are_no_map_are_left_and_nothing_is_declared_done(
    tables: InterruptedDatabase,
) -> None:
    await set_bests(tables, lambda _: {"S": "many"})
    said: list[str] = []
    with pytest.raises(migrate.UnreadableError, match=ADA):
        await migrate.report(tables.db, apply=True, told=said.append)
    assert "2 standings of 1 players written" in said[-1]
    with pytest.raises(UnconvertedError):
        await conversion.require(tables.db)
    await set_bests(tables, lambda _: {"M": {}})
    await migrate.report(tables.db, apply=True, told=said.append)
    await migrate.report(tables.db, apply=True, told=said.append)
    assert said[-1] == "The data has the form of this release already: there is nothing to convert."


async def set_bests(tables: InterruptedDatabase, change: Any) -> None:
    (row,) = [row for row in EARLIER["UserProgress"] if row["userId"]["S"] == ADA]
    damaged = row | {"bests": change(row["bests"])}
    await tables.direct.client.put_item(TableName="UserProgress", Item=damaged)


async def test_game_that_is_still_open_stops_the_conversion(tables: InterruptedDatabase) -> None:
    """A function of the earlier release writes a better score meanwhile: it must not be lost."""
    await convert(tables.db)
    requests = len(tables.log)
    await load(tables)

    async def play() -> None:
        await set_bests(tables, lambda bests: {"M": {**bests["M"], "desert": bests["M"]["forest"]}})

    # Ada's row is read in the first request, and her standings are written in the next.
    tables.after[1] = play
    with pytest.raises(conversion.RunningError, match="close the game"):
        await convert(tables.db)
    assert requests > 2
    assert not await conversion.is_converted(tables.direct)


async def test_command_before_the_table_is_deployed_says_what_to_deploy(tables: InterruptedDatabase) -> None:
    await tables.direct.client.delete_table(TableName="Standings")
    await migrate.report(tables.db, apply=False, told=print)
    with pytest.raises(migrate.NoStandingsError, match="`make tables` deploys it"):
        await migrate.report(tables.db, apply=True, told=print)


def test_command_names_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def nothing(_: object, prefix: str) -> AsyncIterator[Database]:
        async with interrupted_database() as tables:
            yield Database(tables.direct.client, prefix)

    monkeypatch.setattr(command, "open_database", nothing)
    with pytest.raises(SystemExit, match="no tables podium-prod-"):
        migrate.main(["podium-prod-", "--apply"])
