"""The rules that rows were written under, by area and board: one row of `Leaderboards`, beside the boards'.

    start  -> `settle`: read the row; compare it with the catalogue; where they differ, look at the rows of
              the boards in question; write down what holds from now on, if the row still is as it was
    deploy -> `find_breaks`: the same look, and nothing written, for the functions that run are still the old
    drop   -> `drop`: delete a board's rows; what was written down stays until the next start finds none
    rekey  -> `store.rekeying`: write a board's rows again by the catalogue, then write its rules down

New rules are written down before the first row is written under them. So a board without an entry has no
rows, and costs no look. A board that the edit would break keeps its old rules here. A board that has left the
catalogue keeps its entry, as it keeps its rows.

A row of rules that cannot be read counts as never written, with two differences: every board is looked at,
and gets the rules of the catalogue unless its best row contradicts them. And rows do not tell which areas
they are sums over, so the rows of sums have to be dropped. Then the next start writes the rules again. The
same look, where the row is missing and there are scores, needs the right to scan: an operator's command and
the laptop have it (`thorough`), functions do not.

One row for all boards, because every start reads it: its rules are compressed (2,500 boards take 12 to
75 KB), and a start whose catalogue has the `fingerprint` of the last one reads no more of it. No score reads
it, so scores cost nothing more. Therefore a function that is being replaced may still write rows under the
old rules, after the new one has compared: docs/scores.md says when that matters, and what to do.
"""

import asyncio
import hashlib
import logging
import secrets
import zlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from boto3.dynamodb.types import Binary
from pydantic import TypeAdapter

from game.board_rules import (
    UNREAD,
    WIDEST,
    BoardRules,
    Break,
    Mend,
    Sample,
    breaks,
    changed_areas,
    dropped_with,
    has_other_seasons,
    is_judged_by_rows,
    rules_of,
)
from game.catalogue import SEASON_MARK, Catalogue, season_key
from game.rank_tree import EVERYTHING
from game.seasons import Seasons
from game.wording import listed
from runtime.clock import now_ms
from store import boards, claims, rank_nodes, row_ranges, scores, standings
from store.database import (
    PATIENT_ATTEMPTS,
    Database,
    Item,
    Row,
    batch_write,
    parse_row,
    retry_on_conflict,
    to_item,
)
from store.errors import RowError, StoreError
from store.schema import LEADERBOARDS, STANDINGS

ROW_KEY = "#rules"
"""No board's id: those begin with a letter."""
QUERIES_AT_ONCE = 20
_EXPLAINED = 20
_SEASONS_DROPPED = 2000
"""Past seasons whose rows are dropped with a board's: more than can be read."""

_rules_json = TypeAdapter(dict[str, BoardRules])

logger = logging.getLogger("podium.store")


class BrokenBoardsError(StoreError):
    """The catalogue would break the rows of boards; the message names each, and how to get on."""


class UnknownBoardError(StoreError):
    """There is no such board, in the catalogue or in the tables."""

    def __init__(self, board: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no board {board!r}; there are {listed(known)}.")


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

    @property
    def fingerprint(self) -> str | None:
        """That of the rules of the whole catalogue that last started, where it broke nothing."""
        fingerprint: str | None = (self.item or {}).get("fingerprint", {}).get("S")
        return fingerprint


@dataclass(frozen=True)
class Dropped:
    """A board, and how many rows of it were deleted, or would be."""

    board: str
    rows: int

    def sentence(self, *, applied: bool) -> str:
        """Return it as an operator's command says it; `applied` tells whether the rows were deleted."""
        return f"{self.board}: {self.rows} rows {'deleted' if applied else 'to be deleted'}"


async def find_breaks(
    db: Database, catalogue: Catalogue, *, thorough: bool = False, now: int | None = None
) -> list[Break]:
    """Return what the catalogue would break of the rows that are there.

    thorough: look at rows, too, where the row of rules is missing. Needs the right to scan `Scores`.
    now: the time by which seasons are past, in milliseconds since the epoch; by default the clock's.
    """
    given = rules_of(catalogue)
    stored = await _load(db, fingerprint=_fingerprint(given))
    if stored is None:
        return []
    return await _find(db, stored, given, thorough=thorough, now=_time(now))


async def settle(
    db: Database, catalogue: Catalogue, *, thorough: bool = False, now: int | None = None
) -> list[Break]:
    """Return what `find_breaks` returns, and write down the rules of every board it leaves whole.

    A function calls this before it writes rows. Nothing is written down where rows would be misread: that
    function must not start, and its rules for other boards may be just as wrong. Raises ConflictError where
    others kept writing the row.
    """
    given = rules_of(catalogue)
    fingerprint = _fingerprint(given)

    async def attempt() -> list[Break]:
        stored = await _load(db, fingerprint=fingerprint)
        if stored is None:
            return []
        found = await _find(db, stored, given, thorough=thorough, now=_time(now))
        if any(one.misreads for one in found):
            return found
        # A board beyond a bound keeps the rules it had; where those were lost, rules of the same form.
        broken = {one.board: given[one.board].model_copy(update=WIDEST) for one in found}
        kept = {board: stored.boards.get(board, rules) for board, rules in broken.items()}
        left = {
            board: rules.model_copy(update={"left": True})
            for board, rules in stored.boards.items()
            if rules.is_sum and board not in given
        }
        rowless = {
            board: rules.model_copy(update={"rowless": True})
            for board, rules in given.items()
            if (before := stored.boards.get(board)) and rules.shown and (before.rowless or not before.shown)
        }
        after = {**stored.boards, **left, **given, **rowless, **kept}
        if after != stored.boards or not found:
            await _write(db, stored.item, after, None if found else fingerprint)
        return found

    return await retry_on_conflict(attempt)


async def find_misfits(restored: Database, db: Database) -> list[Break]:
    """Return how restored rows would contradict the rules written down in `db`, where they are to go.

    Rows tell their order and points, but not the areas that they are sums over. Raises RowError.
    """
    stored = await _load(db)
    if stored.error:
        raise stored.error
    return await _compare(restored, None, stored.boards, _time(None))


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
            raise BrokenBoardsError(explain(found, commands(self._db)))
        for one in found:
            logger.error("%s", explain([one], commands(self._db)))
        self._admitted = True


def commands(db: Database) -> str:
    """Return the commands that mend a deployment's board: with `{mend}` for one, `{board}` for the id."""
    return f"python -m ops.boards {{mend}} {db.prefix} {{board}}"


def explain(found: Sequence[Break], command: str) -> str:
    """Return a line for each break: what is wrong, and what to do. `command` as in `commands`.

    Of many breaks only the first are named: one edit of a series breaks every area in it.
    """
    lines = [
        f"{one}. {'Set it back, or' if one.key else 'Please'} {_MENDS[one.mend]}: "
        f"`{command.format(mend=one.mend, board=one.board)}` says what it would do."
        for one in found[:_EXPLAINED]
    ]
    if len(found) > _EXPLAINED:
        lines.append(f"{len(found) - _EXPLAINED} more boards are broken in the same way, or in another.")
    return "\n".join(lines)


_MENDS: Mapping[Mend, str] = {"drop": "drop the rows", "rekey": "write the rows again"}


async def drop(
    db: Database, catalogue: Catalogue, board: str, *, apply: bool, told: Callable[[Dropped], None]
) -> None:
    """Delete the rows of a board and of the sums over it; without `apply`, only count. Calls `told` for each.

    Run again, it goes on where it was interrupted: the rules stay written down until a start finds no
    rows. Standings stay, and do not count without a row on the board; those that may count without one go.
    The board is published again, in a new epoch. Raises UnknownBoardError, RowsLeftError and ThrottledError.
    """
    before, given = dict((await _load(db)).boards), rules_of(catalogue)
    if board not in before | given and await scores.sample(db, board, "desc") is None:
        raise UnknownBoardError(board, before | given)
    now = now_ms()
    for name in dropped_with(board, before, given):
        was, is_now = before.get(name), given.get(name)
        rules = [one for one in (was, is_now) if one]
        shown = name in given and all(one.shown and not one.rowless for one in rules)
        keys = {key for one in rules for key in _keys(name, one, now)} or {name}
        rows = sum([await _drop_rows(db, key, rules, apply=apply) for key in sorted(keys)])
        if not shown:
            rows = max(rows, await _drop_standings(db, {name}, apply=apply))
            if apply:
                await _forget(db, name)
        # Other sums share what players have in an area in a season, as long as seasons stay what they are.
        if was and is_now and has_other_seasons(was, is_now, now):
            await _drop_standings(db, {key for one in rules for key in _parts(one, now)}, apply=apply)
            if apply:
                # Other seasons get their numbers, and prizes of their own.
                await claims.drop(db, keys)
        told(Dropped(name, rows))
        if apply:
            await boards.withdraw(db, name)
            await _require_none(db, name, keys)


def _keys(board: str, rules: BoardRules, now: int) -> list[str]:
    """Return the partition keys of a board's rows, in all seasons that there may be rows of."""
    if rules.seasons is None:
        return [board]
    return [season_key(board, number) for number in _seasons_with_rows(rules.seasons, now)]


def _parts(rules: BoardRules, now: int) -> list[str]:
    """Return the keys of what players have in areas in a season, from which a sum would be made again."""
    if rules.seasons is None or not rules.is_sum:
        return []
    names = [f"{area}{SEASON_MARK}{rules.season}" for area in rules.areas]
    return [season_key(name, number) for name in names for number in _seasons_with_rows(rules.seasons, now)]


def _seasons_with_rows(seasons: Seasons, now: int) -> range:
    # Rows that no caller can read any more may be there, and other seasons may get their numbers.
    current = seasons.number_at(now)
    return range(max(0, current - _SEASONS_DROPPED), current + 1)


async def _drop_rows(db: Database, key: str, rules: Sequence[BoardRules], *, apply: bool) -> int:
    """Delete the rows of a partition key, and their index; return how many there were, or are."""
    if not apply:
        return (await row_ranges.count(db, key, EVERYTHING)).seen
    rows = await scores.delete_all(db, key, rules[0].order if rules else "desc")
    await rank_nodes.drop(db, key)
    return rows


async def _require_none(db: Database, board: str, keys: Iterable[str]) -> None:
    for key in keys:
        if await scores.sample(db, key, "desc"):
            raise RowsLeftError(
                f"Rows of {board} were written meanwhile: close the API first, then drop the board again."
            )


async def _forget(db: Database, area: str) -> None:
    """Forget the rules of an area without a board: no start could find that nothing is left there."""
    await _amend(db, lambda rules: {name: one for name, one in rules.items() if name != area})


async def _drop_standings(db: Database, keys: Collection[str], *, apply: bool) -> int:
    """Delete what players have in areas, or in seasons of them, that is without rows; return how much."""
    count = 0
    async for page in standings.everyone(db, keys):
        count += len(page)
        if apply:
            requests = [{"DeleteRequest": {"Key": item}} for item in page]
            await batch_write(db, STANDINGS, requests, attempts=PATIENT_ATTEMPTS)
    return count


async def write_down(db: Database, catalogue: Catalogue, board: str) -> None:
    """Write down that a board's rows obey the catalogue. Raises RowError, and ConflictError as `settle`."""
    given = rules_of(catalogue)[board]
    await _amend(db, lambda rules: {**rules, board: given})


async def _amend(
    db: Database, change: Callable[[Mapping[str, BoardRules]], Mapping[str, BoardRules]]
) -> None:
    async def attempt() -> None:
        stored = await _load(db)
        if stored.error:
            raise stored.error
        await _write(db, stored.item, change(stored.boards), None)

    await retry_on_conflict(attempt)


def _time(now: int | None) -> int:
    return now_ms() if now is None else now


async def _find(
    db: Database, stored: _Stored, given: Mapping[str, BoardRules], *, thorough: bool, now: int
) -> list[Break]:
    unknown = stored.error is not None or (stored.item is None and thorough and not await scores.is_empty(db))
    found = await _compare(db, None if unknown else stored.boards, given, now)
    if stored.error:
        db.damage.error(ROW_KEY, "%s", stored.error)
        sums = [board for board, rules in given.items() if rules.is_sum]
        found += [Break(board) for board in sums if await _sample(db, board, given[board], now)]
    return found


async def _compare(
    db: Database, written: Mapping[str, BoardRules] | None, given: Mapping[str, BoardRules], now: int
) -> list[Break]:
    """Return the breaks of the boards of `given`. `written` is None where it is not known what there may be.

    Otherwise a board that is not in it has no rows.
    """
    turn = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def has_scores(area: str) -> bool:
        # An area without a board has none to look at, and may have scores once it is known.
        if written is not None and (rules := written.get(area)) and (rules.rowless or not rules.shown):
            return True
        return await scores.sample(db, area, "desc") is not None

    async def compare(board: str, rules: BoardRules) -> list[Break]:
        before = written.get(board) if written is not None else None
        if not is_judged_by_rows(before, rules, now):
            return []
        async with turn:
            sample = await _sample(db, board, before or rules, now)
            if sample is None and before and (before.rowless or not before.shown):
                sample = UNREAD
            scored = [area for area in changed_areas(before, rules) if await has_scores(area)]
        return [*breaks(board, before, rules, sample, scored, now)]

    judged = [board for board in given if written is None or board in written]
    found = await asyncio.gather(*(compare(board, given[board]) for board in judged))
    return [one for some in found for one in some]


async def _sample(db: Database, board: str, rules: BoardRules, now: int) -> Sample | None:
    """Return what the best row of a board tells, which was written under these rules; None without a row.

    With seasons it is a row of the latest that has any. In a past one there are no points to be beaten.
    """
    if rules.seasons is None:
        return await scores.sample(db, board, rules.order)
    readable = rules.seasons.readable(now)
    for number in reversed(readable):
        found = await scores.sample(db, season_key(board, number), rules.order)
        if found is not None:
            return found if number == readable[-1] else found._replace(points=None)
    return None


@overload
async def _load(db: Database) -> _Stored: ...
@overload
async def _load(db: Database, *, fingerprint: str) -> _Stored | None: ...
async def _load(db: Database, *, fingerprint: str | None = None) -> _Stored | None:
    """Return what is written down; None where that is known to be the rules of this fingerprint."""
    answer = await db.client.get_item(TableName=db.name(LEADERBOARDS), Key=_key(), ConsistentRead=True)
    item = answer.get("Item")
    if item is None:
        return _Stored(None, {})
    if fingerprint and _Stored(item, {}).fingerprint == fingerprint:
        return None
    try:
        row = parse_row(_Written, LEADERBOARDS, item, boards=_unpacked)
    except RowError as error:
        return _Stored(item, {}, error)
    return _Stored(item, row.boards)


def _packed(rules: Mapping[str, BoardRules]) -> bytes:
    return zlib.compress(_json(rules), level=9)


def _unpacked(stored: Any) -> dict[str, BoardRules]:
    # Release 0.1.0 wrote the text itself. A damaged row may hold anything.
    if isinstance(stored, Binary):
        try:
            stored = zlib.decompress(bytes(stored))
        except zlib.error as error:
            raise ValueError(f"boards: {error}") from error
    return _rules_json.validate_json(stored)


def _json(rules: Mapping[str, BoardRules]) -> bytes:
    return _rules_json.dump_json(dict(sorted(rules.items())), by_alias=True, exclude_defaults=True)


def _fingerprint(rules: Mapping[str, BoardRules]) -> str:
    return hashlib.sha256(_json(rules)).hexdigest()


async def _write(
    db: Database, read: Item | None, rules: Mapping[str, BoardRules], fingerprint: str | None
) -> None:
    values = {"revision": secrets.token_hex(8), "boards": _packed(rules), "fingerprint": fingerprint}
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(revision)"}
    if read and "revision" in read:
        condition = {
            "ConditionExpression": "revision = :read",
            "ExpressionAttributeValues": {":read": read["revision"]},
        }
    await db.client.put_item(TableName=db.name(LEADERBOARDS), Item=_key() | to_item(values), **condition)


def _key() -> dict[str, Any]:
    return to_item({"gameArea": ROW_KEY})
