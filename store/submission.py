"""Submitting a score: one transaction over what the player has on the boards that the area feeds.

1. Read the player's row, profile, and standings: that of the area, and those of the boards that it feeds. If
   profile and row tell of different looks, a rename came between: read again.
2. Read the rows on the boards that those standings name. A standing without its row does not count: an
   operator took it away.
3. Let the rules decide (`game.standing`). Nothing changes: done, and nothing is written.
4. Write the new standings, each on condition that it still is as it was read; put the new rows, delete the
   old ones; all on condition that the player was not deleted and has the look that the new rows show.
5. Another request wrote one of these in between: start again at 1.

Whatever runs at once, one row per player and board is left, it shows the player's last look, and a board over
several areas carries the exact sum of what the player has in each.

**The sum** moves by what the area moved. Where it cannot (there is no row of the sum, or none of the area,
though there is a standing), it is computed again from the standings of all its areas, without those whose
rows are gone. This is the one case in which a score costs more than its own boards. Every score that moves
an area writes the sum's standing, so the condition on this one is enough.

**A row that is not there** is a fact that the transaction checks. A read sees a transaction's rows one by
one, so the row of a score that was accepted this moment may be missing while its standing is there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from game.catalogue import Board, Catalogue
from game.model import Model
from game.names import default_name
from game.standing import Held, Run, after_run, fitted, in_range
from store import appearance, idempotency, players, profiles, scores, standings
from store.database import ATTEMPTS, BATCH_GET_LIMIT, Database, Item, batch_get, retry_on_conflict, to_item
from store.errors import ConflictError
from store.idempotency import Answer, RequestKey
from store.profiles import Profile
from store.schema import SCORES, STANDINGS, USER_PROFILES
from store.standings import Standing

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef


class Submission(Model):
    """The outcome of a score: what the player has in the area now, and whether this score made it."""

    best: int
    improved: bool


@dataclass(frozen=True)
class _Read:
    """What was read of a player: the look, the profile if there is one, standings, and rows by board."""

    look: int
    profile: Profile | None
    standings: Mapping[str, Standing]
    rows: Mapping[str, Item]
    answer: Answer | None

    def is_gone(self, board: str) -> bool:
        """Return whether a standing names a row that was not there."""
        standing = self.standings.get(board)
        return standing is not None and standing.sort_key is not None and board not in self.rows

    def metadata(self, board: str) -> str | None:
        """Return the metadata in the player's row on a board, as JSON text."""
        text: str | None = self.rows.get(board, {}).get("metadata", {}).get("S")
        return text


@dataclass(frozen=True)
class _Change:
    """What a player has on a board, or in an area without one, from now on."""

    id: str
    board: Board | None
    held: Held
    metadata: str | None


async def submit(
    db: Database,
    catalogue: Catalogue,
    profile: Profile,
    area: str,
    points: int,
    achieved_at: int,
    *,
    tiebreak: int | None = None,
    metadata: str | None = None,
    key: RequestKey | None = None,
) -> Submission:
    """Record a score in an area of the catalogue.

    `profile` is how the player is shown as long as no profile is stored; `achieved_at` is in milliseconds
    since the epoch. `tiebreak` is of the same run as the points, where the area has one; `metadata` is JSON
    text that entries carry. The same `key` gets the same answer and counts once. Raises DeletedError,
    KeyReusedError, PointsLimitError, RowError, and ConflictError when the player's rows never stayed still,
    with nothing written.
    """
    run = Run(points, tiebreak, metadata)

    async def attempt() -> Submission:
        read = await _read(db, catalogue, profile.user_id, area, key, achieved_at)
        if read.answer:
            return Submission.model_validate_json(read.answer.body)
        held = _held(catalogue, read, area)
        new = after_run(catalogue.areas[area], held, run, achieved_at)
        changes = await _changes(db, catalogue, read, profile.user_id, area, run, new)
        submission = Submission(best=new.points, improved=new != held)
        shown = read.profile or profile
        writes = [part for change in changes for part in _writes(db, read, shown, change)]
        if key:
            answer = Answer(status=HTTPStatus.CREATED, body=submission.model_dump_json())
            writes.append(idempotency.put(db, key, answer, achieved_at))
        if writes:
            await players.write(db, profile.user_id, writes, look=read.look)
        return submission

    return await retry_on_conflict(attempt)


async def restate(
    db: Database, catalogue: Catalogue, user_id: str, board: Board, area: str, now: int, *, apply: bool
) -> bool:
    """Write again what a player has on a board, and its row, by the catalogue; return whether they differed.

    After an edit: the key gets the form of today's tie-break, a sum is computed again from its areas, and a
    board that is new gets the row that the player would have on it. `area` is one that the board is over, and
    the player has been in. Without `apply`, nothing is written. Raises as `submit` does.
    """

    async def attempt() -> bool:
        read = await _read(db, catalogue, user_id, area, None, now)
        had = _held(catalogue, read, board.id)
        after = await _restated(db, catalogue, read, user_id, board, area)
        standing = read.standings.get(board.id)
        writes: list[TransactWriteItemTypeDef] = []
        if after is None:
            # An area's own row that is gone was taken away. A sum over nothing has no row.
            if standing is not None and len(board.areas) > 1:
                writes.append(standings.remove(db, standing))
                if standing.sort_key is not None:
                    writes.append(scores.delete(db, board.id, standing.sort_key, unless_there=False))
        elif change := _change(read, board.id, board, had, after, None):
            if had is None and len(board.areas) == 1:
                change = replace(change, metadata=read.metadata(area))
            writes += _writes(db, read, read.profile or _shown(read, user_id), change)
        if writes and apply:
            await players.write(db, user_id, writes, look=read.look)
        return bool(writes)

    return await retry_on_conflict(attempt)


async def _restated(
    db: Database, catalogue: Catalogue, read: _Read, user_id: str, board: Board, area: str
) -> Held | None:
    had = _held(catalogue, read, board.id)
    if len(board.areas) == 1:
        return had or (None if board.id == area else _held(catalogue, read, area))
    found = await _areas(db, catalogue, user_id)
    parts = [found[name] for name in board.areas if name in found]
    if not parts:
        return None
    points = in_range(sum(part.points for part in parts))
    return had if had and had.points == points else Held(points, max(part.achieved_at for part in parts))


def _shown(read: _Read, user_id: str) -> Profile:
    """Return how a player without a profile is shown: as in a row, which has the name of their token."""
    for row in read.rows.values():
        if name := row.get("name", {}).get("S"):
            return Profile(user_id=user_id, name=name, avatar=row.get("avatar", {}).get("S"))
    return Profile(user_id=user_id, name=default_name([], user_id))


async def _read(
    db: Database, catalogue: Catalogue, user_id: str, area: str, key: RequestKey | None, now: int
) -> _Read:
    wanted = dict.fromkeys([area, *(board.id for board in catalogue.boards_of(area))])
    keys = {
        USER_PROFILES: [to_item({"userId": user_id})],
        STANDINGS: [standings.key(user_id, name) for name in wanted],
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
    return _Read(
        look=player.look,
        profile=profile,
        standings=held,
        rows=await _rows(db, [one for one in held.values() if one.board in catalogue.boards]),
        answer=await idempotency.load(db, key, now) if key else None,
    )


async def _rows(db: Database, held: Iterable[Standing]) -> dict[str, Item]:
    """Return the rows that standings name, by board."""
    keys = [scores.row_key(one.board, one.sort_key) for one in held if one.sort_key is not None]
    if not keys:
        return {}
    assert len(keys) <= BATCH_GET_LIMIT  # noqa: S101 -- an area feeds few boards
    return {row["gameArea"]["S"]: row for row in (await batch_get(db, {SCORES: keys}))[SCORES]}


def _held(catalogue: Catalogue, read: _Read, board: str) -> Held | None:
    """Return what the player has; what has lost its row is nothing."""
    standing = read.standings.get(board)
    if standing is None or (board in catalogue.boards and read.is_gone(board)):
        return None
    return standing.held


async def _changes(
    db: Database, catalogue: Catalogue, read: _Read, user_id: str, area: str, run: Run, new: Held
) -> list[_Change]:
    """Return what changes with a run, after which the player has `new` in the area."""
    rules, held = catalogue.areas[area], _held(catalogue, read, area)
    found = [_change(read, area, catalogue.boards.get(area), held, new, run)]
    areas: dict[str, Standing] | None = None
    for board in catalogue.boards_of(area):
        had = _held(catalogue, read, board.id)
        if board.id == area:
            continue
        if len(board.areas) == 1:
            after = after_run(rules, had, run, new.achieved_at)
            found.append(_change(read, board.id, board, had, after, run))
            continue
        if held is not None and held.points == new.points:
            continue
        if had is None or (held is None and area in read.standings):
            if areas is None:
                areas = await _areas(db, catalogue, user_id)
            others = [areas[name].points for name in board.areas if name in areas and name != area]
            points = sum(others) + new.points
        else:
            points = had.points - (held.points if held else 0) + new.points
        # Only a sum that moved was reached again: otherwise the first to reach it keeps the place.
        after = had if had and had.points == points else Held(in_range(points), new.achieved_at)
        found.append(_change(read, board.id, board, had, after, None))
    return [one for one in found if one is not None]


def _change(
    read: _Read, name: str, board: Board | None, had: Held | None, after: Held, run: Run | None
) -> _Change | None:
    """Return a change; None where the player has the same, and its row has the key that it should have."""
    standing = read.standings.get(name)
    if after != had:
        return _Change(name, board, after, run.metadata if run else None)
    if standing is None or board is None:
        return None
    if standing.sort_key == scores.sort_key(board, after, standing.user_id):
        return None
    return _Change(name, board, after, read.metadata(name))


def _writes(db: Database, read: _Read, profile: Profile, change: _Change) -> list["TransactWriteItemTypeDef"]:
    before = read.standings.get(change.id)
    old, gone = (before.sort_key if before else None), read.is_gone(change.id)
    new = _sort_key(change.board, change.held, profile.user_id)
    held = fitted(change.board, change.held) if change.board else change.held
    standing = standings.new_standing(profile.user_id, change.id, held, new)
    writes = [standings.put(db, before, standing)]
    if new is not None:
        absent = gone and new == old
        writes.append(scores.put(db, standing, profile, metadata=change.metadata, unless_there=absent))
    if old is not None and old != new:
        absent = gone and change.board is not None
        writes.append(scores.delete(db, change.id, old, unless_there=absent))
    return writes


def _sort_key(board: Board | None, held: Held, user_id: str) -> str | None:
    return scores.sort_key(board, held, user_id) if board else None


async def _areas(db: Database, catalogue: Catalogue, user_id: str) -> dict[str, Standing]:
    """Return what a player has in each area, without those whose rows are gone."""
    held: list[Standing] = []
    async for page in standings.pages(db, user_id):
        held += [standings.parse(item) for item in page if item["board"]["S"] in catalogue.areas]
    shown = [one for one in held if one.board in catalogue.boards]
    kept = [one for one in held if one.board not in catalogue.boards]
    return {one.board: one for one in [*kept, *await scores.with_rows(db, shown)]}
