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

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from game.catalogue import Board, Catalogue
from game.model import Model
from game.standing import Held, Run, after_run, in_range
from store import idempotency, player_rows, players, scores, standings
from store.database import PATIENT_ATTEMPTS, Database, retry_on_conflict
from store.idempotency import Answer, RequestKey
from store.player_rows import Change, PlayerRows
from store.profiles import Profile
from store.standings import Standing

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef


class Submission(Model):
    """The outcome of a score: what the player has in the area now, and whether this score made it."""

    best: int
    improved: bool


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
        read = await player_rows.read(db, catalogue, profile.user_id, _touched(catalogue, area), achieved_at)
        answered = await idempotency.load(db, key, achieved_at) if key else None
        if answered:
            return Submission.model_validate_json(answered.body)
        held = read.held(catalogue, area)
        new = after_run(catalogue.areas[area], held, run, achieved_at)
        changes = await _changes(db, catalogue, read, area, run, new)
        submission = Submission(best=new.points, improved=new != held)
        shown = read.profile or profile
        writes = [part for change in changes for part in player_rows.writes(db, read, shown, change)]
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
        read = await player_rows.read(db, catalogue, user_id, _touched(catalogue, area), now)
        had = read.held(catalogue, board.id)
        after = await _restated(db, catalogue, read, board, area)
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
            writes += player_rows.writes(db, read, read.shown(), change)
        if writes and apply:
            await players.write(db, user_id, writes, look=read.look)
        return bool(writes)

    # The rows of one board stand side by side, and an operator's command writes them as fast as it can.
    return await retry_on_conflict(attempt, patience=PATIENT_ATTEMPTS)


def _touched(catalogue: Catalogue, area: str) -> list[str]:
    """Return the boards that a score in an area may change, and the area."""
    return [area, *(board.id for board in catalogue.boards_of(area))]


async def _restated(
    db: Database, catalogue: Catalogue, read: PlayerRows, board: Board, area: str
) -> Held | None:
    had = read.held(catalogue, board.id)
    if len(board.areas) == 1:
        return had or (None if board.id == area else read.held(catalogue, area))
    found = await player_rows.areas(db, catalogue, read.user_id, board.areas)
    parts = [found[name] for name in board.areas if name in found]
    if not parts:
        return None
    points = in_range(sum(part.points for part in parts))
    return had if had and had.points == points else Held(points, max(part.achieved_at for part in parts))


async def _changes(
    db: Database, catalogue: Catalogue, read: PlayerRows, area: str, run: Run, new: Held
) -> list[Change]:
    """Return what changes with a run, after which the player has `new` in the area."""
    rules, held = catalogue.areas[area], read.held(catalogue, area)
    found = [_change(read, area, catalogue.boards.get(area), held, new, run)]
    areas: dict[str, Standing] | None = None
    for board in catalogue.boards_of(area):
        had = read.held(catalogue, board.id)
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
                areas = await player_rows.areas(db, catalogue, read.user_id, catalogue.areas)
            others = [areas[name].points for name in board.areas if name in areas and name != area]
            points = sum(others) + new.points
        else:
            points = had.points - (held.points if held else 0) + new.points
        # Only a sum that moved was reached again: otherwise the first to reach it keeps the place.
        after = had if had and had.points == points else Held(in_range(points), new.achieved_at)
        found.append(_change(read, board.id, board, had, after, None))
    return [one for one in found if one is not None]


def _change(
    read: PlayerRows, name: str, board: Board | None, had: Held | None, after: Held, run: Run | None
) -> Change | None:
    """Return a change; None where the player has the same, and its row has the key that it should have."""
    standing = read.standings.get(name)
    if after != had:
        return Change(name, board, after, run.metadata if run else None)
    if standing is None or board is None:
        return None
    if standing.sort_key == scores.sort_key(board, after, standing.user_id):
        return None
    return Change(name, board, after, read.metadata(name))
