"""`/rewards`: what the caller has won in seasons that are over, and the claim that gives it."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import Field

from api.actions import IdempotencyKey, problem_of, request_key_of
from api.backend import Backend, RequestBody, backend_of, caller
from api.cursor import pack, unpack
from api.problems import FieldError, ProblemError, invalid, responses, to_response
from api.progress_view import ProgressView, fields
from game.catalogue import Board
from game.live import RANK_SWEEP_SECONDS
from game.model import Model
from game.player import ActionRefusedError
from game.prizes import Prize
from store import rewards
from store.claims import Claim
from store.idempotency import Answer
from store.progress import Progress
from store.rewards import (
    ClaimedError,
    ExpiredError,
    InReviewError,
    NotRankedError,
    Position,
    RewardError,
)

router = Router()

SEASON_LIMIT = 10**9
"""The number of a season, at most: seasons of a second would come so far in 30 years."""
NOT_RANKED = "the ranks of this season are still being compared with its scores; try again later"

Limit = Annotated[int, Query(ge=1, le=100, description="Rewards a page")]
PageCursor = Annotated[str, Query(max_length=256, description="nextCursor of the page before")]


class Reward(Model):
    """What the caller has won in a season of a board, which is over. Times are in milliseconds.

    rank, of: the place, among all. Until the prize is claimed, they are those of this moment: moderators may
        take rows away. claimable_at: from when on it can be claimed. expires_at: until when.
    """

    game_area: str
    season: int
    rank: int
    of: int
    prize: Prize
    claimable_at: int
    expires_at: int
    claimed: bool


class Rewards(Model):
    """A page of rewards. It may have fewer than the limit, and none, though there is a next one."""

    rewards: list[Reward]
    next_cursor: str | None


class ClaimRequest(RequestBody):
    """The season of a board whose prize the caller wants."""

    game_area: str
    season: Annotated[int, Field(ge=0, le=SEASON_LIMIT, strict=True)]


class ClaimResponse(ProgressView):
    """What was given, for which place, and the progress after it."""

    game_area: str
    season: int
    rank: int
    of: int
    prize: Prize


@router.get(
    "/rewards",
    summary="What the caller has won",
    responses={200: {"description": "The rewards"}} | responses(401, 410, 422, 503),
    security=[{"idToken": []}],
)
async def get_rewards(request: Request, limit: Limit = 20, cursor: PageCursor = "") -> Rewards:
    """Return what the caller has won in past seasons, claimed or not: of each board the newest season first.

    Seasons in review are among them. A reward that is not claimed expires with the rows of its season.
    """
    player, backend = caller(request), backend_of(request)
    found, more = await rewards.listed(
        backend.db,
        backend.catalogue,
        player.user_id,
        backend.now_ms(),
        limit=limit,
        after=_decode(backend, cursor) if cursor else None,
    )
    return Rewards(rewards=[_shown(one) for one in found], next_cursor=_encode(more) if more else None)


@router.post(
    "/rewards/claim",
    summary="Claim a prize",
    responses={200: {"description": "Given", "content": {"application/json": {"model": ClaimResponse}}}}
    | responses(400, 401, 404, 409, 410, 413, 415, 422, 503),
    security=[{"idToken": []}],
)
async def post_claim(
    request: Request, body: Annotated[ClaimRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[str]:
    """Give the caller the prize of their place in a season that is over: once, whatever is asked at once.

    409 `claimed` with the `prize` when it was given before (the same `Idempotency-Key` gets the same 200),
    409 `in_review` before `claimableAt`, 409 `expired` when it is too late, 404 where nothing was won.
    """
    player, backend = caller(request), backend_of(request)
    board = _season(backend, body)
    key = request_key_of(request, player.user_id, idempotency_key, body)

    def show(claim: Claim, progress: Progress) -> Answer:
        given = ClaimResponse(
            game_area=board.id,
            season=body.season,
            rank=claim.rank,
            of=claim.of,
            prize=claim.prize,
            **fields(progress),
        )
        return Answer(status=200, body=given.model_dump_json(by_alias=True))

    name = f"season {body.season} of {board.id}"
    try:
        answer = await rewards.claim(
            backend.db, backend.catalogue, player.user_id, board, key, backend.now_ms(), show
        )
    except RewardError as error:
        raise _refusal(error, name) from error
    except ActionRefusedError as error:
        return to_response(problem_of(error))
    return Response(status_code=answer.status, content_type="application/json", body=answer.body)


def _refusal(error: RewardError, season: str) -> ProblemError:
    match error:
        case ClaimedError(claim=claim):
            detail = f"the prize of {season} was given to you before"
            return ProblemError(409, detail, code="claimed", prize=claim.prize, rank=claim.rank)
        case InReviewError(claimable_at=claimable_at):
            detail = f"the prizes of {season} can be claimed when its scores were reviewed, see claimableAt"
            return ProblemError(409, detail, code="in_review", claimable_at=claimable_at)
        case ExpiredError():
            return ProblemError(409, f"{season} is long over, and its prizes expired", code="expired")
        case NotRankedError():
            return ProblemError(503, NOT_RANKED, retry_after=RANK_SWEEP_SECONDS)
    return ProblemError(404, f"you have won nothing in {season}")


def _season(backend: Backend, body: ClaimRequest) -> Board:
    """Return a board in one of its seasons, which may be yet to come. Raises a 404 where it has none."""
    board = backend.board(body.game_area)
    if board.seasons is None:
        raise ProblemError(404, f"{board.id} has no seasons")
    return board.in_season(body.season)


def _shown(reward: rewards.Reward) -> Reward:
    board, number = reward.board, reward.board.season
    assert board.seasons is not None  # noqa: S101 -- for the type checker: only seasons have prizes
    assert number is not None  # noqa: S101 -- the same
    return Reward(
        game_area=board.id,
        season=number,
        rank=reward.rank,
        of=reward.of,
        prize=reward.prize,
        claimable_at=board.seasons.claimable_at(number),
        expires_at=board.seasons.expires_at(number),
        claimed=reward.claimed,
    )


def _encode(position: Position) -> str:
    return pack(f"{position.board}|{position.season}")


def _decode(backend: Backend, cursor: str) -> Position:
    """Return the position behind a cursor. Raises a 422 unless `_encode` wrote it."""
    try:
        board, _, season = unpack(cursor).partition("|")
        position = Position(board, int(season))
    except ValueError:
        position = None
    boards = backend.catalogue.boards
    if (
        position is None
        or position.board not in boards
        or not boards[position.board].prizes
        or _encode(position) != cursor
    ):
        raise invalid([FieldError(field="query.cursor", detail="not a cursor of these rewards")])
    return position
