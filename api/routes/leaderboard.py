"""`/leaderboard`"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from api.backend import Backend, backend_of, caller
from api.cursor import Cursor, CursorError, decode_cursor, encode_cursor
from api.problems import FieldError, ProblemError, invalid, responses
from api.routes.seasons import GameArea, SeasonNumber, in_season
from game.board import Entry
from game.catalogue import GLOBAL_BOARD, Board
from game.model import Model, is_absent
from game.scoring import POINTS_LIMIT, behind
from store import boards, ranks, scores, standings
from store.scores import Score

router = Router()

NOT_READY = "the ranks of this board are still being counted; try again later"

# A player whose row moves while we look is looked up again; no player improves this often in a row.
LOOKUPS = 5

Limit = Annotated[int, Query(ge=1, le=100, description="Entries a page")]
FromRank = Annotated[int | None, Query(alias="from", ge=1, le=10**12, description="The rank to begin with")]
Points = Annotated[
    int, Query(alias="score", gt=-POINTS_LIMIT, lt=POINTS_LIMIT, description="Points reached now")
]
TieBreak = Annotated[
    int | None,
    Query(gt=-POINTS_LIMIT, lt=POINTS_LIMIT, description="Tie-break of the same run, where the area has one"),
]
PageCursor = Annotated[str, Query(max_length=512, description="nextCursor of the page before")]
Around = Annotated[int, Query(ge=0, le=50, description="Neighbours above and below")]


class Page(Model):
    """A part of a board. `version` is that of the live board, 0 before its first publication.

    season: where the board has seasons. A past one has no live board.
    """

    game_area: str
    season: int | None = Field(None, exclude_if=is_absent)
    version: int
    entries: tuple[Entry, ...]
    next_cursor: str | None


class Standing(Model):
    """A player's place on a board, with the neighbours above and below.

    `of` is the number of rows, and `top` the share of the board that the rank is within: 0.04 is the top 4
    percent.
    """

    game_area: str
    season: int | None = Field(None, exclude_if=is_absent)
    rank: int
    of: int
    top: float
    points: int = Field(alias="score")
    entries: tuple[Entry, ...]


class Rank(Model):
    """The rank of points reached now, of how many rows, and the share of the board that it is within."""

    game_area: str
    season: int | None = Field(None, exclude_if=is_absent)
    rank: int
    of: int
    top: float


@router.get(
    "/leaderboard",
    summary="A page of a board",
    responses={200: {"description": "The page"}} | responses(404, 422, 503),
)
async def get_leaderboard(
    request: Request,
    game_area: GameArea,
    limit: Limit = 20,
    cursor: PageCursor = "",
    begin: FromRank = None,
    season: SeasonNumber = None,
) -> Page:
    """Return a page of a board, best first: from a rank on, or behind the page that gave the cursor."""
    backend = backend_of(request)
    return await _page(backend, _board(backend, game_area, season), limit, cursor, begin)


@router.get(
    "/leaderboard/global",
    summary="A page of the global board",
    responses={200: {"description": "The page"}} | responses(422, 503),
)
async def get_global_leaderboard(
    request: Request,
    limit: Limit = 20,
    cursor: PageCursor = "",
    begin: FromRank = None,
    season: SeasonNumber = None,
) -> Page:
    """Return a page of the board over all areas, best first."""
    backend = backend_of(request)
    return await _page(backend, _board(backend, GLOBAL_BOARD, season), limit, cursor, begin)


@router.get(
    "/leaderboard/rank",
    summary="The rank of points reached now",
    responses={200: {"description": "The rank"}} | responses(404, 422, 503),
)
async def get_rank(
    request: Request,
    game_area: GameArea,
    points: Points,
    tiebreak: TieBreak = None,
    season: SeasonNumber = None,
) -> Rank:
    """Return the rank that points reached now would have: behind all who have as many.

    On a board with a tie-break: behind those who have as many and as good a tie-break, where one is given.
    """
    backend = backend_of(request)
    board = _board(backend, game_area, season)
    if tiebreak is not None and board.tiebreak is None:
        raise invalid(
            [FieldError(field="query.tiebreak", detail=f"{board.id} has no tie-break: leave it out")]
        )
    key = behind(board.order, points, tiebreak, board.tiebreak_order if tiebreak is not None else None)
    place = await ranks.place(backend.db, board, key, counted=ranks.COUNTED)
    if place is None:
        raise ProblemError(503, NOT_READY)
    rank = place.better + 1
    return Rank(game_area=board.id, season=board.season, rank=rank, of=place.of, top=_top(rank, place.of))


@router.get(
    "/leaderboard/me",
    summary="The caller's place on a board",
    responses={200: {"description": "The place"}} | responses(401, 404, 410, 422, 503),
    security=[{"idToken": []}],
)
async def get_own_rank(
    request: Request, game_area: GameArea, around: Around = 5, season: SeasonNumber = None
) -> Standing:
    """Return the caller's rank on a board, and the neighbours."""
    player, backend = caller(request), backend_of(request)
    board = _board(backend, game_area, season)
    before = None
    for _ in range(LOOKUPS):
        held = await standings.load(backend.db, player.user_id, board.key)
        # A standing whose row is gone does not count: an operator took it away.
        if held is None or held.sort_key is None or held == before:
            raise ProblemError(404, f"you have no score on {board.id} yet")
        entries, of = await ranks.around(backend.db, board, held.sort_key, neighbours=around)
        for entry in entries:
            if entry.user_id == player.user_id:
                return Standing(
                    game_area=board.id,
                    season=board.season,
                    rank=entry.rank,
                    of=of,
                    top=_top(entry.rank, of),
                    points=entry.points,
                    entries=entries,
                )
        before = held
    raise ProblemError(503, "your score is changing too quickly to rank it; try again")


def _board(backend: Backend, game_area: str, season: int | None) -> Board:
    return in_season(backend.board(game_area), season, backend.now_ms())


def _top(rank: int, of: int) -> float:
    return min(1.0, rank / max(of, 1))


async def _page(backend: Backend, board: Board, limit: int, cursor: str, begin: int | None) -> Page:
    # One more than asked for tells whether there is a next page.
    if begin is None:
        rank, rows = await _behind(backend, board, cursor, limit + 1)
    elif cursor:
        detail = "a page begins at a rank or behind a cursor, not both: leave one out"
        raise invalid([FieldError(field="query.from", detail=detail)])
    else:
        rank, found = begin, await ranks.rows_from(backend.db, board, begin, limit + 1)
        if found is None:
            raise ProblemError(503, NOT_READY)
        rows = found
    published = await boards.load(backend.db, board.id)
    is_live = published is not None and published.season == board.season
    page, more = rows[:limit], len(rows) > limit
    return Page(
        game_area=board.id,
        season=board.season,
        version=published.version if published and is_live else 0,
        entries=scores.entries(page, rank),
        next_cursor=encode_cursor(board, Cursor(rank + limit - 1, page[-1].sort_key)) if more else None,
    )


async def _behind(backend: Backend, board: Board, cursor: str, limit: int) -> tuple[int, list[Score]]:
    """Return rows behind a cursor, and the rank of the first on the board as it is now; "" is the top."""
    if not cursor:
        return 1, await scores.rows(backend.db, board, limit=limit)
    try:
        start = decode_cursor(board, cursor)
    except CursorError as error:
        # A season may have ended since the page before.
        now = board.season
        hint = "" if now is None else f" in season {now}: send the season of the page before"
        raise invalid([FieldError(field="query.cursor", detail=f"{error}{hint}")]) from error
    # Others may have climbed past it since, or gone.
    place = await ranks.place(backend.db, board, start.sort_key, behind=True, counted=ranks.COUNTED)
    rank = place.better + 1 if place else start.rank + 1
    return rank, await scores.rows(backend.db, board, limit=limit, after=start.sort_key)
