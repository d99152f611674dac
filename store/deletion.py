"""The deletion of a player, in steps that can be repeated: where one fails, asking again does the rest.

1. The tombstone (`store.players`). No write of the player succeeds from here on, so what the next steps find
   is all there is, and they need no transaction, however many rows there are.
2. The rows on the boards, of areas that have left the catalogue too; then the row that names them, the
   profile, and the requests answered. Where the row that names them is damaged, every board of the catalogue
   is searched for the player's: a read of all its rows.
3. The pictures.
4. The connections: side by side, for 5 seconds at most. One that is not closed by then keeps its rows, which
   expire within 3 hours; it can read boards, and nothing else.
5. The user in the pool, last: as long as there is one, the player can sign in and ask again.

Left are the tombstone, for 31 days, and for a day the answers to requests of the last moment, which the index
of `Idempotency` does not show yet.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from store import connections, idempotency, players, profiles, progress, scores
from store.database import Database, retry_on_conflict
from store.portraits import PortraitBucket

DELETION_HANG_UP_SECONDS = 5.0
"""Seconds that closing a player's connections may take; API Gateway waits 29 seconds for all of it."""
HANG_UPS_AT_ONCE = 50

logger = logging.getLogger("podium.deletion")

HangUp = Callable[[str], Awaitable[object]]
DeleteUser = Callable[[], Awaitable[None]]


async def delete_player(
    db: Database,
    portraits: PortraitBucket,
    user_id: str,
    now: int,
    *,
    boards: Iterable[str],
    hang_up: HangUp,
    delete_user: DeleteUser,
) -> None:
    """Delete all that there is of a player; one who is deleted already, or never was, is no error.

    `now` in milliseconds since the epoch; `boards` are the ids of the catalogue's; `hang_up` closes a
    connection by its id; `delete_user` deletes the user from the pool. Raises what any step raises; what is
    deleted by then stays deleted.
    """
    await players.bury(db, user_id, now)
    await _delete_rows(db, user_id, boards)
    await portraits.delete_all(user_id)
    await _hang_up(db, user_id, hang_up)
    await delete_user()


async def _delete_rows(db: Database, user_id: str, boards: Iterable[str]) -> None:
    named = await retry_on_conflict(lambda: progress.score_keys(db, user_id))
    await scores.delete_rows(db, named.keys)
    if not named.whole:
        logger.error("the row of a deleted player is damaged, at %r: every board is searched", user_id)
        for board in boards:
            await scores.delete_rows(db, await scores.keys_of(db, board, user_id))
    # The row that names the others goes after them. A write that is about to fail may be in the way.
    await retry_on_conflict(lambda: progress.delete(db, user_id))
    await retry_on_conflict(lambda: profiles.delete(db, user_id))
    await idempotency.delete(db, await idempotency.ids(db, user_id))


async def _hang_up(db: Database, user_id: str, hang_up: HangUp) -> None:
    turn = asyncio.Semaphore(HANG_UPS_AT_ONCE)
    failures: list[Exception] = []

    async def close(connection_id: str) -> None:
        async with turn:
            try:
                await hang_up(connection_id)
                await connections.close_connection(db, connection_id)
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
