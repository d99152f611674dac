"""A player's actions with money, tasks, unlocks and saves: one conditional write, answered once.

1. Read the player's row, and with a request key the answer given to it before, in one transaction.
2. Answered before: that is the answer.
3. Let the rules decide on the row as read.
4. Write the new row, on condition that it has not changed since 1, and the answer under its key, in one
   transaction. Refusals are answers too: they are kept under the condition that made them right.
5. Another request wrote in between: start again at 1.

A process that dies anywhere leaves either nothing, or all of it with the answer.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from store import idempotency, players, progress, scores
from store.database import Database, retry_on_conflict
from store.idempotency import Answer, RequestKey
from store.progress import Progress

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

Decide = Callable[[Progress], tuple[Progress, Answer]]


async def act(
    db: Database,
    user_id: str,
    decide: Decide,
    key: RequestKey | None,
    now: int,
    boards: Collection[str] = (),
) -> Answer:
    """Return the answer to a player's request; `decide` is pure and may be asked more than once.

    `boards` are those whose bests the decision rests on: `decide` sees none whose row is gone.

    Raises KeyReusedError when the key came with another request, DeletedError for a deleted player, and
    ConflictError when the player's row never stayed still, with nothing written.
    """

    async def attempt() -> Answer:
        read, before = await _read(db, user_id, key, now)
        if before:
            return before
        read = read.model_copy(update={"bests": await scores.with_rows(db, read.bests, boards)})
        new, answer = decide(read)
        writes = _writes(db, read, new, key, answer, now)
        if writes:
            await players.write(db, user_id, writes)
        return answer

    return await retry_on_conflict(attempt)


async def _read(
    db: Database, user_id: str, key: RequestKey | None, now: int
) -> tuple[Progress, Answer | None]:
    if key is None:
        return await progress.load(db, user_id), None
    row, answered = await players.read(db, user_id, [progress.get(db, user_id), idempotency.get(db, key)])
    return progress.parse(user_id, row), idempotency.parse(key, answered, now)


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
