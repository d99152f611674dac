"""Boards with seasons and prizes, the places of players in them, and claims as the API makes them."""

from collections.abc import Mapping

from game.catalogue import Board, Catalogue
from game.standing import Held
from store import players, progress, rewards, scores, standings
from store.claims import Claim
from store.database import Database, to_item
from store.idempotency import Answer, request_key
from store.profiles import Profile
from store.progress import Progress
from store.schema import SCORES, STANDINGS
from tests.unit.realtime.fakes import NOW
from tests.unit.store.bookkeeping import ADA

_AREA = {"title": "A", "order": "desc", "min": 0, "max": 1000, "top": 3}
_WEEK = {"title": "Week", "season": "weekly", "top": 3}
PRIZES = [
    {"ranks": [1, 1], "money": 500, "items": {"crown": 1, "torch": 2}},
    {"ranks": [2, 3], "money": 20},
]
FILE = {
    "areas": {"forest": _AREA, "sprint": _AREA | {"order": "asc"}},
    "boards": {
        "forest-week": _WEEK | {"areas": ["forest"], "prizes": PRIZES},
        "sprint-week": _WEEK | {"areas": ["sprint"], "prizes": [{"top": "50%", "money": 7}]},
        "plain-week": _WEEK | {"areas": ["forest"]},
    },
    "seasons": {
        "weekly": {
            "start": "2025-01-06T00:00:00Z",
            "every": "7d",
            "grace": "10m",
            "review": "1d",
            "keep": 4,
        }
    },
    "shop": {
        "torch": {"title": "Torch", "price": 10, "unique": False},
        "crown": {"title": "Crown", "price": 50, "unique": True},
    },
}
CATALOGUE = Catalogue.model_validate(FILE)
SEASONS = CATALOGUE.seasons["weekly"]
OPEN = SEASONS.number_at(NOW)
LAST = OPEN - 1
"""The last season, which is closed by NOW: its fifth day has gone by."""


def week(season: int = LAST, board: str = "forest-week", catalogue: Catalogue = CATALOGUE) -> Board:
    return catalogue.boards[board].in_season(season)


async def seat(db: Database, board: Board, points: Mapping[str, int]) -> None:
    """Give players points on a board in its season, as a score does; the first is the first to have them."""
    for number, (player, reached) in enumerate(points.items()):
        held = Held(reached, (board.seasons or SEASONS).starts_at(board.season or 1) + number)
        sort_key = scores.sort_key(board, held, player)
        standing = standings.new_standing(player, board.key, held, sort_key)
        shown = Profile(user_id=player, name=player[:20])
        row = scores.put(db, standing, shown, unless_there=True)
        await players.write(db, player, [standings.put(db, None, standing), row])


async def take_away(db: Database, board: Board, player: str) -> None:
    """Delete a player's row on a board, as a moderator does; the standing stays."""
    held = await standings.load(db, player, board.key)
    assert held is not None
    assert held.sort_key is not None
    await db.client.delete_item(TableName=SCORES.name, Key=scores.row_key(board.key, held.sort_key))


async def take_standing(db: Database, board: Board, player: str) -> None:
    """Delete a player's standing and row, as a merge does."""
    await take_away(db, board, player)
    await db.client.delete_item(TableName=STANDINGS.name, Key=standings.key(player, board.key))


async def claim(
    db: Database,
    board: Board,
    player: str = ADA,
    *,
    key: str | None = None,
    at: int = NOW,
    catalogue: Catalogue = CATALOGUE,
) -> Answer:
    """Claim; the answer says what was given and the money after it."""
    named = request_key(player, key, "POST", board.key) if key else None

    def show(given: Claim, after: Progress) -> Answer:
        text = f"rank {given.rank} of {given.of}: {given.money}, {given.items}; {after.money} left"
        return Answer(status=200, body=text)

    return await rewards.claim(db, catalogue, player, board, named, at, show)


async def belongings(db: Database, player: str = ADA) -> tuple[int, dict[str, int]]:
    """Return a player's money and items."""
    stored = await progress.load(db, player)
    return stored.money, stored.inventory


async def put_row(db: Database, table: str, row: Mapping[str, object]) -> None:
    """Write a row by hand."""
    await db.client.put_item(TableName=table, Item=to_item(row))
