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

**Seasons.** A board with seasons is a board of its own in each: the moment at which the server received the
score decides the season of every board, once. A run that began in an earlier season counts for that one, as
long as there is grace. A sum over several areas within a season adds up what the player has in each in that
season: so an area has a standing for it, which names no row.

**Terms.** A player's score comes under the rules of its area (`store.terms`), which are asked with the rows
of step 1. What they refuse writes nothing. A run is spent, and limits are counted, in the transaction of step
4. A score in doubt is held: of what it would have changed, nothing is written, but a row for a moderator.

**A row that is not there** is a fact that the transaction checks. A read sees a transaction's rows one by
one, so the row of a score that was accepted this moment may be missing while its standing is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from game.area_rules import Doubt
from game.catalogue import Board, Catalogue
from game.model import Model, is_absent
from game.seasons import SeasonTimes
from game.standing import Held, Run, after_run, in_range
from store import held_scores, idempotency, limits, player_rows, players, scores, standings, terms
from store.database import PATIENT_ATTEMPTS, Database, retry_on_conflict
from store.errors import StoreError
from store.held_scores import HELD_LIMIT, HeldScore
from store.idempotency import Answer, RequestKey
from store.player_rows import Change, PlayerRows
from store.profiles import Profile
from store.schema import LIMITS
from store.standings import Standing
from store.terms import RuleError, Terms

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef


class SeasonOverError(StoreError):
    """The season that a run began in is over, and so is its grace. Nothing was written."""

    def __init__(self, board: Board, current: int) -> None:
        super().__init__(
            f"the season of {board.id} in which this run began is over; season {current} is open"
        )
        self.board = board.id
        self.current = current


class Outcome(Model):
    """What a player has on a board after a score, and whether the score made it. `game_area` is the board."""

    game_area: str
    season: int | None = Field(None, exclude_if=is_absent)
    points: int
    improved: bool


class Submission(Model):
    """The outcome of a score: what the player has in the area now, and whether this score made it.

    best: None where a first score is held.
    verdict: whether the score counts, or is held until a moderator decides.
    boards: the same on each board that the area feeds; none for a score that is held, and in answers that an
        earlier release kept.
    """

    best: int | None
    improved: bool
    verdict: Literal["accepted", "held"] = "accepted"
    boards: tuple[Outcome, ...] = ()


@dataclass(frozen=True)
class _Step:
    """What a player had and has on a board, or in an area without one; both are named by their `key`."""

    key: str
    board: Board | None
    had: Held | None
    after: Held
    run: Run | None
    times: SeasonTimes | None = None


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
    started_at: int | None = None,
    under: Terms | None = None,
    key: RequestKey | None = None,
) -> Submission:
    """Record a score in an area of the catalogue.

    `profile` is how the player is shown as long as no profile is stored; `achieved_at`, when the server
    received the score, and `started_at`, when its run began if it has one, are in milliseconds since the
    epoch. `tiebreak` is of the same run as the points, where the area has one; `metadata` is JSON text that
    entries carry. The same `key` gets the same answer and counts once; for a score with a ticket it is the
    run's. `under` are the terms of a player's score, with the run that it comes from; a trusted server has
    none. Raises DeletedError, KeyReusedError, PointsLimitError, SeasonOverError, the errors of `store.terms`,
    RowError, and ConflictError when the player's rows never stayed still, with nothing written.
    """
    run = Run(points, tiebreak, metadata)
    asked = terms.quotas(catalogue, area, under, achieved_at) if under else []
    others = {LIMITS: terms.keys(profile.user_id, asked)} if asked else {}
    if under and under.ticket:
        started_at = under.ticket.started_at
    over: SeasonOverError | None = None
    boards: list[Board] = []
    try:
        boards = _counting(catalogue, area, started_at, achieved_at)
    except SeasonOverError as error:
        over = error

    async def attempt() -> Submission:
        touched = _touched(area, boards)
        read = await player_rows.read(db, catalogue, profile.user_id, touched, achieved_at, others)
        answered = await idempotency.load(db, key, achieved_at) if key else None
        if answered:
            return Submission.model_validate_json(answered.body)
        # An answer that was given before is given again, though its season is over by now.
        if over:
            raise over
        counted = [limits.take(db, profile.user_id, quota) for quota in asked]
        rows = terms.parse(read.others.get(LIMITS, ()))
        doubt = terms.judge(under, asked, rows, points, achieved_at) if under else None
        if under and doubt:
            held = await _held(db, read.profile or profile, area, run, achieved_at, under, doubt)
            before = read.held(catalogue, area)
            submission = Submission(best=before.points if before else None, improved=False, verdict="held")
            return await finish(read, submission, [held_scores.put(db, held), *counted])
        steps = await _steps(db, catalogue, read, area, boards, run, achieved_at)
        submission = _outcome(area, boards, steps)
        shown = read.profile or profile
        changes = filter(None, (_change(read, step) for step in steps.values()))
        writes = [part for change in changes for part in player_rows.writes(db, read, shown, change)]
        return await finish(read, submission, writes + counted)

    async def finish(
        read: PlayerRows, submission: Submission, writes: list["TransactWriteItemTypeDef"]
    ) -> Submission:
        if key:
            answer = Answer(status=HTTPStatus.CREATED, body=submission.model_dump_json())
            writes.append(idempotency.put(db, key, answer, achieved_at))
        if writes:
            await players.write(db, profile.user_id, writes, look=read.look)
        return submission

    return await retry_on_conflict(attempt)


async def _held(
    db: Database, shown: Profile, area: str, run: Run, now: int, under: Terms, doubt: Doubt
) -> HeldScore:
    """Return the row of a score that is held. Raises RuleError where the player has too many."""
    if under.ticket is None:
        raise ValueError("a score without a run is in no doubt")
    rows = await held_scores.of_player(db, shown.user_id)
    if len(rows) >= HELD_LIMIT:
        raise RuleError(doubt, f"{terms.explain(under.rules, doubt)}, and {HELD_LIMIT} wait for a moderator")
    return HeldScore(
        user_id=shown.user_id,
        slot=held_scores.free_slot(rows),
        id=held_scores.new_id(now),
        game_area=area,
        points=run.points,
        tiebreak=run.tiebreak,
        metadata=run.metadata,
        rule=doubt,
        name=shown.name,
        started_at=under.ticket.started_at,
        achieved_at=now,
        seed=under.ticket.seed,
    )


async def restate(
    db: Database, catalogue: Catalogue, user_id: str, board: Board, area: str, now: int, *, apply: bool
) -> bool:
    """Write again what a player has on a board, and its row, by the catalogue; return whether they differed.

    After an edit: the key gets the form of today's tie-break, a sum is computed again from its areas, and a
    board that is new gets the row that the player would have on it. `area` is one that the board is over, and
    the player has been in. A board with seasons is restated in one of them. Without `apply`, nothing is
    written. Raises as `submit` does.
    """

    async def attempt() -> bool:
        read = await player_rows.read(db, catalogue, user_id, _touched(area, [board]), now)
        had = read.held(catalogue, board.key)
        after = await _restated(db, catalogue, read, board, area)
        standing = read.standings.get(board.key)
        writes: list[TransactWriteItemTypeDef] = []
        if after is None:
            # An area's own row that is gone was taken away. A sum over nothing has no row.
            if standing is not None and board.is_sum:
                writes.append(standings.remove(db, standing))
                if standing.sort_key is not None:
                    writes.append(scores.delete(db, board.key, standing.sort_key, unless_there=False))
        elif change := _change(read, _Step(board.key, board, had, after, None)):
            if had is None and not board.is_sum:
                change = replace(change, metadata=read.metadata(area))
            writes += player_rows.writes(db, read, read.shown(), change)
        if writes and apply:
            await players.write(db, user_id, writes, look=read.look)
        return bool(writes)

    # The rows of one board stand side by side, and an operator's command writes them as fast as it can.
    return await retry_on_conflict(attempt, patience=PATIENT_ATTEMPTS)


def _counting(catalogue: Catalogue, area: str, started_at: int | None, now: int) -> list[Board]:
    """Return the boards that a score counts for, in their seasons. Raises SeasonOverError."""
    found = []
    for board in catalogue.boards_of(area):
        if board.seasons is None:
            found.append(board)
            continue
        season = board.seasons.counts_for(started_at, now)
        if season is None:
            raise SeasonOverError(board, board.seasons.number_at(now))
        found.append(board.in_season(season))
    return found


def _touched(area: str, boards: Iterable[Board]) -> list[str]:
    """Return the keys of what the player has on these boards, and in the area."""
    return [area, *(key for board in boards for key in (board.key, *_summed(board, area)))]


def _summed(board: Board, area: str) -> list[str]:
    """Return the key of what the player has in the area, where a sum counts that apart: in its season."""
    return [board.area_key(area)] if board.seasons is not None and board.is_sum else []


async def _restated(
    db: Database, catalogue: Catalogue, read: PlayerRows, board: Board, area: str
) -> Held | None:
    had = read.held(catalogue, board.key)
    if not board.is_sum:
        # What the player has in an area was reached at any time.
        fills = board.id != area and board.seasons is None
        return had or (read.held(catalogue, area) if fills else None)
    found = await player_rows.areas(db, catalogue, read.user_id, [*map(board.area_key, board.areas)])
    parts = [*found.values()]
    if not parts:
        return None
    points = in_range(sum(part.points for part in parts))
    return had if had and had.points == points else Held(points, max(part.achieved_at for part in parts))


async def _steps(
    db: Database,
    catalogue: Catalogue,
    read: PlayerRows,
    area: str,
    boards: Sequence[Board],
    run: Run,
    now: int,
) -> dict[str, _Step]:
    """Return what a run makes of each of these boards and of the area, by their keys."""
    rules = catalogue.areas[area]

    def step(key: str, board: Board | None, times: SeasonTimes | None = None) -> _Step:
        had = read.held(catalogue, key)
        return _Step(key, board, had, after_run(rules, had, run, now), run, times)

    steps = {area: step(area, catalogue.boards.get(area))}
    held: dict[str, Standing] = {}
    looked_at: set[str] = set()
    for board in boards:
        if board.id == area:
            continue
        if not board.is_sum:
            steps[board.key] = step(board.key, board)
            continue
        part = board.area_key(area)
        if part not in steps:
            steps[part] = replace(step(part, None, board.times), run=None)
        moved, had = steps[part], read.held(catalogue, board.key)
        if moved.had is not None and moved.had.points == moved.after.points:
            if had is not None:
                steps[board.key] = _Step(board.key, board, had, had, None)
            continue
        if had is None or (moved.had is None and part in read.standings):
            names = {board.area_key(name) for name in board.areas}
            if not names <= looked_at:
                looked_at |= names if board.seasons else set(catalogue.areas)
                held |= await player_rows.areas(
                    db, catalogue, read.user_id, names if board.seasons else catalogue.areas
                )
            names = names & held.keys() - {part}
            points = sum(held[name].points for name in names) + moved.after.points
        else:
            points = had.points - (moved.had.points if moved.had else 0) + moved.after.points
        # Only a sum that moved was reached again: otherwise the first to reach it keeps the place.
        after = had if had and had.points == points else Held(in_range(points), moved.after.achieved_at)
        steps[board.key] = _Step(board.key, board, had, after, None)
    return steps


def _outcome(area: str, boards: Iterable[Board], steps: Mapping[str, _Step]) -> Submission:
    found = []
    for board in boards:
        step = steps.get(board.key)
        if step is not None:
            found.append(
                Outcome(
                    game_area=board.id,
                    season=board.season,
                    points=step.after.points,
                    improved=step.after != step.had,
                )
            )
    own = steps[area]
    return Submission(best=own.after.points, improved=own.after != own.had, boards=tuple(found))


def _change(read: PlayerRows, step: _Step) -> Change | None:
    """Return a change; None where the player has the same, and its row has the key that it should have."""
    standing = read.standings.get(step.key)
    if step.after != step.had:
        metadata = step.run.metadata if step.run else None
        return Change(step.key, step.board, step.after, metadata, step.times)
    if standing is None or step.board is None:
        return None
    if standing.sort_key == scores.sort_key(step.board, step.after, standing.user_id):
        return None
    return Change(step.key, step.board, step.after, read.metadata(step.key))
