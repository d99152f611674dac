"""`UserProfiles`: how a player is shown to others. Like progress, guarded by a random `revision`."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from game.board import Avatar, Milliseconds, Name
from store import players
from store.database import (
    Database,
    RevisedRow,
    Row,
    StoredNumber,
    as_read,
    parse_row,
    retry_on_conflict,
    to_item,
)
from store.errors import StoreError
from store.schema import USER_PROFILES

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactGetItemTypeDef, TransactWriteItemTypeDef


PORTRAITS_KEPT = 10
"""Portraits of a player that are kept, the one shown among them. Outcomes of uploads, too."""
PORTRAITS_AN_HOUR = 20
"""Portraits that a player may ask for in any 60 minutes; each takes seconds of a container with 2 GB."""

_HOUR_MS = 60 * 60 * 1000


class TooManyPortraitsError(StoreError):
    """The player has asked for PORTRAITS_AN_HOUR portraits; `seconds` from now on one more is let through."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the next one in {seconds} seconds")
        self.seconds = seconds


class Outcome(Row):
    """The outcome of an upload: a portrait, or an `error` for programs and a `message` for the player.

    `upload` is its key. `picture` is the last part of the portrait's key, and tells an upload's contents and
    backgrounds apart, also where no portrait was made. `face` says whether a face was found.
    """

    upload: str
    picture: str
    face: bool | None = None
    error: str | None = None
    message: str | None = None

    def avatar(self, user_id: str) -> str | None:
        """Return the portrait's key; None where there is none."""
        return None if self.error else f"{avatar_prefix(user_id)}{self.picture}"


class Profile(RevisedRow):
    """A player's display name and portrait, and when they were set (milliseconds since the epoch).

    `avatar` is the key under which the portrait's sizes lie, one of `portraits`, or None. `portraits` and
    `outcomes` are in the order in which they were made, PORTRAITS_KEPT of each at most. `asked` are the times
    of the last hour at which the player asked for a portrait.
    """

    user_id: str
    name: Name
    avatar: Avatar | None = None
    portraits: tuple[str, ...] = ()
    problem: str | None = None
    """Why the last portrait uploaded could not be used."""
    look: StoredNumber[Milliseconds] = 0
    """When name or portrait changed last, as in the player's row of `Players`: see `store.appearance`."""
    created_at: int = 0
    updated_at: int = 0
    outcomes: tuple[Outcome, ...] = ()
    asked: tuple[Milliseconds, ...] = ()

    def outcome(self, upload: str, picture: str | None = None) -> Outcome | None:
        """Return the last outcome of an upload, by its key, or that of this picture of it, if it is known."""
        found = (
            one
            for one in reversed(self.outcomes)
            if one.upload == upload and (picture is None or one.picture == picture)
        )
        return next(found, None)

    def with_outcome(self, outcome: Outcome) -> "Profile":
        """Return the profile with the outcome of an upload; with one that it has already, the profile itself.

        A new portrait is shown. It may push the oldest portrait out, but never the one shown before: boards
        and pages still ask for that.
        """
        if self.outcome(outcome.upload, outcome.picture):
            return self
        outcomes = (*self.outcomes, outcome)[-PORTRAITS_KEPT:]
        avatar = outcome.avatar(self.user_id)
        if avatar is None:
            return self.model_copy(update={"problem": outcome.message, "outcomes": outcomes})
        return self.with_portrait(avatar).model_copy(update={"problem": None, "outcomes": outcomes})

    def with_portrait(self, avatar: str) -> "Profile":
        """Return the profile with a portrait that is shown from now on; for the oldest see `with_outcome`."""
        made = [*dict.fromkeys(one for one in self.portraits if one != avatar), avatar]
        oldest = [one for one in made if one not in (avatar, self.avatar)]
        dropped = oldest[: max(0, len(made) - PORTRAITS_KEPT)]
        portraits = tuple(one for one in made if one not in dropped)
        return self.model_copy(update={"avatar": avatar, "portraits": portraits})


def avatar_prefix(user_id: str) -> str:
    """Return what the keys of a player's portraits start with, in the bucket and in rows."""
    return f"avatars/{user_id}/"


def get(db: Database, user_id: str) -> "TransactGetItemTypeDef":
    """Return the transaction's part that reads a player's row."""
    return {"Get": {"TableName": db.name(USER_PROFILES), "Key": to_item({"userId": user_id})}}


def parse(item: Mapping[str, Any] | None) -> Profile | None:
    """Return the row behind a DynamoDB item. Raises RowError where it cannot be read."""
    return parse_row(Profile, USER_PROFILES, item) if item else None


async def load(db: Database, user_id: str) -> Profile | None:
    """Return a player's row, read consistently. Raises DeletedError, and RowError where it cannot be read."""
    return parse(await players.load(db, USER_PROFILES, user_id))


async def load_stored(db: Database, user_id: str) -> Profile | None:
    """Return a player's row, read consistently, without asking whether the player was deleted.

    Raises RowError where it cannot be read.
    """
    answer = await db.client.get_item(
        TableName=db.name(USER_PROFILES), Key=to_item({"userId": user_id}), ConsistentRead=True
    )
    return parse(answer.get("Item"))


async def count_portrait(db: Database, user_id: str, now: int) -> None:
    """Count that a player with a stored profile asks for a portrait; `now` in milliseconds since the epoch.

    Raises TooManyPortraitsError, and then counts nothing; DeletedError, RowError and ConflictError.
    """

    async def attempt() -> None:
        stored = await load(db, user_id)
        if stored is None:
            return
        recent = [at for at in stored.asked if at > now - _HOUR_MS][-PORTRAITS_AN_HOUR:]
        if len(recent) == PORTRAITS_AN_HOUR:
            raise TooManyPortraitsError((recent[0] + _HOUR_MS - now) // 1000 + 1)
        new = stored.model_copy(update={"asked": (*recent, now)})
        await players.write(db, user_id, [put(db, stored, new)])

    await retry_on_conflict(attempt)


def put(db: Database, read: Profile | None, new: Profile) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that replaces a player's row, unless it changed since it was read."""
    # Most players have none of these, and each read of a profile costs by its size.
    changed: dict[str, Any] = {name: getattr(new, name) or None for name in ("look", "asked")}
    changed["outcomes"] = [one.model_dump(exclude_none=True) for one in new.outcomes] or None
    changed["revision"] = secrets.token_hex(8)
    row = new.model_dump(by_alias=True) | changed
    written: Any = {"TableName": db.name(USER_PROFILES), "Item": to_item(row), **as_read(read, "userId")}
    return {"Put": written}


def remove(db: Database, read: Profile) -> "TransactWriteItemTypeDef":
    """Return the transaction's part that deletes a player's row, unless it changed since it was read."""
    key = to_item({"userId": read.user_id})
    removed: Any = {"TableName": db.name(USER_PROFILES), "Key": key, **as_read(read, "userId")}
    return {"Delete": removed}


async def delete(db: Database, user_id: str) -> None:
    """Delete a player's row, whatever is in it."""
    await db.client.delete_item(TableName=db.name(USER_PROFILES), Key=to_item({"userId": user_id}))
