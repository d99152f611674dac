"""A board's fan-out: who still has to push the frames of its outbox, kept in the board's row.

    start -> advance, a page of subscribers at a time, for each slice -> finish, when no slice is left

A board has one fan-out at a time. A pusher that works on a slice puts off the fan-out's expiry with every
page; when all pushers have died it expires, and the next function that notices takes it over: the new one has
another id, so that a pusher that was only slow finds out, and stops. A board published again has no fan-out:
its epoch differs.
"""

from collections.abc import Mapping
from typing import Any

from game.live import spread_of
from store.boards import FanOutRow, PublishedBoard, outbox_paths
from store.database import Database, to_item
from store.errors import RequestError, RowError, StoreError, lost_race
from store.schema import LEADERBOARDS


class SupersededError(StoreError):
    """The fan-out is not as it was read: another function is at work on it, or it is over."""


async def start(db: Database, board: PublishedBoard, fanout: FanOutRow) -> PublishedBoard:
    """Begin a fan-out, or take over the expired one that the row was read with.

    Returns the row as written. Raises SupersededError when the fan-out has changed since the row was read.
    """
    if board.fanout:
        condition, values = "#fanout.id = :held", {":held": board.fanout.id}
    else:
        condition, values = "attribute_not_exists(#fanout)", {}
    return await _update(
        db,
        board,
        "SET #fanout = :fanout",
        condition,
        values | {":fanout": fanout.model_dump(by_alias=True, exclude_none=True)},
    )


async def advance(
    db: Database,
    board: PublishedBoard,
    fanout: FanOutRow,
    slice_name: str,
    *,
    first: str | None,
    stuck: bool,
    expires_at: int,
) -> PublishedBoard:
    """Record that a slice's subscribers before `first` were pushed to, all of them where it is None.

    `stuck` says that some of them have neither got their frames nor been closed. Returns the row as written.
    Raises SupersededError when the fan-out is another by now, or the slice done.
    """
    sets: dict[str, dict[str, Any]] = {"#fanout.expiresAt = :expires": {":expires": expires_at}}
    if first is not None:
        sets["#fanout.pending.#slice[0] = :first"] = {":first": first}
    if stuck:
        sets["#fanout.stuck = :stuck"] = {":stuck": True}
    return await _update(
        db,
        board,
        "SET " + ", ".join(sets) + (" REMOVE #fanout.pending.#slice" if first is None else ""),
        "#fanout.id = :id AND attribute_exists(#fanout.pending.#slice)",
        {name: value for values in sets.values() for name, value in values.items()} | {":id": fanout.id},
        {"#slice": slice_name},
    )


async def finish(db: Database, board: PublishedBoard, fanout: FanOutRow, now: int) -> PublishedBoard:
    """End a fan-out whose slices are all done, and drop its frames from the outbox of the row as read.

    `now`, in milliseconds since the epoch, tells how long it took, and so how long the subscribers need to
    ask at half the rate of pushes: `spread`. The frames stay where a subscriber is stuck, to be pushed to all
    subscribers again. Returns the row as written. Raises SupersededError when another function was first.
    """
    pushed = [] if fanout.stuck else [version for version in board.outbox if version <= fanout.to]
    paths, names = outbox_paths(pushed)
    return await _update(
        db,
        board,
        "SET spread = :spread REMOVE " + ", ".join(["#fanout", *paths]),
        "#fanout.id = :id",
        {":id": fanout.id, ":spread": spread_of(now - fanout.started_at)},
        names if paths else {},
    )


async def _update(
    db: Database,
    board: PublishedBoard,
    expression: str,
    condition: str,
    values: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
) -> PublishedBoard:
    try:
        answer = await db.client.update_item(
            TableName=db.name(LEADERBOARDS),
            Key=to_item({"gameArea": board.game_area}),
            UpdateExpression=expression,
            ConditionExpression=f"epoch = :epoch AND {condition}",
            ExpressionAttributeValues=to_item({":epoch": board.epoch, **values}),
            ReturnValues="ALL_NEW",
            ExpressionAttributeNames={"#fanout": "fanout", **(names or {})},
        )
    except RequestError as error:
        if lost_race(error):
            raise SupersededError(board.game_area) from error
        raise
    try:
        return PublishedBoard.parse(answer["Attributes"])
    except RowError as error:
        # Something else has come into the row since it was read: the board will be published again.
        raise SupersededError(board.game_area) from error
