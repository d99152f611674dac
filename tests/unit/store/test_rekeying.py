"""Rows that an edit of the catalogue would break are written again by a command."""

import asyncio
from typing import Any

import pytest

from game.catalogue import Catalogue
from game.rank_tree import EVERYTHING
from realtime.protocol import encode_snapshot
from store import board_rules, boards, players, row_ranges, scores, standings
from store.board_rules import UnknownBoardError, find_breaks, settle
from store.database import Database, to_item
from store.profiles import Profile
from store.rekeying import NotMendedError, Rekeyed, rekey
from store.schema import STANDINGS
from store.submission import submit
from tests.simulation.faults import CrashError
from tests.support.catalogues import edited
from tests.unit.realtime.fakes import NOW
from tests.unit.store.interrupted import InterruptedDatabase, die, moments

AREA = {"title": "A", "order": "desc", "min": 0, "max": 1_000, "top": 3}
COINS = {"name": "coins", "order": "desc", "min": 0, "max": 9}
PLAIN = Catalogue.model_validate(
    {
        "areas": {"forest": AREA, "desert": AREA, "cave": AREA | {"top": None}},
        "boards": {"total": {"title": "All", "top": 3, "areas": ["forest", "desert"]}},
    }
)
WITH_COINS = edited(PLAIN, areas={"forest": {"tiebreak": COINS, "metadata": 64}})


async def score(
    tables: InterruptedDatabase,
    player: str,
    points: int,
    area: str = "forest",
    rules: Catalogue = PLAIN,
    at: int = NOW,
    **run: Any,
) -> None:
    await submit(tables.direct, rules, Profile(user_id=player, name=player.title()), area, points, at, **run)


async def shown(db: Database, rules: Catalogue, board: str) -> list[tuple[str, int, int | None]]:
    """Return who is on a board, best first, with points and tie-break."""
    entries = await scores.top(db, rules.boards[board])
    return [(entry.user_id, entry.points, entry.tiebreak) for entry in entries]


async def rows(tables: InterruptedDatabase, board: str) -> int:
    return (await row_ranges.count(tables.direct, board, EVERYTHING)).seen


async def rewrite(
    tables: InterruptedDatabase, rules: Catalogue, board: str, *, apply: bool = True
) -> Rekeyed:
    return await rekey(tables.db, rules, board, lambda: NOW, apply=apply)


async def breaks(tables: InterruptedDatabase, rules: Catalogue) -> list[tuple[str, str]]:
    return [(one.board, one.mend) for one in await find_breaks(tables.direct, rules)]


async def test_tiebreak_that_comes_turns_and_goes(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5, at=NOW + 1)
    await score(tables, "bo", 5)
    assert await breaks(tables, WITH_COINS) == [("forest", "rekey")]
    asked = await rewrite(tables, WITH_COINS, "forest", apply=False)
    assert asked.sentence(applied=False) == "forest: 2 rows to be written again, of 2 players"
    assert await shown(tables.direct, PLAIN, "forest") == [("bo", 5, None), ("ada", 5, None)]
    assert await rewrite(tables, WITH_COINS, "forest") == asked
    assert await breaks(tables, WITH_COINS) == []
    assert await settle(tables.direct, WITH_COINS) == []
    assert await shown(tables.direct, WITH_COINS, "forest") == [("bo", 5, 0), ("ada", 5, 0)]

    await score(tables, "ada", 5, rules=WITH_COINS, tiebreak=3, metadata='"red"', at=NOW + 9)
    assert await shown(tables.direct, WITH_COINS, "forest") == [("ada", 5, 3), ("bo", 5, 0)]
    turned = edited(WITH_COINS, areas={"forest": {"tiebreak": COINS | {"order": "asc"}}})
    assert await breaks(tables, turned) == [("forest", "rekey")]
    await rewrite(tables, turned, "forest")
    assert await shown(tables.direct, turned, "forest") == [("bo", 5, 0), ("ada", 5, 3)]
    assert (await scores.top(tables.direct, turned.boards["forest"]))[1].metadata == "red"

    await settle(tables.direct, turned)
    await rewrite(tables, PLAIN, "forest")
    assert await shown(tables.direct, PLAIN, "forest") == [("bo", 5, None), ("ada", 5, None)]
    assert await settle(tables.direct, PLAIN) == []
    assert await rows(tables, "forest") == 2


async def test_sum_over_other_areas_is_computed_again(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    await score(tables, "ada", 7, "cave")
    await score(tables, "bo", 6)
    await score(tables, "cy", 9, "cave")
    assert await shown(tables.direct, PLAIN, "total") == [("bo", 6, None), ("ada", 5, None)]
    other = edited(PLAIN, boards={"total": {"areas": ["desert", "cave"]}})
    assert await breaks(tables, other) == [("total", "rekey")]
    done = await rewrite(tables, other, "total")
    assert (done.rows, done.left) == (3, 0)
    assert await settle(tables.direct, other) == []
    assert await shown(tables.direct, other, "total") == [("cy", 9, None), ("ada", 7, None)]
    assert await standings.load(tables.direct, "bo", "total") is None, "bo has been in none of its areas"
    await score(tables, "ada", 2, "desert", other)
    assert await shown(tables.direct, other, "total") == [("cy", 9, None), ("ada", 9, None)]


async def test_sum_that_comes_back_counts_what_came_meanwhile(tables: InterruptedDatabase) -> None:
    without = edited(PLAIN, boards={"total": None})
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 10)
    assert await settle(tables.direct, without) == []
    await score(tables, "ada", 20, rules=without)
    assert await settle(tables.direct, without) == []
    assert await breaks(tables, PLAIN) == [("total", "rekey")]
    await rewrite(tables, PLAIN, "total")
    assert await settle(tables.direct, PLAIN) == []
    await score(tables, "ada", 25)
    assert await shown(tables.direct, PLAIN, "total") == [("ada", 25, None)]


async def test_sum_that_comes_back_before_any_score_is_as_it_was(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    assert await settle(tables.direct, edited(PLAIN, boards={"total": None})) == []
    assert await settle(tables.direct, PLAIN) == []
    await score(tables, "ada", 10)
    assert await settle(tables.direct, PLAIN) == []


@pytest.mark.parametrize("top", [None, 3])
async def test_sum_by_the_id_of_an_area_that_is_gone_is_a_sum(
    tables: InterruptedDatabase, top: int | None
) -> None:
    with_cup = edited(PLAIN, areas={"cup": AREA | {"top": top}})
    await settle(tables.direct, with_cup)
    await score(tables, "ada", 500, "cup", with_cup)
    summed = edited(PLAIN, boards={"cup": {"title": "Cup", "top": 3, "areas": ["forest", "desert"]}})
    assert await breaks(tables, summed) == [("cup", "rekey")]
    await rewrite(tables, summed, "cup")
    assert await settle(tables.direct, summed) == []
    await score(tables, "ada", 7, rules=summed)
    assert await shown(tables.direct, summed, "cup") == [("ada", 7, None)]


async def test_area_that_was_without_a_board_takes_no_edit_unseen(tables: InterruptedDatabase) -> None:
    """Players have points in the cave without a row, when it has got its board."""
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 20, "cave")
    shown_now = edited(PLAIN, areas={"cave": {"top": 3}})
    assert await settle(tables.direct, shown_now) == []
    wide = edited(shown_now, boards={"total": {"areas": ["forest", "desert", "cave"]}})
    await score(tables, "ada", 5, rules=shown_now)
    assert await breaks(tables, wide) == [("total", "rekey")]
    turned = edited(shown_now, areas={"cave": {"order": "asc"}})
    assert await breaks(tables, turned) == [("cave", "drop")]
    await board_rules.drop(tables.direct, turned, "cave", apply=True, told=lambda _: None)
    assert await settle(tables.direct, turned) == []
    assert "cave" not in await standings.points(tables.direct, "ada", ["cave"])


async def test_rows_of_a_board_that_is_no_longer_shown_are_dropped_with_it(
    tables: InterruptedDatabase,
) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    hidden = edited(PLAIN, areas={"forest": {"top": None}})
    assert await settle(tables.direct, hidden) == []
    turned = edited(hidden, areas={"forest": {"tiebreak": COINS}})
    assert await breaks(tables, turned) == [("forest", "drop")]
    await board_rules.drop(tables.direct, turned, "forest", apply=True, told=lambda _: None)
    assert await settle(tables.direct, turned) == []
    assert await rows(tables, "forest") == 0
    assert await standings.load(tables.direct, "ada", "forest") is None


async def test_board_over_another_area_is_dropped(tables: InterruptedDatabase) -> None:
    cup = {"title": "Cup", "top": 3, "areas": ["forest"]}
    before = edited(PLAIN, boards={"cup": cup})
    await settle(tables.direct, before)
    await score(tables, "ada", 500, rules=before)
    after = edited(PLAIN, boards={"cup": cup | {"areas": ["desert"]}})
    assert await breaks(tables, after) == [("cup", "drop")]
    await board_rules.drop(tables.direct, after, "cup", apply=True, told=lambda _: None)
    assert await settle(tables.direct, after) == []
    await score(tables, "ada", 7, "desert", after)
    assert await shown(tables.direct, after, "cup") == [("ada", 7, None)]


async def test_new_boards_over_areas_with_scores_are_filled(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    await score(tables, "ada", 4, "cave")
    wide = edited(
        PLAIN,
        areas={"cave": {"top": 3}},
        boards={
            "cup": {"title": "Cup", "top": 3, "areas": ["forest"]},
            "sum": {"title": "Sum", "top": 3, "areas": ["forest", "cave"]},
        },
    )
    assert await settle(tables.direct, wide) == []
    for board, points in (("cup", 5), ("sum", 9), ("cave", 4)):
        assert await shown(tables.direct, wide, board) == []
        assert (await rewrite(tables, wide, board)).rows == 1
        assert await shown(tables.direct, wide, board) == [("ada", points, None)]


async def test_row_that_an_operator_took_away_stays_away(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    await score(tables, "ada", 6, "desert")
    standing = await standings.load(tables.direct, "ada", "forest")
    assert standing is not None
    assert standing.sort_key is not None
    await scores.delete_rows(tables.direct, [("forest", standing.sort_key)])
    assert (await rewrite(tables, WITH_COINS, "forest")).rows == 0
    assert await shown(tables.direct, WITH_COINS, "forest") == []
    await rewrite(tables, PLAIN, "total")
    assert await shown(tables.direct, PLAIN, "total") == [("ada", 6, None)]


async def test_deleted_player_and_damaged_row_keep_no_one_else_waiting(
    tables: InterruptedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    await settle(tables.direct, PLAIN)
    for player in ("ada", "bo", "cy"):
        await score(tables, player, 5)
    damaged = to_item({"userId": "bo", "board": "forest", "points": "many"})
    await tables.direct.client.put_item(TableName=STANDINGS.name, Item=damaged)
    await players.bury(tables.direct, "cy", NOW)
    done = await rewrite(tables, WITH_COINS, "forest")
    assert (done.players, done.rows, done.left) == (3, 1, 1)
    assert "player bo is left on board forest" in caplog.text
    assert await shown(tables.direct, WITH_COINS, "forest") == [("ada", 5, 0)]


async def test_rows_are_counted_though_players_are_worked_on_side_by_side(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def restate(*_: object, **__: object) -> bool:
        await asyncio.sleep(0)
        return True

    await settle(tables.direct, PLAIN)
    for player in ("ada", "bo", "cy"):
        await score(tables, player, 5)
    monkeypatch.setattr("store.rekeying.restate", restate)
    assert (await rewrite(tables, WITH_COINS, "forest")).rows == 3


async def test_board_that_must_be_dropped_is_refused(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    flipped = edited(PLAIN, areas={"forest": {"order": "asc"}}, boards={"total": {"areas": ["desert"]}})
    with pytest.raises(NotMendedError, match=r"areas\.forest\.order"):
        await rewrite(tables, flipped, "forest")
    with pytest.raises(UnknownBoardError, match="'forrest'; there are desert, forest, total"):
        await rewrite(tables, PLAIN, "forrest")


async def test_rekeyed_board_is_published_again_in_a_later_epoch(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5)
    before = await boards.load_or_create(tables.direct, PLAIN.boards["forest"], NOW, encode_snapshot)
    await rewrite(tables, WITH_COINS, "forest")
    board = WITH_COINS.boards["forest"]
    after = await boards.load_or_create(tables.direct, board, NOW, encode_snapshot)
    assert after.position.epoch > before.position.epoch
    assert '"tiebreak":"desc","entries":[{' in after.outbox[1]


async def test_command_that_dies_anywhere_is_finished_by_the_next(tables: InterruptedDatabase) -> None:
    async def fill() -> None:
        await tables.clear()
        await settle(tables.direct, PLAIN)
        for number in range(3):
            await score(tables, f"player-{number}", number)
        tables.restart()

    await fill()
    await rewrite(tables, WITH_COINS, "forest")
    expected = [("player-2", 2, 0), ("player-1", 1, 0), ("player-0", 0, 0)]
    assert await shown(tables.direct, WITH_COINS, "forest") == expected
    for side, number in moments(len(tables.log)):
        await fill()
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await rewrite(tables, WITH_COINS, "forest")
        tables.restart()
        await rewrite(tables, WITH_COINS, "forest")
        assert await shown(tables.direct, WITH_COINS, "forest") == expected
        assert await rows(tables, "forest") == 3
        assert await settle(tables.direct, WITH_COINS) == []
        assert [entry.user_id for entry in await scores.top(tables.direct, PLAIN.boards["total"])] == [
            "player-2",
            "player-1",
            "player-0",
        ]


async def test_area_without_a_board_is_dropped_for_all_players(tables: InterruptedDatabase) -> None:
    await settle(tables.direct, PLAIN)
    await score(tables, "ada", 5, "cave")
    await score(tables, "ada", 5)
    added = edited(PLAIN, areas={"cave": {"keep": "sum"}})
    assert await breaks(tables, added) == [("cave", "drop")]
    told: list[board_rules.Dropped] = []
    for apply in (False, True):
        await board_rules.drop(tables.db, added, "cave", apply=apply, told=told.append)
    assert told == [board_rules.Dropped("cave", 1)] * 2
    assert await settle(tables.direct, added) == []
    assert await standings.load(tables.direct, "ada", "cave") is None
    assert await shown(tables.direct, added, "forest") == [("ada", 5, None)]
