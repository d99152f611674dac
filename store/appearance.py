"""How a player looks to others: the name and portrait of the profile, which the rows on the boards repeat.

1. One transaction changes the profile, and the rows of the first 90 boards. It also moves the progress row's
   `revision`, so a score that is being submitted meanwhile is turned back, to read the new name.
2. Boards beyond those stand in the profile as `unshown`. Further transactions take 90 of them at a time.

A process that dies between them leaves some rows with the old name, and the profile says which: the player's
next score or change does the rest. On up to 90 boards there is no such moment. Only boards of the catalogue
follow; one that comes back into it shows the old name until the player scores there, or changes something
again. No row is made here: a best whose row is gone is no best.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from store import players, profiles, progress, scores
from store.database import Database, retry_on_conflict
from store.errors import RequestError, StoreError
from store.profiles import Profile
from store.progress import Progress

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

ROWS_AT_ONCE = 90
"""Rows of boards in a transaction, which has at most 100 items."""

_FAILED = "ConditionalCheckFailed"

Change = Callable[[Profile], Profile]


class NoProfileError(StoreError):
    """The player has no stored profile."""


async def read(db: Database, user_id: str) -> tuple[Progress, Profile | None]:
    """Return a player's progress and stored profile, if any, as of one moment. Raises DeletedError."""
    parts = [progress.get(db, user_id), profiles.get(db, user_id)]
    achieved, profile = await players.read(db, user_id, parts)
    return progress.parse(user_id, achieved), profiles.parse(profile)


async def read_profile(db: Database, user_id: str) -> Profile | None:
    """Return a player's stored profile, if any, with no right but those of `read`. Raises DeletedError."""
    (profile,) = await players.read(db, user_id, [profiles.get(db, user_id)])
    return profiles.parse(profile)


async def change(
    db: Database, boards: Collection[str], default: Profile, change: Change, now: int
) -> Profile:
    """Change a player's profile, on every one of these boards too; return the new profile.

    `boards` are the catalogue's; `default` is the profile of a player who has none stored; `now` in
    milliseconds since the epoch. Raises DeletedError, and ConflictError when the player's rows never stayed
    still; the change is then on the profile, or nothing is written.
    """
    created = default.model_copy(update={"created_at": now, "updated_at": now})
    return await _change(db, boards, default.user_id, created, _at(now, change))


async def change_stored(
    db: Database, boards: Collection[str], user_id: str, change: Change, now: int
) -> Profile:
    """Do as `change`, for a caller that has no name to make a profile with. Raises NoProfileError too."""
    return await _change(db, boards, user_id, None, _at(now, change))


async def finish(db: Database, boards: Collection[str], user_id: str) -> None:
    """Do what a change that died left undone; see `change`."""
    await _change(db, boards, user_id, None, lambda profile: profile)


def _at(now: int, change: Change) -> Change:
    def at(profile: Profile) -> Profile:
        new = change(profile)
        return profile if new == profile else new.model_copy(update={"updated_at": now})

    return at


async def _change(
    db: Database, boards: Collection[str], user_id: str, default: Profile | None, change: Change
) -> Profile:
    new = await _write(db, boards, user_id, default, change)
    while new.unshown:
        new = await _write(db, boards, user_id, None, lambda profile: profile)
    return new


async def _write(
    db: Database, boards: Collection[str], user_id: str, default: Profile | None, change: Change
) -> Profile:
    """Change the profile, and as many rows as one transaction takes; the others are its `unshown`."""
    missing: set[tuple[str, str]] = set()

    async def attempt() -> Profile:
        achieved, stored = await read(db, user_id)
        before = stored or default
        if before is None:
            raise NoProfileError(user_id)
        new = change(before)
        seen = stored is not None and (new.name, new.avatar) == (stored.name, stored.avatar)
        behind = [
            board
            for board in (before.unshown if seen else boards)
            if board in boards
            and board in achieved.bests
            and (board, achieved.bests[board].sort_key) not in missing
        ]
        shown, unshown = behind[:ROWS_AT_ONCE], behind[ROWS_AT_ONCE:]
        new = new.model_copy(update={"unshown": tuple(unshown)})
        writes: list[TransactWriteItemTypeDef] = [
            profiles.put(db, stored, new),
            progress.replace(db, achieved, achieved),
        ]
        own = len(writes)
        writes += [scores.show(db, board, achieved.bests[board], new) for board in shown]
        try:
            await players.write(db, user_id, writes)
        except RequestError as error:
            # Behind the look for a tombstone, in the order of the writes.
            codes = error.reasons[1:]
            if _FAILED not in codes[:own]:
                failed = [board for board, code in zip(shown, codes[own:], strict=False) if code == _FAILED]
                missing.update((board, achieved.bests[board].sort_key) for board in failed)
            raise
        return new

    return await retry_on_conflict(attempt)
