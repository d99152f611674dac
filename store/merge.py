"""The merge of a guest into an account, in steps that can be repeated: what dies is finished by asking again.

1. The bequest (`store.players`): one transaction writes the guest's tombstone, which names the heir, and
   counts the guest with the heir. No write of the guest succeeds from here on, so what the next steps find is
   all there is; and no second heir gets any of it.
2. The boards over several areas, one transaction each: the heir gets the sum that there will be, and the
   guest's row goes. Then areas and the boards of one area, one transaction each, the same way. So a board is
   at any moment as it was before, or as it is afterwards. Until no standing of the guest's is found. What the
   guest has claimed of a season goes in the same transaction (claims without a standing go by themselves): of
   two players who are one from then on, no second claim gets the prize.
3. One transaction takes progress and profile away from the guest and gives the heir what the rules say
   (`game.merge`). Where the heir has no save, name and portrait are the guest's, and the rows show them.
4. What the guest has had of what is limited (`store.limits`) counts with the heir, and held scores are the
   heir's: one transaction for each.
5. The sums are compared with their areas: a score of the heir's between 2 and 3 moved a sum by what the area
   moved, though the guest's part was in the sum already, and not yet in the area.
6. The guest is deleted, as a player who asked for it is (`store.deletion`): pictures, kept answers,
   connections, and the user in the pool.

Every step takes from the guest, in the transaction in which it gives to the heir, what the guest was read to
have. So it happens once, wherever a process dies, and though two work on the same merge. The same request
goes on with what died, and so does the janitor (`store.unfinished`). If the heir is deleted meanwhile, no
step succeeds any more, and the guest is deleted too.

A standing of the guest's that cannot be read is logged and goes with the guest. A row of the heir's that
cannot be read stops the merge of its board, and the deletion of the guest, until it has been mended; the rest
goes on. So it is with the progress and the profile of both, which are merged or kept whole, and with a board
that is throttled, or that others keep writing to, until it is calm.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from game.catalogue import SEASON_MARK, SEASON_SEPARATOR, Board, Catalogue, area_of
from game.merge import (
    GUESTS_LIMIT,
    Record,
    better_record,
    merged_progress,
    merged_record,
    merged_sum,
    takes_look,
)
from game.scoring import handed_to
from game.standing import Held, PointsLimitError
from store import (
    appearance,
    claims,
    deletion,
    held_scores,
    limits,
    player_rows,
    players,
    profiles,
    progress,
    scores,
    standings,
)
from store.database import Database, Item, batch_get, partition, retry_on_conflict
from store.deletion import DeleteUser, HangUp
from store.errors import ConflictError, RowError, StoreError, ThrottledError
from store.player_rows import Change, PlayerRows
from store.players import DeletedError, NewLook, NotFreeError
from store.portraits import PortraitBucket
from store.profiles import Profile
from store.schema import CLAIMS, HELD_SCORES, LIMITS, STANDINGS, Table
from store.standings import Standing
from store.submission import restate

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

IsGuest = Callable[[str, str], Awaitable[bool]]
"""Says whether the user of this name and `sub` is a guest now, by the user pool."""

_PASSING = (RowError, ConflictError, ThrottledError)
"""What is wrong with one row or board, and must not hold up the others."""

T = TypeVar("T")

logger = logging.getLogger("podium.merge")


class NoGuestError(StoreError):
    """The player is no guest. Nothing was written."""


async def begin(
    db: Database, heir: Profile, guest_id: str, now: int, *, username: str, is_guest: IsGuest
) -> None:
    """Give a guest to an heir, for good; `finish` then brings over all there is.

    `heir` is how the account is shown as long as no profile is stored; `username` is the guest's in the user
    pool; `now` in milliseconds since the epoch. A guest who is this heir's already is no error. Raises
    NoGuestError, NotFreeError, MergeLimitError, DeletedError where the heir was deleted, and what `is_guest`
    raises.
    """
    await players.require_alive(db, heir.user_id)
    stored = await players.load_own(db, guest_id)
    if stored.heir == heir.user_id:
        return
    if stored.deleted_at is not None:
        raise NotFreeError(guest_id)
    if not await is_guest(username, guest_id):
        raise NoGuestError(guest_id)
    # The janitor, who may have to write the heir's rows, knows no token to take a name from.
    await appearance.change(db, heir, lambda profile: profile, now)
    await players.bequeath(db, guest_id, heir.user_id, now, username=username, limit=GUESTS_LIMIT)


async def finish(
    db: Database,
    portraits: PortraitBucket,
    catalogue: Catalogue,
    guest_id: str,
    now: int,
    *,
    hang_up: HangUp,
    delete_user: DeleteUser,
) -> None:
    """Do what is left of a merge that `begin` has begun, for as long as it takes.

    Raises what any step raises. What is done by then stays done.
    """
    guest = await players.load_own(db, guest_id)
    if guest.pending == "merge" and guest.heir is not None:
        try:
            await _Merge(db, portraits, catalogue, guest_id, guest.heir, now).run()
        except DeletedError:
            # The heir's deletion may have been there before a portrait was.
            await portraits.delete_all(guest.heir)
        await players.finish_merge(db, guest_id, now)
    if guest.pending is not None:
        await deletion.finish(
            db,
            portraits,
            guest_id,
            now,
            username=guest.username,
            hang_up=hang_up,
            delete_user=delete_user,
        )


class _Merge:
    """The steps that bring over what a guest has. Each raises DeletedError once the heir was deleted."""

    def __init__(
        self,
        db: Database,
        portraits: PortraitBucket,
        catalogue: Catalogue,
        guest: str,
        heir: str,
        now: int,
    ) -> None:
        self._db = db
        self._portraits = portraits
        self._catalogue = catalogue
        self._guest = guest
        self._heir = heir
        self._now = now
        self._waiting: dict[str, StoreError] = {}

    async def run(self) -> None:
        await self._boards()
        belongings: StoreError | None = None
        try:
            await self._belongings()
        except _PASSING as error:
            belongings = error
        # A Query sees a transaction's rows one by one: one that came just before the tombstone may show late.
        await self._boards()
        await self._each("claims", self._next_claim)
        await self._each("limits", self._next_limit)
        await self._each("held scores", self._next_held)
        await self._compare_sums()
        for waiting in (belongings, *self._waiting.values()):
            if waiting is not None:
                raise waiting

    async def _boards(self) -> None:
        while True:
            found = {one.board async for page in standings.readable(self._db, self._guest) for one in page}
            left = sorted(found - self._waiting.keys(), key=lambda name: (not self._is_sum(name), name))
            if not left:
                return
            for name in left:
                try:
                    await retry_on_conflict(partial(self._board, name))
                except _PASSING as error:
                    logger.error("the merge of board %s into %s has to wait: %s", name, self._heir, error)
                    self._waiting[name] = error

    def _is_sum(self, name: str) -> bool:
        board = self._catalogue.find_board(name)
        return board is not None and board.is_sum

    async def _board(self, name: str) -> None:
        """Move a standing, and the row that it names; one that is gone is no error."""
        own = await player_rows.read(self._db, self._catalogue, self._heir, [name], self._now)
        claimed = [claims.key(user_id, name) for user_id in (self._guest, self._heir)]
        found = await batch_get(self._db, {STANDINGS: [standings.key(self._guest, name)], CLAIMS: claimed})
        if not found[STANDINGS]:
            return
        guest = standings.parse(found[STANDINGS][0])
        rows = await scores.rows_of(self._db, [guest])
        parts = [standings.remove(self._db, guest)]
        if guest.sort_key is not None:
            parts.append(scores.delete(self._db, name, guest.sort_key, unless_there=name not in rows))
        parts += await self._given(name, own, guest, rows.get(name))
        # What was claimed goes with the standing, or else it could be claimed again in between.
        parts += self._claim(name, found[CLAIMS])
        await players.write(self._db, self._heir, parts, look=own.look)

    def _claim(self, name: str, found: Sequence[Item]) -> list["TransactWriteItemTypeDef"]:
        """Return the transaction's parts that hand over what the guest has claimed, given both's claims."""
        held = {item["userId"]["S"]: item for item in found}
        if self._guest in held:
            return claims.hand_over(self._db, held[self._guest], self._heir, has_own=self._heir in held)
        # A read may show a claim late that came just before the tombstone.
        is_season = SEASON_SEPARATOR in name and SEASON_MARK not in name
        return [claims.absent(self._db, self._guest, name)] if is_season else []

    async def _given(
        self, name: str, own: PlayerRows, guest: Standing, row: Item | None
    ) -> list["TransactWriteItemTypeDef"]:
        """Return the transaction's parts that give the heir what the guest has on a board."""
        board, area = self._catalogue.find_board(name), area_of(name)
        if board is None and area not in self._catalogue.areas:
            return self._unknown(own, guest, row)
        had = own.held(self._catalogue, name)
        # A standing without its row does not count: an operator took it away.
        is_gone = board is not None and row is None and guest.sort_key is not None
        held = None if is_gone else guest.held
        before = had and Record(had, own.metadata(name))
        theirs = held and Record(held, scores.metadata_of(row))
        if board is not None and self._is_final(board):
            record = better_record(board, before, theirs)
        elif board is not None and board.is_sum:
            after = await self._sum(board, had, held)
            record = after and Record(after)
        else:
            record = merged_record(self._catalogue.areas[board.areas[0] if board else area], before, theirs)
        if record is None or record.held == had:
            return []
        change = Change(name, board, record.held, record.metadata, guest.times)
        return player_rows.writes(self._db, own, own.shown(), change)

    def _is_final(self, board: Board) -> bool:
        """Return whether prizes of the board's season may be claimed: no rank may be passed from then on."""
        if board.seasons is None or board.season is None:
            return False
        return self._now >= board.seasons.claimable_at(board.season)

    async def _sum(self, board: Board, own: Held | None, guest: Held | None) -> Held | None:
        keys = {board.area_key(name): name for name in board.areas}
        mine = await player_rows.areas(self._db, self._catalogue, self._heir, keys)
        pages = standings.readable(self._db, self._guest)
        held = [one async for page in pages for one in page if one.board in keys]
        theirs = await player_rows.counting(self._db, self._catalogue, held)
        parts = []
        for key, name in keys.items():
            records = [Record(one[key].held) if key in one else None for one in (mine, theirs)]
            if merged := merged_record(self._catalogue.areas[name], *records):
                parts.append(merged.held)
        return merged_sum(own, guest, parts)

    def _unknown(
        self, own: PlayerRows, guest: Standing, row: Item | None
    ) -> list["TransactWriteItemTypeDef"]:
        """Return the parts that hand over what no rule of today's catalogue knows how to compare.

        Where the heir has something on such a board, it stays as it is.
        """
        if guest.board in own.standings or (guest.sort_key is not None and row is None):
            return []
        sort_key = guest.sort_key and handed_to(guest.sort_key, self._heir)
        moved = guest.model_copy(update={"user_id": self._heir, "sort_key": sort_key})
        parts = [standings.put(self._db, None, moved)]
        if row is not None:
            metadata = scores.metadata_of(row)
            parts.append(scores.put(self._db, moved, own.shown(), metadata=metadata, unless_there=True))
        return parts

    async def _belongings(self) -> None:
        """Move progress, and name and portrait where the rules say so."""
        if await retry_on_conflict(self._take_belongings):
            await appearance.finish(self._db, self._heir, self._now)

    async def _take_belongings(self) -> bool:
        """Return whether the heir looks otherwise now."""
        db, heir, guest_id = self._db, self._heir, self._guest
        player, items = await players.read(
            db,
            heir,
            [of(db, user_id) for of in (progress.get, profiles.get) for user_id in (heir, guest_id)],
        )
        own, guest = progress.parse(heir, items[0]), progress.parse(guest_id, items[1])
        shown, taken = profiles.parse(items[2]), profiles.parse(items[3])
        if items[1] is None and taken is None:
            return False
        new = merged_progress(self._catalogue, own, guest)
        parts = [progress.unchanged(db, own) if new == own else progress.replace(db, own, new)]
        if items[1] is not None:
            parts.append(progress.remove(db, guest))
        look: NewLook | None = None
        if taken is not None:
            parts.append(profiles.remove(db, taken))
            if takes_look(own):
                dressed, look = appearance.new_look(await self._dressed(shown, taken), player.look, self._now)
                parts.append(profiles.put(db, shown, dressed))
        await players.write(db, heir, parts, look=look)
        return look is not None

    async def _dressed(self, shown: Profile | None, taken: Profile) -> Profile:
        """Return the heir's profile with the guest's name and portrait, which is copied."""
        own = shown or Profile(user_id=self._heir, name=taken.name, created_at=self._now)
        dressed = own.model_copy(update={"name": taken.name, "updated_at": self._now})
        avatar = taken.avatar and await self._portraits.copy_portrait(taken.avatar, self._heir)
        return dressed.with_portrait(avatar) if avatar else dressed

    async def _each(self, what: str, step: Callable[[], Awaitable[bool]]) -> None:
        """Take a step until there is no more to move; what is in the way holds up nothing else."""
        try:
            while await retry_on_conflict(step):
                pass
        except _PASSING as error:
            logger.error("the merge of %s into %s has to wait: %s", what, self._heir, error)
            self._waiting[what] = error

    async def _next_claim(self) -> bool:
        """Move a claim whose standing is gone; is there another?"""
        for item in await self._guests(CLAIMS):
            name = item["board"]["S"]
            keys = [claims.key(user_id, name) for user_id in (self._guest, self._heir)]
            found = (await batch_get(self._db, {CLAIMS: keys}))[CLAIMS]
            await players.write(self._db, self._heir, self._claim(name, found))
            return True
        return False

    async def _next_limit(self) -> bool:
        """Count with the heir what the guest has had in one window; is there another?"""
        async for row in self._readable(LIMITS, limits.parse, "a limit"):
            if not row.is_over(self._now):
                parts = [limits.remove(self._db, row), limits.add(self._db, self._heir, row)]
                await players.write(self._db, self._heir, parts)
                return True
        return False

    async def _next_held(self) -> bool:
        """Move a held score of the guest's; is there another?"""
        async for row in self._readable(HELD_SCORES, held_scores.parse, "a held score"):
            slot = held_scores.free_slot(await held_scores.of_player(self._db, self._heir))
            moved = row.model_copy(update={"user_id": self._heir, "slot": slot})
            parts = [held_scores.remove(self._db, row), held_scores.put(self._db, moved)]
            await players.write(self._db, self._heir, parts)
            return True
        return False

    async def _readable(self, table: Table, parse: Callable[[Item], T], what: str) -> AsyncIterator[T]:
        """Yield the guest's rows of a table; one that cannot be read is logged and left out."""
        for item in await self._guests(table):
            try:
                row = parse(item)
            except RowError as error:
                logger.error("%s of a guest is left out of the merge: %s", what, error)
                continue
            yield row

    async def _guests(self, table: Table) -> list[Item]:
        return [item async for page in partition(self._db, table, self._guest) for item in page]

    async def _compare_sums(self) -> None:
        held = {one.board async for page in standings.readable(self._db, self._heir) for one in page}
        for board in self._sums(held):
            area = next((name for name in board.areas if board.area_key(name) in held), None)
            if area is None:
                continue
            try:
                await restate(self._db, self._catalogue, self._heir, board, area, self._now, apply=True)
            except PointsLimitError as error:
                logger.warning("the sum of %s on %s stays as it is: %s", self._heir, board.key, error)
            except _PASSING as error:
                self._waiting.setdefault(board.key, error)

    def _sums(self, held: Iterable[str]) -> Iterator[Board]:
        """Yield the boards that are sums over several areas, in each season of the heir's."""
        for board in self._catalogue.boards.values():
            if board.is_sum and board.seasons is None:
                yield board
        for one in (self._catalogue.find_board(key) for key in held):
            if one and one.seasons and one.is_sum and not self._is_final(one):
                yield one
