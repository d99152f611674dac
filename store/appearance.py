"""How a player looks to others, on the profile and on every board, and that they can be forgotten.

Each is one transaction over the player's rows in every table: a board never shows a name that the profile
does not have, and a score that is being submitted meanwhile is turned back, to read the new name.
"""

from collections.abc import Awaitable, Callable

from store import connections, idempotency, profiles, progress, scores
from store.database import Database, win
from store.profiles import Profile
from store.progress import Progress


async def read(db: Database, user_id: str) -> tuple[Progress, Profile | None]:
    """A player's progress, and the profile where one is stored, as of one moment."""
    answer = await db.client.transact_get_items(
        TransactItems=[progress.get(db, user_id), profiles.get(db, user_id)]
    )
    rows = [response.get("Item") for response in answer["Responses"]]
    return progress.parse(user_id, rows[0]), profiles.parse(rows[1])


async def change(db: Database, default: Profile, change: Callable[[Profile], Profile], now: int) -> Profile:
    """The player's profile after a change, which is on every board by then too.

    `default` is the profile of a player who has none stored; `now` in milliseconds since the epoch. Raises
    ConflictError when the player's rows never stayed still, with nothing written.
    """

    async def attempt() -> Profile:
        achieved, stored = await read(db, default.user_id)
        before = stored or default.model_copy(update={"created_at": now})
        new = change(before).model_copy(update={"updated_at": now})
        writes = [profiles.put(db, stored, new), progress.replace(db, achieved, achieved)]
        if stored is None or (new.name, new.avatar) != (stored.name, stored.avatar):
            writes += [
                scores.put(db, scores.new_score(board, best, new)) for board, best in achieved.bests.items()
            ]
        await db.client.transact_write_items(TransactItems=writes)
        return new

    return await win(attempt)


async def erase(db: Database, user_id: str, hang_up: Callable[[str], Awaitable[object]]) -> None:
    """Delete a player's rows in every table; a player without any is no error.

    `hang_up` closes a connection. That comes first: one that has lost its rows would be stale in silence.
    Only requests that were answered before the player was deleted are forgotten, so that no later one can
    act twice. Raises ConflictError when the player's rows never stayed still; what is deleted by then stays
    deleted, and asking again deletes the rest.
    """
    answered = await idempotency.ids(db, user_id)
    pages = connections.subscribers(db, connections.user_channel(user_id))
    connected = [connection_id async for page in pages for connection_id in page]
    for connection_id in connected:
        await hang_up(connection_id)

    async def attempt() -> None:
        achieved, _ = await read(db, user_id)
        writes = [profiles.delete(db, user_id), progress.delete(db, achieved)]
        writes += [scores.delete(db, board, best) for board, best in achieved.bests.items()]
        await db.client.transact_write_items(TransactItems=writes)

    await win(attempt)
    await idempotency.delete(db, answered)
    for connection_id in connected:
        await connections.close_connection(db, connection_id)
