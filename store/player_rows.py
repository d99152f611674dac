"""What a player has on some boards, as it was read, and the writes that change it: see `store.submission`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from game.catalogue import SEASON_MARK, Board, Catalogue
from game.names import default_name
from game.seasons import SeasonTimes
from game.standing import Held, fitted
from store import appearance, players, profiles, scores, standings
from store.database import ATTEMPTS, Database, Item, batch_get, to_item
from store.errors import ConflictError
from store.profiles import Profile
from store.schema import STANDINGS, USER_PROFILES, Table
from store.standings import Standing

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef


AREAS_BY_KEY = 50
"""Areas that are read by their keys. An absent row costs as much as a small one."""


@dataclass(frozen=True)
class PlayerRows:
    """What was read of a player: the look, the profile if there is one, standings, and rows by board.

    others: rows of other tables that were asked for.
    """

    user_id: str
    look: int
    profile: Profile | None
    standings: Mapping[str, Standing]
    rows: Mapping[str, Item]
    others: Mapping[Table, Sequence[Item]] = field(default_factory=dict)

    def is_gone(self, board: str) -> bool:
        """Return whether a standing names a row that was not there."""
        standing = self.standings.get(board)
        return standing is not None and standing.sort_key is not None and board not in self.rows

    def metadata(self, board: str) -> str | None:
        """Return the metadata in the player's row on a board, as JSON text."""
        return scores.metadata_of(self.rows.get(board))

    def held(self, catalogue: Catalogue, board: str) -> Held | None:
        """Return what the player has; what has lost its row is nothing."""
        standing = self.standings.get(board)
        if standing is None or (catalogue.find_board(board) and self.is_gone(board)):
            return None
        return standing.held

    def shown(self) -> Profile:
        """Return the profile. Who has none is shown as in a row, which has the name of their token."""
        if self.profile:
            return self.profile
        for row in self.rows.values():
            if name := row.get("name", {}).get("S"):
                return Profile(user_id=self.user_id, name=name, avatar=row.get("avatar", {}).get("S"))
        return Profile(user_id=self.user_id, name=default_name([], self.user_id))


@dataclass(frozen=True)
class Change:
    """What a player has on a board, or in an area without one, from now on. Both are named by their `key`.

    times: those of the season that an area's belongs to. A board says so itself.
    """

    key: str
    board: Board | None
    held: Held
    metadata: str | None
    times: SeasonTimes | None = None


async def read(
    db: Database,
    catalogue: Catalogue,
    user_id: str,
    boards: Iterable[str],
    now: int,
    others: Mapping[Table, Sequence[Item]] = MappingProxyType({}),
) -> PlayerRows:
    """Return what a player has on these boards, and in these areas, read consistently.

    `now` in milliseconds since the epoch; `others` are keys of rows to be read with them. Raises
    DeletedError, RowError, and ConflictError where the player kept changing name or portrait.
    """
    keys: dict[Table, Sequence[Item]] = {
        **others,
        USER_PROFILES: [to_item({"userId": user_id})],
        STANDINGS: [standings.key(user_id, name) for name in dict.fromkeys(boards)],
    }
    for _ in range(ATTEMPTS):
        player, found = await players.load_with(db, user_id, keys)
        profile = profiles.parse(next(iter(found[USER_PROFILES]), None))
        if player.look == (profile.look if profile else 0):
            break
        await appearance.settle(db, user_id, now)
    else:
        raise ConflictError(f"the player changed name or portrait {ATTEMPTS} times meanwhile")
    held = {one.board: one for one in map(standings.parse, found[STANDINGS])}
    return PlayerRows(
        user_id=user_id,
        look=player.look,
        profile=profile,
        standings=held,
        rows=await scores.rows_of(db, [one for one in held.values() if catalogue.find_board(one.board)]),
        others={table: found[table] for table in others},
    )


def writes(
    db: Database, read: PlayerRows, profile: Profile, change: Change
) -> list["TransactWriteItemTypeDef"]:
    """Return the transaction's parts that make a change, unless what it was made from has changed: 3 at most.

    `profile` is how the new row shows the player.
    """
    before = read.standings.get(change.key)
    old, gone = (before.sort_key if before else None), read.is_gone(change.key)
    new = _sort_key(change.board, change.held, read.user_id)
    held = fitted(change.board, change.held) if change.board else change.held
    times = change.board.times if change.board else change.times
    standing = standings.new_standing(read.user_id, change.key, held, new, times)
    parts = [standings.put(db, before, standing)]
    if new is not None:
        absent = gone and new == old
        parts.append(scores.put(db, standing, profile, metadata=change.metadata, unless_there=absent))
    if old is not None and old != new:
        absent = gone and change.board is not None
        parts.append(scores.delete(db, change.key, old, unless_there=absent))
    return parts


def _sort_key(board: Board | None, held: Held, user_id: str) -> str | None:
    return scores.sort_key(board, held, user_id) if board else None


async def areas(
    db: Database, catalogue: Catalogue, user_id: str, among: Collection[str]
) -> dict[str, Standing]:
    """Return what a player has in each of these areas, without those whose rows are gone. Raises RowError.

    Areas are named by the keys of what players have there, see `Board.area_key`. A few of one season are
    read by these: all players come at its beginning. Else what the player has anywhere is looked through.
    """
    if len(among) <= AREAS_BY_KEY and all(SEASON_MARK in name for name in among):
        keys = [standings.key(user_id, name) for name in among]
        found = await batch_get(db, {STANDINGS: keys})
        return await counting(db, catalogue, [standings.parse(item) for item in found[STANDINGS]])
    held: list[Standing] = []
    async for page in standings.pages(db, user_id):
        held += [standings.parse(item) for item in page if item["board"]["S"] in among]
    return await counting(db, catalogue, held)


async def counting(db: Database, catalogue: Catalogue, held: Sequence[Standing]) -> dict[str, Standing]:
    """Return standings by area, without those whose rows are gone."""
    shown, kept = list[Standing](), list[Standing]()
    for one in held:
        (shown if catalogue.find_board(one.board) else kept).append(one)
    return {one.board: one for one in [*kept, *await scores.with_rows(db, shown)]}
