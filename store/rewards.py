"""Rewards: what a player has won in seasons that are over, and the claim that gives it.

No job gives prizes, so none can be missed: a prize is what the catalogue says of the player's rank in a
season that is over, and the player asks for it.

1. Read the player's progress, and with a request key the answer given to it before, in one transaction.
2. Answered before: that is the answer.
3. Read the claim and the standing of that board and season. Claimed: done, unless the same request did it
   since step 1, whose answer is then this one's. Still in review, or expired: done.
4. Look up the rank (`ranks.final_place`). The rules say what it wins (`game.prizes`).
5. Write the progress, the claim, and the answer under its key in one transaction: on condition that there is
   no claim, that progress and standing are as they were read, that the row on the board is there, and that
   the player was not deleted.
6. Another request wrote one of these in between: start again at 1. A rank that was looked up is kept.

So whatever runs at once, a prize is given once; and a moderator who takes the row away, or a merge that moves
it, comes either before all of it or after.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from game.catalogue import Board, Catalogue
from game.player import grant
from game.prizes import LOOKUPS, Prize, prize_of
from store import actions, claims, idempotency, players, progress, ranks, scores, standings
from store.claims import Claim
from store.database import Database, retry_on_conflict
from store.errors import StoreError
from store.idempotency import Answer, RequestKey
from store.progress import Progress
from store.rank_index import side_by_side
from store.ranks import Place
from store.schema import CLAIMS, STANDINGS
from store.standings import Standing

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

BOARDS_READ = 50
"""Boards with prizes that one request looks at."""
COUNTED = 10_000
"""Rows that are counted for a claim as long as the index of the season was not compared with them."""

COUNTED_TO_LIST = 20_000
"""The same for each of a list's ranks, of a season whose index is not finished: it is left out beyond."""

_BOARDS_AT_ONCE = 10

logger = logging.getLogger("podium.rewards")

Show = Callable[[Claim, Progress], Answer]
"""Returns the answer to a claim, given what was claimed, and the progress after it."""


class RewardError(StoreError):
    """Nothing was given."""


class NoRewardError(RewardError):
    """The player has won nothing there."""


class ClaimedError(RewardError):
    """The player has claimed this before."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"{claim.board} was claimed")
        self.claim = claim


class InReviewError(RewardError):
    """The season is open, or in review: until `claimable_at`, in milliseconds since the epoch."""

    def __init__(self, board: str, claimable_at: int) -> None:
        super().__init__(f"{board} is in review")
        self.claimable_at = claimable_at


class ExpiredError(RewardError):
    """The season is over for so long that nothing of it is kept."""


class NotRankedError(RewardError):
    """The season has more rows than are counted, and its index was not compared with them yet."""


class Reward(NamedTuple):
    """What a player has won: `board` is in its season, and `claimed` says whether it was given."""

    board: Board
    rank: int
    of: int
    prize: Prize
    claimed: bool


class Position(NamedTuple):
    """Where a page of rewards ends: behind this season of this board."""

    board: str
    season: int


class _Candidate(NamedTuple):
    """A season in which a player has something on a board: a claim, or else a standing."""

    board: Board
    claim: Claim | None
    standing: Standing | None


async def claim(
    db: Database,
    catalogue: Catalogue,
    user_id: str,
    board: Board,
    key: RequestKey | None,
    now: int,
    show: Show,
) -> Answer:
    """Give a player what they have won on a board in its season; return the answer, which is kept.

    `now` in milliseconds since the epoch. Raises NoRewardError, ClaimedError, InReviewError, ExpiredError,
    NotRankedError, KeyReusedError, ActionRefusedError where the rules refuse what it would make of the
    progress, RowError, DeletedError, and ConflictError when the player's rows never stayed still. Then
    nothing is written.
    """
    looked_up: dict[str, Place] = {}

    async def attempt() -> Answer:
        read, answered = await actions.read(db, user_id, key, now)
        if answered:
            return answered
        try:
            standing = await _claimable(db, user_id, board, now)
        except ClaimedError:
            # The claim may be this very request's, which was sent twice and done since step 1.
            _, answered = await actions.read(db, user_id, key, now)
            if answered:
                return answered
            raise
        assert standing.sort_key is not None  # noqa: S101 -- for the type checker: it has its row
        if standing.sort_key not in looked_up:
            place = await ranks.final_place(db, board, standing.sort_key, counted=COUNTED)
            if place is None:
                raise NotRankedError(board.key)
            looked_up[standing.sort_key] = place
        better, of = looked_up[standing.sort_key]
        prize = prize_of(board.prizes, better + 1, of)
        if prize is None:
            raise NoRewardError(board.key)
        new = grant(catalogue, read, prize, f"boards.{board.id}.prizes")
        given = Claim(
            user_id=user_id,
            board=board.key,
            rank=better + 1,
            of=max(of, better + 1),
            claimed_at=now,
            **dict(prize),
        )
        writes: list[TransactWriteItemTypeDef] = [
            progress.unchanged(db, read) if new == read else progress.replace(db, read, new),
            claims.put(db, given),
            standings.unchanged(db, standing),
            scores.present(db, board.key, standing.sort_key),
        ]
        answer = show(given, new)
        if key:
            writes.append(idempotency.put(db, key, answer, now))
        await players.write(db, user_id, writes)
        return answer

    return await retry_on_conflict(attempt)


async def _claimable(db: Database, user_id: str, board: Board, now: int) -> Standing:
    """Return a player's standing on a board in a season, with its row there. Raises what `claim` does."""
    keys = {CLAIMS: [claims.key(user_id, board.key)], STANDINGS: [standings.key(user_id, board.key)]}
    _, rows = await players.load_with(db, user_id, keys)
    for item in rows[CLAIMS]:
        raise ClaimedError(claims.parse(item))
    seasons, number = board.seasons, board.season
    if seasons is None or number is None or not board.prizes or not 1 <= number <= seasons.number_at(now):
        raise NoRewardError(board.key)
    if now < (claimable_at := seasons.claimable_at(number)):
        raise InReviewError(board.key, claimable_at)
    if now >= seasons.expires_at(number):
        raise ExpiredError(board.key)
    held = [standings.parse(item) for item in rows[STANDINGS]]
    found = [one for one in await scores.with_rows(db, held) if one.sort_key is not None]
    if not found:
        raise NoRewardError(board.key)
    return found[0]


async def listed(
    db: Database, catalogue: Catalogue, user_id: str, now: int, *, limit: int, after: Position | None = None
) -> tuple[list[Reward], Position | None]:
    """Return what a player has won in seasons that are over and can be read, and where the next page begins.

    Boards come in the catalogue's order, and of each the newest season first. A page may have fewer than
    `limit`, and none, though there is a next one: a request looks at BOARDS_READ boards and LOOKUPS ranks.
    The ranks are those of this moment, until they are claimed. `after` is a position that was returned. What
    cannot be read is logged and left out. Raises DeletedError.
    """
    await players.require_alive(db, user_id)
    boards = [board for board in catalogue.boards.values() if board.prizes]
    begin = next((place for place, board in enumerate(boards) if after and board.id == after.board), 0)
    end = begin
    chosen: list[_Candidate] = []
    while end < min(len(boards), begin + BOARDS_READ):
        part = boards[end : end + _BOARDS_AT_ONCE]
        found = await side_by_side(_candidates(db, user_id, board, now, after) for board in part)
        end += len(part)
        for candidate in (one for ones in found for one in ones):
            if len(chosen) == limit or sum(one.claim is None for one in chosen) == LOOKUPS:
                last = chosen[-1].board
                return await _rewards(db, chosen), Position(last.id, last.season or 0)
            chosen.append(candidate)
    more = Position(boards[end - 1].id, 0) if end < len(boards) else None
    return await _rewards(db, chosen), more


async def _candidates(
    db: Database, user_id: str, board: Board, now: int, after: Position | None
) -> list[_Candidate]:
    """Return the seasons of a board to look at, the newest first."""
    held, claimed = await asyncio.gather(
        standings.of_board(db, user_id, board.id), claims.of_board(db, user_id, board.id)
    )
    found = []
    for season in _past(board, now, after):
        key = season.key
        if key not in claimed and key in held:
            found.append(_Candidate(season, None, held[key]))
        elif (claim := claimed.get(key)) is not None:
            found.append(_Candidate(season, claim, None))
    return found


def _past(board: Board, now: int, after: Position | None) -> Iterator[Board]:
    """Yield a board in each of its seasons that are over and can be read, the newest first."""
    if board.seasons is None:
        return
    for number in reversed(board.seasons.readable(now)[:-1]):
        if number >= 1 and not (after and after.board == board.id and number >= after.season):
            yield board.in_season(number)


async def _rewards(db: Database, candidates: Sequence[_Candidate]) -> list[Reward]:
    held = [one.standing for one in candidates if one.standing is not None]
    there = {one.board: one.sort_key for one in await scores.with_rows(db, held)}
    ranked = [(one.board, there[one.board.key]) for one in candidates if there.get(one.board.key)]
    places = await side_by_side(
        ranks.place(db, board, key or "", counted=COUNTED_TO_LIST) for board, key in ranked
    )
    by_board = dict(zip((board.key for board, _ in ranked), places, strict=True))
    for key in (key for key, place in by_board.items() if place is None):
        logger.warning("%s is left out of rewards: its rows are not counted yet", key)
    found = []
    for board, claim, _ in candidates:
        if claim is not None:
            found.append(Reward(board, claim.rank, claim.of, claim.prize, claimed=True))
        elif place := by_board.get(board.key):
            rank, of = place.better + 1, max(place.of, place.better + 1)
            if prize := prize_of(board.prizes, rank, of):
                found.append(Reward(board, rank, of, prize, claimed=False))
    return found
