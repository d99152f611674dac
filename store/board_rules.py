"""The rules that each board's rows were written under: one row of `Leaderboards`, beside the boards'.

    start  -> `settle`: read the row; compare it with the catalogue; where they differ, look at the rows of
              the boards in question; write down what holds from now on, if the row still is as it was
    deploy -> `find_breaks`: the same look, and nothing written, for the functions that run are still the old
    drop   -> `drop`: delete a board's rows; what was written down stays until the next start finds none

New rules are written down before the first row is written under them. A board that the edit would break keeps
its old rules here. A board without an entry (data of an earlier release) gets the rules of the catalogue,
unless its best row contradicts them. A board that has left the catalogue keeps its entry, as it keeps its
rows.

A row of rules that cannot be read counts as never written, with one difference. Rows do not tell which areas
they are sums over, so the rows of sums have to be dropped. Then the next start writes the rules again.

One row for all boards, because every start reads it: about 70 bytes per board. No score reads it, so scores
cost nothing more. Therefore a function that is being replaced may still write rows under the old rules, after
the new one has compared: docs/scores.md says when that matters, and what to do.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from game.board_rules import (
    BoardRules,
    Break,
    breaks,
    changed_areas,
    dropped_with,
    is_judged_by_rows,
    rules_of,
)
from game.catalogue import Catalogue
from store import boards, rank_nodes, scores
from store.database import Database, Item, Row, parse_row, retry_on_conflict, to_item
from store.errors import RowError, StoreError
from store.schema import LEADERBOARDS

ROW_KEY = "#rules"
"""No board's id: those begin with a letter."""
QUERIES_AT_ONCE = 20

_rules_json = TypeAdapter(dict[str, BoardRules])

logger = logging.getLogger("podium.store")


class BrokenBoardsError(StoreError):
    """The catalogue would break the rows of boards; the message names each, and how to get on."""


class UnknownBoardError(StoreError):
    """There is no such board, in the catalogue or in the tables."""


class RowsLeftError(StoreError):
    """Others wrote rows of a board while its rows were dropped."""


class _Written(Row):
    revision: str
    boards: dict[str, BoardRules]


@dataclass(frozen=True)
class _Stored:
    """The row of rules as it is stored, if any; the rules in it, or the error where it cannot be read."""

    item: Item | None
    boards: Mapping[str, BoardRules]
    error: RowError | None = None


@dataclass(frozen=True)
class Dropped:
    """A board, and how many rows of it were deleted, or would be."""

    board: str
    rows: int

    def sentence(self, *, applied: bool) -> str:
        """Return it as an operator's command says it; `applied` tells whether the rows were deleted."""
        return f"{self.board}: {self.rows} rows {'deleted' if applied else 'to be deleted'}"


async def find_breaks(db: Database, catalogue: Catalogue) -> list[Break]:
    """Return what the catalogue would break of the rows that are there."""
    return await _find(db, await _load(db), rules_of(catalogue))


async def settle(db: Database, catalogue: Catalogue) -> list[Break]:
    """Return what `find_breaks` returns, and write down the rules of every board it leaves whole.

    A function calls this before it writes rows. Nothing is written down where rows would be misread: that
    function must not start, and its rules for other boards may be just as wrong. Raises ConflictError where
    others kept writing the row.
    """
    given = rules_of(catalogue)

    async def attempt() -> list[Break]:
        stored = await _load(db)
        found = await _find(db, stored, given)
        broken = {one.board for one in found}
        after = {**stored.boards, **{board: rules for board, rules in given.items() if board not in broken}}
        if after != stored.boards and not any(one.misreads for one in found):
            await _write(db, stored.item, after)
        return found

    return await retry_on_conflict(attempt)


async def find_misfits(restored: Database, db: Database) -> list[Break]:
    """Return how restored rows would contradict the rules written down in `db`, where they are to go.

    Rows tell their order and points, but not the areas that they are sums over. Raises RowError.
    """
    stored = await _load(db)
    if stored.error:
        raise stored.error
    return await _compare(restored, {}, stored.boards)


class Admission:
    """Lets a function work once its catalogue misreads no row; until then, compares at every call.

    `find` is `settle` for a function that writes rows, `find_breaks` for one that reads them. Rows beyond a
    bound are read rightly: they are logged, and do not stop the function.
    """

    def __init__(
        self,
        db: Database,
        catalogue: Catalogue,
        find: Callable[[Database, Catalogue], Awaitable[list[Break]]],
    ) -> None:
        self._db = db
        self._catalogue = catalogue
        self._find = find
        self._admitted = False

    async def require(self) -> None:
        """Raise BrokenBoardsError where the catalogue would have rows misread."""
        if self._admitted:
            return
        found = await self._find(self._db, self._catalogue)
        if any(one.misreads for one in found):
            raise BrokenBoardsError(explain(found, drop_command(self._db)))
        for one in found:
            logger.error("%s", explain([one], drop_command(self._db)))
        self._admitted = True


def drop_command(db: Database) -> str:
    """Return the command that drops the rows of a deployment's board, with `{board}` for its id."""
    return f"python -m ops.boards drop {db.prefix} {{board}}"


def explain(found: Collection[Break], command: str) -> str:
    """Return a line for each break: what is wrong, and what to do. `command` drops the rows of `{board}`."""
    return "\n".join(
        f"{one}. {'Set it back, or drop' if one.key else 'Drop'} the rows: "
        f"`{command.format(board=one.board)}` says what would go."
        for one in found
    )


async def drop(
    db: Database, catalogue: Catalogue, board: str, *, apply: bool, told: Callable[[Dropped], None]
) -> None:
    """Delete the rows of a board and of the sums over it; without `apply`, only count. Calls `told` for each.

    Run again, it goes on where it was interrupted: the rules stay written down until a start finds no
    rows. Players' bests stay in their rows, and do not count without a row on the board. The board is
    published again, in a new epoch. Raises UnknownBoardError, RowsLeftError and ThrottledError.
    """
    before, given = dict((await _load(db)).boards), rules_of(catalogue)
    if board not in before | given and await scores.sample(db, board, "desc") is None:
        raise UnknownBoardError(
            f"There is no board {board!r}; there are {', '.join(sorted(before | given))}."
        )
    for name in dropped_with(board, before, given):
        rules = before.get(name) or given.get(name)
        order = rules.order if rules else "desc"
        if not apply:
            told(Dropped(name, await scores.count_all(db, name)))
            continue
        told(Dropped(name, await scores.delete_all(db, name, order)))
        await rank_nodes.drop(db, name)
        await boards.withdraw(db, name)
        if await scores.sample(db, name, order):
            raise RowsLeftError(
                f"Rows of {name} were written meanwhile: close the API first, then drop the board again."
            )


async def _find(db: Database, stored: _Stored, given: Mapping[str, BoardRules]) -> list[Break]:
    found = await _compare(db, stored.boards, given)
    if stored.error:
        db.damage.error(ROW_KEY, "%s", stored.error)
        sums = [board for board, rules in given.items() if rules.areas]
        found += [Break(board) for board in sums if await scores.sample(db, board, given[board].order)]
    return found


async def _compare(
    db: Database, written: Mapping[str, BoardRules], given: Mapping[str, BoardRules]
) -> list[Break]:
    turn = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def compare(board: str, rules: BoardRules) -> list[Break]:
        before = written.get(board)
        if not is_judged_by_rows(before, rules):
            return []
        async with turn:
            sample = await scores.sample(db, board, (before or rules).order)
            scored = [area for area in changed_areas(before, rules) if await scores.sample(db, area, "desc")]
        return [*breaks(board, before, rules, sample, scored)]

    found = await asyncio.gather(*(compare(board, rules) for board, rules in given.items()))
    return [one for some in found for one in some]


async def _load(db: Database) -> _Stored:
    answer = await db.client.get_item(TableName=db.name(LEADERBOARDS), Key=_key(), ConsistentRead=True)
    item = answer.get("Item")
    if item is None:
        return _Stored(None, {})
    try:
        row = parse_row(_Written, LEADERBOARDS, item, boards=_rules_json.validate_json)
    except RowError as error:
        return _Stored(item, {}, error)
    return _Stored(item, row.boards)


async def _write(db: Database, read: Item | None, rules: Mapping[str, BoardRules]) -> None:
    values = {
        "revision": secrets.token_hex(8),
        "boards": _rules_json.dump_json(dict(rules), by_alias=True, exclude_defaults=True).decode(),
    }
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(revision)"}
    if read and "revision" in read:
        condition = {
            "ConditionExpression": "revision = :read",
            "ExpressionAttributeValues": {":read": read["revision"]},
        }
    await db.client.put_item(TableName=db.name(LEADERBOARDS), Item=_key() | to_item(values), **condition)


def _key() -> dict[str, Any]:
    return to_item({"gameArea": ROW_KEY})
