"""The deletion of a player, in steps that can be repeated: where one fails, asking again does the rest.

1. The tombstone (`store.players`), which says that the deletion is pending. No write of the player succeeds
   from here on, so what the next steps find is all there is, and they need no transaction, however many rows
   there are.
2. A page of standings at a time: the rows that they name on the boards, of areas that have left the catalogue
   too; then the standings. Where a standing is damaged, its board is searched for the player's: a read of all
   its rows. Until no standing is found. Then progress, the profile, the requests answered, claims, limits,
   and held scores.
3. The pictures.
4. The connections: side by side, for 5 seconds at most. One that is not closed by then keeps its rows, which
   expire within 3 hours; it can read boards, and nothing else.
5. The user in the pool: as long as there is one, the player can sign in and ask again.
6. The tombstone is no longer pending. Whatever died before is done by the janitor (`store.unfinished`).

Left are the tombstone, for 31 days, and for a day the answers to requests of the last moment, which the index
of `Idempotency` does not show yet.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from store import connections, idempotency, players, profiles, progress, scores, standings
from store.database import Database, delete_partition, retry_on_conflict
from store.portraits import PortraitBucket
from store.schema import CLAIMS, HELD_SCORES, LIMITS

DELETION_HANG_UP_SECONDS = 5.0
"""Seconds that closing a player's connections may take; API Gateway waits 29 seconds for all of it."""
HANG_UPS_AT_ONCE = 50

logger = logging.getLogger("podium.deletion")

HangUp = Callable[[str], Awaitable[object]]
DeleteUser = Callable[[str, str], Awaitable[None]]
"""Deletes the user of this name and `sub` from the user pool; one who is gone already is no error."""


async def delete_player(
    db: Database,
    portraits: PortraitBucket,
    user_id: str,
    now: int,
    *,
    username: str,
    hang_up: HangUp,
    delete_user: DeleteUser,
) -> None:
    """Delete all that there is of a player; one who is deleted already, or never was, is no error.

    `now` in milliseconds since the epoch; `username` is the player's in the user pool; `hang_up` closes a
    connection by its id. Raises what any step raises; what is deleted by then stays deleted, and the janitor
    does the rest. A guest who is being merged is deleted by the merge (`store.merge`), in the end.
    """
    if not await players.bury(db, user_id, now, username):
        return
    await finish(db, portraits, user_id, now, username=username, hang_up=hang_up, delete_user=delete_user)


async def finish(
    db: Database,
    portraits: PortraitBucket,
    user_id: str,
    now: int,
    *,
    username: str | None,
    hang_up: HangUp,
    delete_user: DeleteUser,
) -> None:
    """Do what is left of a deletion, which `delete_player` has begun.

    A tombstone of an earlier release knows no `username`: its user is left, who can sign in and ask again.
    """
    await _delete_rows(db, user_id)
    await portraits.delete_all(user_id)
    await _hang_up(db, user_id, hang_up)
    if username is not None:
        await delete_user(username, user_id)
    await players.finish_deletion(db, user_id, now)


async def _delete_rows(db: Database, user_id: str) -> None:
    # A Query sees a transaction's rows one by one: one that came just before the tombstone may show late.
    while await _delete_standings(db, user_id):
        pass
    # A write that is about to fail may be in the way.
    await retry_on_conflict(lambda: progress.delete(db, user_id))
    await retry_on_conflict(lambda: profiles.delete(db, user_id))
    await idempotency.delete(db, await idempotency.ids(db, user_id))
    for table in (CLAIMS, LIMITS, HELD_SCORES):
        await delete_partition(db, table, user_id)


async def _delete_standings(db: Database, user_id: str) -> bool:
    """Delete what a Query finds of a player's standings, with the rows that they name; was there any?"""
    found = False
    async for page in standings.pages(db, user_id):
        found = True
        named = [standings.named(user_id, item) for item in page]
        keys = [(one.board, one.sort_key) for one in named if one.sort_key is not None]
        for one in named:
            if not one.whole:
                logger.error("a standing of a deleted player is damaged: board %s is searched", one.board)
                keys += await scores.keys_of(db, one.board, user_id)
        await scores.delete_rows(db, keys)
        # What names the rows goes after them.
        await standings.delete(db, user_id, [one.board for one in named])
    return found


async def _hang_up(db: Database, user_id: str, hang_up: HangUp) -> None:
    turn = asyncio.Semaphore(HANG_UPS_AT_ONCE)
    failures: list[Exception] = []
    standing = connections.standing_channels(user_id)

    async def close(connection_id: str) -> None:
        async with turn:
            try:
                await hang_up(connection_id)
                await connections.close_connection(db, connection_id, standing)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the others go on
                failures.append(error)

    pages = connections.subscribers(db, connections.user_channel(user_id))
    tasks = [asyncio.create_task(close(one)) async for page in pages for one in page]
    if not tasks:
        return
    try:
        done, late = await asyncio.wait(tasks, timeout=DELETION_HANG_UP_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    if late or failures:
        logger.warning(
            "%d connections of a deleted player are open: %d took too long, %d failed, as with %r",
            len(late) + len(failures),
            len(late),
            len(failures),
            next(iter(failures), None),
        )
