"""What boards' rows were written under is kept with them, and an edit that would break them is refused."""

import asyncio
from typing import Any

import pytest

from game.board_rules import Break
from game.catalogue import Catalogue
from realtime.protocol import encode_snapshot
from store import board_rules, boards, scores, standings
from store.board_rules import (
    ROW_KEY,
    Admission,
    BrokenBoardsError,
    Dropped,
    RowsLeftError,
    UnknownBoardError,
    explain,
    find_breaks,
    find_misfits,
    settle,
)
from store.database import to_item
from store.errors import RowError
from store.profiles import Profile
from store.schema import LEADERBOARDS, SCORES
from store.submission import submit
from tests.simulation.faults import CrashError
from tests.support.catalogues import edited
from tests.unit.realtime.fakes import NOW
from tests.unit.store.interrupted import InterruptedDatabase, die, moments

FOREST = {"title": "Forest", "order": "desc", "min": 0, "max": 1_000, "top": 3}
SPRINT = FOREST | {"order": "asc", "min": 1}
COINS = {"name": "coins", "order": "desc", "min": 0, "max": 9}


PLAIN = Catalogue.model_validate(
    {
        "areas": {"forest": FOREST, "desert": FOREST, "sprint": SPRINT},
        "boards": {"global": {"title": "All", "top": 3, "areas": ["forest", "desert"]}},
    }
)


def catalogue(summed: str = "forest desert", **areas: dict[str, Any] | None) -> Catalogue:
    """Return PLAIN with changes by area, None for one that is gone, and another sum."""
    edits = {
        name: FOREST | changes if name == "cave" and changes is not None else changes
        for name, changes in areas.items()
    }
    return edited(PLAIN, areas=edits, boards={"global": {"areas": summed.split()}})


FLIPPED = catalogue("desert", forest={"order": "asc"})


async def score(
    tables: InterruptedDatabase, player: str, points: int, area: str = "forest", rules: Catalogue = PLAIN
) -> None:
    profile = Profile(user_id=player, name=player.title())
    await submit(tables.direct, rules, profile, area, points, NOW)


async def players(tables: InterruptedDatabase, board: str) -> list[str]:
    """Whose rows are on a board, in the order of the keys."""
    answer = await tables.direct.client.query(
        TableName=SCORES.name,
        KeyConditionExpression="gameArea = :board",
        ExpressionAttributeValues=to_item({":board": board}),
    )
    return [item["userId"]["S"] for item in answer["Items"]]


async def refused(tables: InterruptedDatabase, rules: Catalogue) -> list[str]:
    """Return the boards that a start with this catalogue is refused for."""
    found = await settle(tables.direct, rules)
    assert found == await find_breaks(tables.direct, rules), "a deployment is told the same"
    return [one.board for one in found]


async def drop(
    tables: InterruptedDatabase, rules: Catalogue, board: str, *, apply: bool = True
) -> list[Dropped]:
    told: list[Dropped] = []
    await board_rules.drop(tables.db, rules, board, apply=apply, told=told.append)
    return told


async def written(tables: InterruptedDatabase) -> Any:
    """Return the row as stored."""
    answer = await tables.direct.client.get_item(
        TableName=LEADERBOARDS.name, Key=to_item({"gameArea": ROW_KEY})
    )
    return answer.get("Item")


async def test_catalogue_that_stays_costs_one_read(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    assert await settle(tables.db, PLAIN) == []
    assert tables.log == ["GetItem Leaderboards"]


@pytest.mark.parametrize(
    ("rules", "broken"),
    [
        (FLIPPED, ["forest", "global"]),
        (catalogue("desert"), ["global"]),
        (catalogue("forest desert sprint", sprint={"order": "desc"}), ["sprint", "global"]),
        (catalogue("desert", forest=None), ["global"]),
        (catalogue(forest={"max": 49}), ["forest"]),
        (catalogue(forest={"max": 50}), []),
        (catalogue(forest={"max": 5_000}), []),
        (catalogue(sprint={"min": 41}), ["sprint"]),
        (catalogue(sprint=None), []),
        (catalogue("forest desert cave", cave={}), []),
        (catalogue(forest={"tiebreak": COINS}), ["forest"]),
        (catalogue(forest={"keep": "sum"}), ["forest"]),
        (catalogue(forest={"keep": "latest", "max": 49}), []),
        (catalogue(forest={"metadata": 64}), []),
        (catalogue(forest={"top": None}), []),
        (catalogue(forest={"title": "Wood", "top": 9}), []),
    ],
)
async def test_start_is_refused_where_the_edit_breaks_rows(
    tables: InterruptedDatabase, rules: Catalogue, broken: list[str]
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    await score(tables, "ada", 40, "sprint")
    assert sorted(await refused(tables, rules)) == sorted(broken)
    assert await refused(tables, PLAIN) == [], "set back, it starts"


async def test_board_without_rows_takes_the_new_rules_and_holds_to_them(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    assert await refused(tables, FLIPPED) == []
    await score(tables, "ada", 50, rules=FLIPPED)
    assert await refused(tables, FLIPPED) == []
    assert await refused(tables, PLAIN) == ["forest", "global"][:1], "no sum was made"


async def test_rows_of_an_area_that_was_away_are_still_those_of_its_rules(
    tables: InterruptedDatabase,
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 40, "sprint")
    assert await refused(tables, catalogue(sprint=None)) == []
    assert await refused(tables, catalogue(sprint={"order": "desc"})) == ["sprint"]
    assert await refused(tables, PLAIN) == []


async def test_sums_that_lack_an_area_with_scores_are_refused(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, catalogue(cave={}))
    await score(tables, "ada", 7, "cave", catalogue(cave={}))
    await score(tables, "ada", 5)
    assert await refused(tables, catalogue("forest desert cave", cave={})) == ["global"]


async def test_area_without_a_board_counts_as_one_with_scores_once_it_is_known(
    tables: InterruptedDatabase,
) -> None:
    hidden = {"top": None}
    summed = "forest desert cave"
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    assert await refused(tables, catalogue(summed, cave=hidden)) == [], "it is new"
    assert await refused(tables, catalogue(cave=hidden)) == ["global"]
    assert await refused(tables, catalogue(summed, cave=hidden | {"order": "desc", "keep": "sum"})) == [
        "cave"
    ]


async def test_boards_that_were_never_written_down_are_not_looked_at(tables: InterruptedDatabase) -> None:
    wide = edited(PLAIN, areas={f"level-{number}": FOREST for number in range(300)})
    for rules in (PLAIN, wide):
        tables.log.clear()
        assert await settle(tables.db, rules) == []
        assert tables.log == ["GetItem Leaderboards", "PutItem Leaderboards"]


async def test_rules_of_the_largest_game_stay_a_small_row(tables: InterruptedDatabase) -> None:
    wide = edited(PLAIN, areas={f"area-{number}": FOREST | {"max": 1 + number} for number in range(2_400)})
    await settle(tables.direct, wide)
    item = await written(tables)
    assert len(item["boards"]["B"]) < 50_000
    assert await refused(tables, edited(wide, areas={"area-7": {"order": "asc"}})) == []
    await score(tables, "ada", 1, "area-7", wide)
    flipped = edited(wide, areas={"area-7": {"order": "asc"}})
    assert await refused(tables, flipped) == []


async def test_rules_that_the_first_release_wrote_are_read(tables: InterruptedDatabase) -> None:
    await score(tables, "ada", 50)
    text = (
        '{"forest":{"order":"desc","min":0,"max":1000},"global":{"order":"desc","areas":["desert","forest"]}}'
    )
    item = to_item({"gameArea": ROW_KEY, "revision": "1", "boards": text})
    await tables.direct.client.put_item(TableName=LEADERBOARDS.name, Item=item)
    assert await refused(tables, FLIPPED) == ["forest", "global"]
    assert await refused(tables, PLAIN) == []


async def test_of_many_broken_boards_the_first_are_named(tables: InterruptedDatabase) -> None:
    found = [Break(f"level-{number}", f"areas.level-{number}.order", "1", "2") for number in range(30)]
    lines = explain(found, "make {mend} board={board}").splitlines()
    assert len(lines) == 21
    assert lines[-1].startswith("10 more boards")


async def test_tables_without_the_row_are_adopted(tables: InterruptedDatabase) -> None:
    await score(tables, "ada", 50)
    assert await settle(tables.direct, PLAIN, thorough=True) == []
    assert await refused(tables, FLIPPED) == ["forest", "global"]


async def test_tables_without_the_row_are_looked_at_where_there_are_scores(
    tables: InterruptedDatabase,
) -> None:
    for rules, looks in ((PLAIN, []), (FLIPPED, ["forest"]), (catalogue(forest={"max": 49}), ["forest"])):
        tables.log.clear()
        found = await find_breaks(tables.db, rules, thorough=True)
        assert [one.board for one in found] == looks
        if rules is PLAIN:
            assert tables.log == ["GetItem Leaderboards", "Scan Scores"], "there is nothing to look at"
            await score(tables, "ada", 50)


async def test_damaged_rows_in_front_do_not_hide_what_the_others_tell(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    await tables.direct.client.put_item(
        TableName=SCORES.name, Item=to_item({"gameArea": "forest", "score": "~not a key"})
    )
    assert await refused(tables, catalogue(forest={"max": 49})) == ["forest"]
    assert await refused(tables, catalogue(forest={"max": 50})) == []


async def test_deployment_is_looked_at_and_nothing_is_written(tables: InterruptedDatabase) -> None:
    await find_breaks(tables.direct, PLAIN)
    assert await written(tables) is None
    await settle(tables.direct, PLAIN)
    before = await written(tables)
    await find_breaks(tables.direct, FLIPPED)
    assert await written(tables) == before


async def test_two_processes_that_start_at_once_agree(tables: InterruptedDatabase) -> None:
    assert await asyncio.gather(*(settle(tables.direct, PLAIN) for _ in range(5))) == [[]] * 5
    assert await refused(tables, PLAIN) == []


@pytest.mark.parametrize("side", ["before", "after"])
async def test_start_that_loses_the_race_looks_again(tables: InterruptedDatabase, side: str) -> None:
    """Another process starts with other rules, and takes a score, between this one's look and its write."""

    async def other() -> None:
        assert await settle(tables.direct, FLIPPED) == []
        await score(tables, "ada", 50, rules=FLIPPED)

    await settle(tables.direct, catalogue(forest={"max": 5}))
    getattr(tables, side)[0] = other
    assert [one.board for one in await settle(tables.db, PLAIN)] == ["forest"]
    assert await refused(tables, FLIPPED) == []


DAMAGED = [
    {"revision": "1", "boards": "{"},
    {"boards": "{}"},
    {"revision": 7, "boards": "{}"},
    {"revision": "1"},
    {"revision": "1", "boards": '{"forest": {"order": "up"}}'},
]


@pytest.mark.parametrize("damage", DAMAGED)
async def test_damaged_row_is_written_again_when_the_sums_are_dropped(
    tables: InterruptedDatabase, damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    broken = to_item({"gameArea": ROW_KEY} | damage)
    await tables.direct.client.put_item(TableName=LEADERBOARDS.name, Item=broken)
    assert await refused(tables, PLAIN) == ["global"]
    assert ROW_KEY in caplog.text
    assert await written(tables) == broken
    assert explain(await settle(tables.direct, PLAIN), "make {mend} board={board}") == (
        "board global: what its rows are sums over cannot be read any more. "
        "Please drop the rows: `make drop board=global` says what it would do."
    )
    assert await drop(tables, PLAIN, "global") == [Dropped("global", 1)]
    assert await refused(tables, PLAIN) == []
    assert await players(tables, "forest") == ["ada"]
    assert await refused(tables, catalogue("desert", forest={"max": 60})) == []
    assert await refused(tables, catalogue("desert", forest={"max": 40})) == ["forest"]


@pytest.mark.parametrize("damage", DAMAGED)
async def test_rows_tell_their_order_and_bound_where_the_rules_are_damaged(
    tables: InterruptedDatabase, damage: dict[str, Any]
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50, "sprint")
    item = to_item({"gameArea": ROW_KEY} | damage)
    await tables.direct.client.put_item(TableName=LEADERBOARDS.name, Item=item)
    assert await refused(tables, catalogue(sprint={"order": "desc"})) == ["sprint"]
    with pytest.raises(RowError, match=ROW_KEY):
        await find_misfits(tables.direct, tables.direct)
    assert await written(tables) == item
    assert await refused(tables, catalogue(sprint={"min": 51})) == ["sprint"]
    assert await refused(tables, PLAIN) == []


async def test_dropping_takes_the_rows_and_the_sums_over_them(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    for player in ("ada", "bo"):
        await score(tables, player, 50)
    await score(tables, "ada", 5, "desert")
    asked = await drop(tables, FLIPPED, "forest", apply=False)
    assert asked == [Dropped("global", 2), Dropped("forest", 2)]
    assert await players(tables, "forest") == ["ada", "bo"]
    assert await refused(tables, FLIPPED) == ["forest", "global"]
    assert await drop(tables, FLIPPED, "forest") == asked
    assert [await players(tables, board) for board in ("forest", "global", "desert")] == [[], [], ["ada"]]
    assert await refused(tables, FLIPPED) == []


@pytest.mark.parametrize(("board", "left"), [("global", []), ("sprint", ["bo", "ada"])])
async def test_only_what_depends_on_the_board_is_dropped(
    tables: InterruptedDatabase, board: str, left: list[str]
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    await score(tables, "bo", 40)
    await drop(tables, PLAIN, board)
    assert await players(tables, "global") == left
    assert await players(tables, "forest") == ["bo", "ada"]


async def test_best_without_its_row_does_not_count_under_the_new_rules(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    await score(tables, "ada", 5, "desert")
    await drop(tables, FLIPPED, "forest")
    await settle(tables.direct, FLIPPED)
    await score(tables, "ada", 60, rules=FLIPPED)
    held = await standings.load(tables.direct, "ada", "forest")
    assert held is not None
    assert held.points == 60, "worse than 50, but alone"
    (entry,) = await scores.top(tables.direct, FLIPPED.boards["forest"])
    assert (entry.user_id, entry.points) == ("ada", 60)
    await score(tables, "ada", 6, "desert", FLIPPED)
    (total,) = await scores.top(tables.direct, FLIPPED.boards["global"])
    assert total.points == 6, "the sum is over what counts now"


async def test_board_whose_rows_were_dropped_is_published_again_in_a_later_epoch(
    tables: InterruptedDatabase,
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    forest = PLAIN.boards["forest"]
    before = await boards.load_or_create(tables.direct, forest, NOW, encode_snapshot)
    await drop(tables, PLAIN, "forest")
    assert await boards.load(tables.direct, "forest") is None
    with pytest.raises(boards.StaleBoardError):
        await boards.publish(tables.direct, before, before.entries, "late", now=NOW, collapse=False)
    after = await boards.load_or_create(tables.direct, forest, NOW, encode_snapshot)
    assert (after.position, after.entries) == ((NOW + 1, 1), ())
    assert '"type":"snapshot"' in after.outbox[1]


async def test_drop_that_dies_anywhere_is_finished_by_the_next(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill() -> None:
        await tables.clear()
        await settle(tables.direct, PLAIN)
        for number in range(4):
            await score(tables, f"player-{number}", number)
        tables.restart()

    await fill()
    await drop(tables, PLAIN, "forest")
    for side, number in moments(len(tables.log)):
        await fill()
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await drop(tables, PLAIN, "forest")
        rows = await players(tables, "forest")
        assert set(rows) in (set(), {f"player-{number}" for number in range(4)})
        assert await refused(tables, FLIPPED) == (["forest"] if rows else []) + (
            ["global"] if await players(tables, "global") else []
        )
        tables.restart()
        await drop(tables, PLAIN, "forest")
        assert await players(tables, "forest") == await players(tables, "global") == []
        assert await refused(tables, FLIPPED) == []


async def test_worst_rows_go_first(tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.database.BATCH_WRITE_LIMIT", 1)
    await settle(tables.direct, PLAIN)
    for player, points in (("ada", 30), ("bo", 20), ("cy", 10)):
        await score(tables, player, points)
        await score(tables, player, points, "sprint")
    for board, left in (("forest", ["ada"]), ("sprint", ["cy"])):
        tables.restart()
        while not [one for one in tables.log if one.startswith("BatchWriteItem")]:
            tables.restart()
            deletes = 2 + (1 + 3 + 4 if board == "forest" else 0)  # behind those of the sums, for the forest
            tables.after[1 + deletes] = die
            with pytest.raises(CrashError):
                await drop(tables, PLAIN, board)
        assert await players(tables, board) == left


async def test_rows_that_are_written_during_a_drop_are_reported(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50, "sprint")

    async def late() -> None:
        await score(tables, "bo", 60, "sprint")

    number = 2
    tables.after[number] = late
    with pytest.raises(RowsLeftError, match="sprint"):
        await drop(tables, PLAIN, "sprint")
    assert await players(tables, "sprint") == ["bo"]
    assert await refused(tables, catalogue(sprint={"order": "desc"})) == ["sprint"]


async def test_unknown_board_is_named(tables: InterruptedDatabase) -> None:
    with pytest.raises(UnknownBoardError, match="'forrest'; there are desert, forest, global, sprint"):
        await drop(tables, PLAIN, "forrest")


async def test_function_is_kept_out_until_the_board_is_dropped(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    admission = Admission(tables.db, FLIPPED, settle)
    for _ in range(2):
        with pytest.raises(BrokenBoardsError) as refusal:
            await admission.require()
    first = str(refusal.value).splitlines()[0]
    assert 'written under "desc", and areas.forest.order is "asc"' in first
    assert "`python -m ops.boards drop  forest`" in first
    await drop(tables, FLIPPED, "forest")
    await admission.require()
    tables.log.clear()
    await admission.require()
    assert tables.log == [], "it is asked once"


async def test_row_beyond_a_bound_is_logged_and_keeps_no_function_out(
    tables: InterruptedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 50)
    await Admission(tables.db, catalogue(forest={"max": 40}), settle).require()
    assert "max 1000, one of them with 50 points, and areas.forest.max is 40" in caplog.text
    assert await refused(tables, catalogue(forest={"max": 40})) == ["forest"], "it is not forgotten"
