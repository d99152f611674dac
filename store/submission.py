"""Submitting a score: one transaction over the player's best, their row on the board and that on `global`.

1. Read the player's bests and profile in one transaction.
2. The score is no better than the best, and the best is on the board: done, nothing is written. A best
   without a row is no best: an operator took it away.
3. The score is better, and its area counts: look which of the bests in the sum have their rows.
4. Write the new bests, on condition that the player's `revision` still is the one read; put the new rows,
   delete the old ones. All of it is visible or none.
5. Another request wrote the player in between (from another device): start again at 1.

Whatever runs at once, the best wins, exactly one row per player and board is left, and the row on `global`
carries the exact sum.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from game.catalogue import GLOBAL_BOARD, Catalogue
from game.scoring import better
from store import appearance, players, progress, scores
from store.database import Database, retry_on_conflict
from store.errors import ConflictError, ThrottledError
from store.profiles import Profile
from store.progress import Best, Progress

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(frozen=True)
class Submission:
    """The outcome of a submitted score: the player's best now, and whether this score made it."""

    best: int
    improved: bool


async def submit(
    db: Database, catalogue: Catalogue, profile: Profile, area: str, points: int, achieved_at: int
) -> Submission:
    """Record a score in an area of the catalogue.

    `profile` is how the player is shown as long as no profile is stored; `achieved_at` is in milliseconds
    since the epoch. Raises DeletedError, and ConflictError when the player's row never stayed still, with
    nothing written.
    """

    async def attempt() -> tuple[Submission, bool]:
        read, stored = await appearance.read(db, profile.user_id)
        unfinished = stored is not None and bool(stored.unshown)
        bests = dict(read.bests)
        best = bests.get(area)
        if best and not better(catalogue.areas[area].order, points, best.points):
            bests = await scores.with_rows(db, bests, (area,))
            if area in bests:
                return Submission(best=best.points, improved=False), unfinished
        summed = {*catalogue.counting_areas, GLOBAL_BOARD} if area in catalogue.counting_areas else set()
        known = await scores.with_rows(db, bests, summed - {area})
        new = scores.new_best(catalogue.boards[area], points, achieved_at, profile.user_id)
        writes = _transaction(db, catalogue, read, known, stored or profile, area, new)
        await players.write(db, profile.user_id, writes)
        return Submission(best=points, improved=True), unfinished

    submission, unfinished = await retry_on_conflict(attempt)
    if unfinished:
        # The score stands; the next one tries again.
        with suppress(ConflictError, ThrottledError):
            await appearance.finish(db, catalogue.boards, profile.user_id)
    return submission


def _transaction(
    db: Database,
    catalogue: Catalogue,
    read: Progress,
    known: Mapping[str, Best],
    profile: Profile,
    area: str,
    best: Best,
) -> list["TransactWriteItemTypeDef"]:
    bests = {**known, area: best}
    counting = [bests[name].points for name in catalogue.counting_areas if name in bests]
    held = known.get(GLOBAL_BOARD)
    # Only a sum that moved was reached again: otherwise the first to reach it keeps the place.
    if area in catalogue.counting_areas and (held is None or held.points != sum(counting)):
        board = catalogue.boards[GLOBAL_BOARD]
        bests[GLOBAL_BOARD] = scores.new_best(board, sum(counting), best.achieved_at, profile.user_id)
    writes = [progress.replace(db, read, read.model_copy(update={"bests": bests}))]
    for name, new in bests.items():
        old = known.get(name)
        if new == old:
            continue
        if old:
            writes.append(scores.delete(db, name, old))
        writes.append(scores.put(db, scores.new_score(name, new, profile)))
    return writes
