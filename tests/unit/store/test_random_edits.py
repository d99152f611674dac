"""A designer edits at random, an operator mends what is refused, players score: boards stay true.

Areas and boards go and come back, are shown or not, are over other areas, have another tie-break, and take
ids that were of another kind.
"""

import random

import pytest

from game.catalogue import Catalogue
from game.rank_tree import EVERYTHING
from store import board_rules, player_rows, row_ranges, scores, standings
from store.board_rules import settle
from store.profiles import Profile
from store.rekeying import rekey
from store.submission import submit
from tests.unit.realtime.fakes import NOW
from tests.unit.store.interrupted import InterruptedDatabase

PLAYERS = ("ada", "bo")
DEPLOYMENTS = 5


def draw(dice: random.Random) -> Catalogue:
    """Return a catalogue of areas a, b and c, boards x and y over some, and a z, which may be either."""
    areas: dict[str, dict[str, object]] = {}
    for name in "abc":
        if name == "a" or dice.random() < 0.75:
            areas[name] = {"title": name, "order": "desc", "min": 0, "max": 99}
            if dice.random() < 0.7:
                areas[name]["top"] = 3
            if dice.random() < 0.3:
                order = dice.choice(["asc", "desc"])
                areas[name]["tiebreak"] = {"name": "coins", "order": order, "min": 0, "max": 9}
            areas[name]["keep"] = dice.choice(["best", "latest"])
    boards = {
        name: {"title": name, "top": 3, "areas": dice.sample(sorted(areas), dice.randint(1, len(areas)))}
        for name in "xy"
        if dice.random() < 0.7
    }
    match dice.randrange(10):
        case 0:
            boards["z"] = {"title": "z", "top": 3, "areas": sorted(areas)}
        case 1:
            areas["z"] = areas["a"]
    if not boards:
        areas["a"]["top"] = 3
    return Catalogue.model_validate({"areas": areas, "boards": boards})


async def deploy(tables: InterruptedDatabase, catalogue: Catalogue) -> None:
    """Mend what the catalogue would break, until it starts."""
    while found := await settle(tables.direct, catalogue):
        # What is dropped need not be written again.
        first = min(found, key=lambda one: one.mend)
        if first.mend == "drop":
            await board_rules.drop(tables.direct, catalogue, first.board, apply=True, told=lambda _: None)
        else:
            await rekey(tables.direct, catalogue, first.board, lambda: NOW, apply=True)


async def check(tables: InterruptedDatabase, catalogue: Catalogue, player: str) -> None:
    """A board shows what the player has on it, once, and a sum is that of its areas."""
    areas = await player_rows.areas(tables.direct, catalogue, player, catalogue.areas)
    for board in catalogue.boards.values():
        stored = await row_ranges.count(tables.direct, board.id, EVERYTHING)
        assert len(await scores.rows(tables.direct, board, limit=50)) == stored.seen, "each can be read"
        rows = [row for row in await scores.rows(tables.direct, board, limit=50) if row.user_id == player]
        if not rows:
            continue
        (row,) = rows
        held = await standings.load(tables.direct, player, board.id)
        assert held
        assert (held.sort_key, held.points) == (row.sort_key, row.points)
        if len(board.areas) > 1:
            assert row.points == sum(areas[name].points for name in board.areas if name in areas)


@pytest.mark.parametrize("seed", range(20))
async def test_boards_are_true_after_edits_and_what_mends_them(
    tables: InterruptedDatabase, seed: int
) -> None:
    dice, now = random.Random(seed), NOW
    for _ in range(DEPLOYMENTS):
        catalogue = draw(dice)
        await deploy(tables, catalogue)
        for _ in range(dice.randint(0, 6)):
            area, name = dice.choice(sorted(catalogue.areas)), dice.choice(PLAYERS)
            tiebreak = dice.randint(0, 9) if catalogue.areas[area].tiebreak else None
            player, now = Profile(user_id=name, name=name), now + 1
            points = dice.randint(0, 30)
            await submit(tables.direct, catalogue, player, area, points, now, tiebreak=tiebreak)
        for name in PLAYERS:
            await check(tables, catalogue, name)
