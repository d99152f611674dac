"""Submitting a score: one transaction over the player's best, their row on the board and that on `global`.

1. Read the player's bests and profile in one transaction.
2. No better than the best: done, nothing is written.
3. Write the new bests, on condition that the player's `revision` still is the one read; put the new rows,
   delete the old ones. All of it is visible or none.
4. Somebody else wrote the player in between (another device): start again at 1.

Whatever runs at once, the best wins, exactly one row per player and board is left, and the row on `global`
carries the exact sum.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from game.catalogue import GLOBAL_BOARD, Catalogue
from game.scoring import better
from store import profiles, progress, scores
from store.database import ConflictError, Database, backoff, lost_race, to_item
from store.profiles import Profile
from store.progress import Best, Progress
from store.schema import USER_PROFILES, USER_PROGRESS

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

# With one winner a round, this many attempts outlast any number of devices that a player can hold.
ATTEMPTS = 50


@dataclass(frozen=True)
class Submission:
    """What a submitted score came to: the player's best now, and whether this score made it."""

    best: int
    improved: bool


async def submit(
    db: Database, catalogue: Catalogue, profile: Profile, area: str, points: int, achieved_at: int
) -> Submission:
    """Record a score in an area of the catalogue.

    `profile` is how the player is shown as long as no profile is stored; `achieved_at` is in milliseconds
    since the epoch. Raises ConflictError when the player's row never stayed still, with nothing written.
    """
    for attempt in range(ATTEMPTS):
        try:
            read, stored = await _read(db, profile.user_id)
            best = read.bests.get(area)
            if best and not better(catalogue.areas[area].order, points, best.points):
                return Submission(best=best.points, improved=False)
            transaction = _transaction(
                db, catalogue, read, stored or profile, area, Best(points=points, achieved_at=achieved_at)
            )
            await db.client.transact_write_items(TransactItems=transaction)
        except ClientError as error:
            if not lost_race(error):
                raise
            await backoff(attempt)
        else:
            return Submission(best=points, improved=True)
    raise ConflictError(f"the scores of player {profile.user_id} were written by others {ATTEMPTS} times")


async def _read(db: Database, user_id: str) -> tuple[Progress, Profile | None]:
    key = to_item({"userId": user_id})
    answer = await db.client.transact_get_items(
        TransactItems=[
            {"Get": {"TableName": db.name(USER_PROGRESS), "Key": key}},
            {"Get": {"TableName": db.name(USER_PROFILES), "Key": key}},
        ]
    )
    stored = [response.get("Item") for response in answer["Responses"]]
    return progress.parse(user_id, stored[0]), profiles.parse(stored[1])


def _transaction(
    db: Database, catalogue: Catalogue, read: Progress, profile: Profile, area: str, best: Best
) -> list["TransactWriteItemTypeDef"]:
    bests = read.bests | {area: best}
    counting = [bests[name].points for name in catalogue.counting_areas if name in bests]
    held = read.bests.get(GLOBAL_BOARD)
    # Only a sum that moved was reached anew: otherwise whoever reached it first keeps the place.
    if area in catalogue.counting_areas and (held is None or held.points != sum(counting)):
        bests[GLOBAL_BOARD] = Best(points=sum(counting), achieved_at=best.achieved_at)
    writes = [progress.replace_bests(db, read, bests)]
    for name, new in bests.items():
        old = read.bests.get(name)
        if new == old:
            continue
        board = catalogue.boards[name]
        if old:
            writes.append(scores.delete(db, board, old, profile.user_id))
        writes.append(scores.put(db, scores.new_score(board, new, profile)))
    return writes
