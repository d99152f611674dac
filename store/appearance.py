"""How a player looks to others: the name and portrait of the profile, which the rows on the boards repeat.

1. One transaction changes the profile and gives it a new `look`: a time, later than any look before. The
   player's row of `Players` gets the same look, and says that it is pending. A score is written on condition
   of the look that it was read with, so from here on every row that is written shows the new one.
2. Every row that a standing names gets the new look, unless it shows a later one: a plain write each, side by
   side, whatever their number, also on boards that have left the catalogue. A row that has moved meanwhile
   was written under the new look. No row is made here: a standing whose row is gone does not count. The rows
   of seasons that were over by then stay as they were.
3. The player's row: no longer pending, if its look still is this one.

A process that dies between them, or runs out of time, leaves rows with the look before. The player's next
change goes on where it stopped, and so does the janitor, a minute later (`store.unfinished`).

A Query sees a transaction's rows one by one, and may miss a standing that was accepted this moment under the
look before. So 2 is done again until it finds no standing that it has not seen.

If a profile and the player's row tell of different looks, a restore or an operator made them differ: `settle`
gives both a new one.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable

from store import players, profiles, scores, standings
from store.database import Database, retry_on_conflict
from store.errors import ConflictError, StoreError, ThrottledError
from store.players import NewLook
from store.profiles import Profile

ROWS_AT_ONCE = 25
"""Rows that are shown a new look side by side."""
SECONDS = 10.0
"""How long a change works on the rows, of the 29 that API Gateway waits; the janitor does the rest."""

logger = logging.getLogger("podium.appearance")

Change = Callable[[Profile], Profile]


class NoProfileError(StoreError):
    """The player has no stored profile."""


async def read_profile(db: Database, user_id: str) -> Profile | None:
    """Return a player's stored profile, if any, as of one moment. Raises DeletedError."""
    _, (profile,) = await players.read(db, user_id, [profiles.get(db, user_id)])
    return profiles.parse(profile)


async def change(db: Database, default: Profile, change: Change, now: int) -> Profile:
    """Change a player's profile, and every row that shows it; return the new profile.

    `default` is the profile of a player who has none stored; `now` in milliseconds since the epoch. Rows that
    cannot be written within SECONDS are left to the janitor. Raises DeletedError, and ConflictError when the
    player's rows never stayed still; then nothing is written.
    """
    created = default.model_copy(update={"created_at": now, "updated_at": now})
    return await _change(db, default.user_id, created, _at(now, change), now)


async def change_stored(db: Database, user_id: str, change: Change, now: int) -> Profile:
    """Do as `change`, for a caller that has no name to make a profile with. Raises NoProfileError too."""
    return await _change(db, user_id, None, _at(now, change), now)


async def finish(db: Database, user_id: str, now: int) -> None:
    """Do what a change left undone, for as long as it takes. Raises DeletedError, and what requests raise."""
    player, (item,) = await players.read(db, user_id, [profiles.get(db, user_id)])
    stored = profiles.parse(item)
    if stored is None:
        # An operator took the profile away, and there is nothing to show.
        await players.forget_look(db, user_id, player.look)
        return
    if stored.look != player.look:
        stored = await settle(db, user_id, now)
    if stored is not None:
        await _show(db, stored)
        await players.finish_look(db, user_id, stored.look)


async def settle(db: Database, user_id: str, now: int) -> Profile | None:
    """Make the looks of profile and player's row the same again, where they differ; return the profile.

    The rows on the boards are pending then.
    """

    async def attempt() -> Profile | None:
        player, (item,) = await players.read(db, user_id, [profiles.get(db, user_id)])
        stored = profiles.parse(item)
        if player.look == (stored.look if stored else 0):
            return stored
        if stored is None:
            await players.forget_look(db, user_id, player.look)
            return None
        new, look = new_look(stored, player.look, now)
        await players.write(db, user_id, [profiles.put(db, stored, new)], look=look)
        return new

    return await retry_on_conflict(attempt)


async def renew(db: Database, user_id: str, now: int) -> None:
    """Show a player's profile in every row again, for as long as it takes.

    For the profile of a release that knew no looks. Raises DeletedError, NoProfileError and ConflictError.
    """

    async def attempt() -> None:
        player, (item,) = await players.read(db, user_id, [profiles.get(db, user_id)])
        stored = profiles.parse(item)
        if stored is None:
            raise NoProfileError(user_id)
        new, look = new_look(stored, player.look, now)
        await players.write(db, user_id, [profiles.put(db, stored, new)], look=look)

    await retry_on_conflict(attempt)
    await finish(db, user_id, now)


def _at(now: int, change: Change) -> Change:
    def at(profile: Profile) -> Profile:
        new = change(profile)
        return profile if new == profile else new.model_copy(update={"updated_at": now})

    return at


async def _change(db: Database, user_id: str, default: Profile | None, change: Change, now: int) -> Profile:
    async def attempt() -> tuple[Profile, bool]:
        player, (item,) = await players.read(db, user_id, [profiles.get(db, user_id)])
        stored = profiles.parse(item)
        before = stored or default
        if before is None:
            raise NoProfileError(user_id)
        new = change(before)
        same = stored is not None and stored.look == player.look
        if same and (new.name, new.avatar) == (before.name, before.avatar):
            if new != stored:
                await players.write(db, user_id, [profiles.put(db, stored, new)])
            return new, player.pending == "look"
        new, look = new_look(new, player.look, now)
        await players.write(db, user_id, [profiles.put(db, stored, new)], look=look)
        return new, True

    new, pending = await retry_on_conflict(attempt)
    if pending:
        await _show_soon(db, new)
    return new


def new_look(profile: Profile, look: int, now: int) -> tuple[Profile, NewLook]:
    """Return the profile with a look later than its own and the player's row's, and the change of the row.

    `look` is the row's. Once both are written, `finish` shows the profile.
    """
    new = max(profile.look + 1, look + 1, now)
    return profile.model_copy(update={"look": new}), NewLook(read=look, new=new, now=now)


async def _show_soon(db: Database, profile: Profile) -> None:
    """Show a profile in every row, as far as it can be done within SECONDS: the change itself stands."""
    try:
        async with asyncio.timeout(SECONDS):
            await _show(db, profile)
            await players.finish_look(db, profile.user_id, profile.look)
    except (ConflictError, ThrottledError, TimeoutError) as error:
        logger.warning("rows of %s are left to the janitor: %r", profile.user_id, error)


async def _show(db: Database, profile: Profile) -> None:
    turn = asyncio.Semaphore(ROWS_AT_ONCE)

    async def show(board: str, sort_key: str) -> None:
        async with turn:
            await retry_on_conflict(lambda: scores.show(db, board, sort_key, profile))

    seen: set[tuple[str, str]] = set()
    more = True
    while more:
        more = False
        async for page in standings.pages(db, profile.user_id):
            named = [standings.named(profile.user_id, item) for item in page]
            # A look is the time of its change.
            shown = (one for one in named if one.ends_at is None or one.ends_at > profile.look)
            rows = {(one.board, one.sort_key) for one in shown if one.sort_key is not None} - seen
            await _all(show(*row) for row in sorted(rows))
            seen |= rows
            more = more or bool(rows)


async def _all(work: Iterable[Coroutine[None, None, None]]) -> None:
    """Run all of it side by side; the first error ends the rest, and is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
