"""Rekeying a board: write its rows again, by the rules of the catalogue.

For an edit that gives keys another form (a tie-break that comes, goes or turns), one that changes what a sum
is over, and for a new board over areas that have scores already, which else fills as players come back.

1. Read the standings of all players, page by page, for those who have been on the board or in its areas.
2. For each of them, compute what they should have, and write it where it differs: standing, new row and old
   row in the one transaction that a score would be (`store.submission.restate`).
3. Publish the board again, and write its rules down (`store.board_rules`).

Interrupted, it can be run again: what is as it should be is not written again. The game must be closed until
the end of the deployment, for functions of the old catalogue would read and write keys of the old form.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import groupby

from game.catalogue import Board, Catalogue
from game.standing import PointsLimitError
from store import boards, standings
from store.board_rules import UnknownBoardError, find_breaks, write_down
from store.database import Database, Item
from store.errors import RowError, StoreError
from store.players import DeletedError
from store.submission import restate

PLAYERS_AT_ONCE = 20

logger = logging.getLogger("podium.store")


class NotMendedError(StoreError):
    """The board is broken in a way that writing its rows again does not mend."""


@dataclass
class Rekeyed:
    """Players who were looked at, and whose rows were written or would be; `left` could not be read."""

    board: str
    players: int = 0
    rows: int = 0
    left: int = 0

    def sentence(self, *, applied: bool) -> str:
        """Return it as an operator's command says it; `applied` tells whether the rows were written."""
        verb = "written again" if applied else "to be written again"
        left = f"; {self.left} could not be read: the log names them" if self.left else ""
        return f"{self.board}: {self.rows} rows {verb}, of {self.players} players{left}"


async def rekey(
    db: Database,
    catalogue: Catalogue,
    name: str,
    now_ms: Callable[[], int],
    *,
    apply: bool,
    told: Callable[[Rekeyed], object] = lambda _: None,
) -> Rekeyed:
    """Write the rows of a board again; without `apply`, only count. Calls `told` after each page of players.

    A player whose rows cannot be read is logged and left. Raises UnknownBoardError, NotMendedError, RowError
    where the rules that are written down cannot be read, and ThrottledError.
    """
    board = catalogue.boards.get(name)
    if board is None:
        raise UnknownBoardError(name, catalogue.boards)
    for one in await find_breaks(db, catalogue, thorough=True):
        if one.board == name and one.mend != "rekey":
            raise NotMendedError(f"{one}. Set it back, or drop the rows.")
    done = Rekeyed(name)
    turn = asyncio.Semaphore(PLAYERS_AT_ONCE)

    seasons = board.readable(now_ms())

    async def write(user_id: str, held: set[str]) -> None:
        async with turn:
            done.players += 1
            for one in (one for one in seasons if not held.isdisjoint(_keys(one))):
                area = _area(one, held)
                try:
                    differs = await restate(db, catalogue, user_id, one, area, now_ms(), apply=apply)
                    done.rows += differs  # read after the wait: others have counted meanwhile
                except DeletedError:
                    return
                except (RowError, PointsLimitError) as error:
                    done.left += 1
                    logger.error("player %s is left on board %s: %s", user_id, one.key, error)

    async for page in standings.everyone(db, {key for one in seasons for key in _keys(one)}):
        # A player whose rows lie on two pages is looked at twice.
        found = {user: {item["board"]["S"] for item in rows} for user, rows in groupby(page, key=_user)}
        await asyncio.gather(*(write(user, held) for user, held in found.items()))
        told(done)
    if apply:
        await boards.withdraw(db, name)
        await write_down(db, catalogue, name)
    return done


def _user(item: Item) -> str:
    user_id: str = item["userId"]["S"]
    return user_id


def _keys(board: Board) -> set[str]:
    """Return the keys of what a player has on a board, and of what it is made from."""
    return {board.key, *map(board.area_key, board.areas)}


def _area(board: Board, held: Collection[str]) -> str:
    """Return an area of the board that a player with these standings has been in, if there is one."""
    return next((area for area in board.areas if board.area_key(area) in held), board.areas[0])
