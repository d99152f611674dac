"""A player's actions with money, tasks, unlocks and saves: one conditional write, answered once.

1. Read the player's row, and with a request key the answer given to it before, in one transaction.
2. Answered before: that is the answer.
3. Let the rules decide on the row as read, and on the standings that they ask for, which are read now: what
   they decide is right for this moment.
4. Write the new row, on condition that it has not changed since 1, and the answer under its key, in one
   transaction. Refusals are answers too: they are kept under the condition that made them right.
5. Another request wrote in between: start again at 1.

A process that dies anywhere leaves either nothing, or all of it with the answer.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store import idempotency, players, progress, scores, standings
from store.database import Database, retry_on_conflict
from store.idempotency import Answer, RequestKey
from store.progress import Progress
from store.schema import STANDINGS
from store.standings import Standing

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

_STANDINGS_AT_ONCE = 100
_ROWS_AT_ONCE = 10
"""Rows among which one is looked for; nearly always the first is there."""

Decide = Callable[[Progress, Mapping[str, Standing]], tuple[Progress, Answer]]


@dataclass(frozen=True)
class Asked:
    """The standings that a decision rests on: those on `boards`, and any one on these or on `among`.

    `among` is empty where the decision does not ask whether there is any.
    """

    boards: Collection[str] = ()
    among: Collection[str] = ()


async def act(
    db: Database,
    user_id: str,
    decide: Decide,
    key: RequestKey | None,
    now: int,
    asked: Asked | None = None,
) -> Answer:
    """Return the answer to a player's request; `decide` is pure and may be asked more than once.

    It gets the standings that are `asked` for, by area or board, but none whose row is gone.

    Raises KeyReusedError when the key came with another request, DeletedError for a deleted player, and
    ConflictError when the player's row never stayed still, with nothing written.
    """

    async def attempt() -> Answer:
        row, before = await read(db, user_id, key, now)
        if before:
            return before
        held = await _held(db, user_id, asked) if asked else {}
        new, answer = decide(row, held)
        writes = _writes(db, row, new, key, answer, now)
        if writes:
            await players.write(db, user_id, writes)
        return answer

    return await retry_on_conflict(attempt)


async def read(
    db: Database, user_id: str, key: RequestKey | None, now: int
) -> tuple[Progress, Answer | None]:
    """Return a player's progress, and the answer given before to the request of a key, as of one moment.

    `now` in milliseconds since the epoch. Raises DeletedError, KeyReusedError and RowError.
    """
    if key is None:
        return await progress.load(db, user_id), None
    _, (row, answered) = await players.read(
        db, user_id, [progress.get(db, user_id), idempotency.get(db, key)]
    )
    return progress.parse(user_id, row), idempotency.parse(key, answered, now)


async def _held(db: Database, user_id: str, asked: Asked) -> dict[str, Standing]:
    found: list[Standing] = []
    if asked.boards:
        keys = [standings.key(user_id, board) for board in asked.boards]
        _, rows = await players.load_with(db, user_id, {STANDINGS: keys})
        found = await scores.with_rows(db, [*map(standings.parse, rows[STANDINGS])])
    if asked.among and not found:
        return await _any(db, user_id, asked.among)
    return {one.board: one for one in found}


async def _any(db: Database, user_id: str, among: Collection[str]) -> dict[str, Standing]:
    """Return some of a player's standings on these boards; none only if there is none."""
    async for page in standings.readable(db, user_id, limit=_STANDINGS_AT_ONCE):
        held = [one for one in page if one.board in among]
        for start in range(0, len(held), _ROWS_AT_ONCE):
            if found := await scores.with_rows(db, held[start : start + _ROWS_AT_ONCE]):
                return {one.board: one for one in found}
    return {}


def _writes(
    db: Database, read: Progress, new: Progress, key: RequestKey | None, answer: Answer, now: int
) -> list["TransactWriteItemTypeDef"]:
    writes = []
    if new != read:
        writes.append(progress.replace(db, read, new))
    elif key:
        writes.append(progress.unchanged(db, read))
    if key:
        writes.append(idempotency.put(db, key, answer, now))
    return writes
