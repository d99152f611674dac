"""`/leaderboard`"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from api.backend import Backend, backend_of, caller
from api.cursor import Cursor, CursorError, decode_cursor, encode_cursor
from api.problems import FieldError, ProblemError, invalid, responses
from game.board import Entry
from game.catalogue import GLOBAL_BOARD, Board
from game.model import Model
from store import boards, scores, standings

router = Router()

# A player whose row moves while we look is looked up again; no player improves this often in a row.
LOOKUPS = 5

GameArea = Annotated[str, Query(alias="gameArea", description="A board's id")]
Limit = Annotated[int, Query(ge=1, le=100, description="Entries a page")]
PageCursor = Annotated[str, Query(max_length=512, description="nextCursor of the page before")]
Around = Annotated[int, Query(ge=0, le=50, description="Neighbours above and below")]


class Page(Model):
    """A part of a board. `version` is that of the live board, 0 before its first publication."""

    game_area: str
    version: int
    entries: tuple[Entry, ...]
    next_cursor: str | None


class Standing(Model):
    """A player's place on a board, with the neighbours above and below."""

    game_area: str
    rank: int
    points: int = Field(alias="score")
    entries: tuple[Entry, ...]


@router.get(
    "/leaderboard",
    summary="A page of a board",
    responses={200: {"description": "The page"}} | responses(404, 422),
)
async def get_leaderboard(
    request: Request, game_area: GameArea, limit: Limit = 20, cursor: PageCursor = ""
) -> Page:
    """Return a page of a board, best first."""
    backend = backend_of(request)
    return await _page(backend, backend.board(game_area), limit, cursor)


@router.get(
    "/leaderboard/global",
    summary="A page of the global board",
    responses={200: {"description": "The page"}} | responses(422),
)
async def get_global_leaderboard(request: Request, limit: Limit = 20, cursor: PageCursor = "") -> Page:
    """Return a page of the board over all areas, best first."""
    backend = backend_of(request)
    return await _page(backend, backend.board(GLOBAL_BOARD), limit, cursor)


@router.get(
    "/leaderboard/me",
    summary="The caller's place on a board",
    responses={200: {"description": "The place"}} | responses(401, 404, 410, 422, 503),
    security=[{"idToken": []}],
)
async def get_own_rank(request: Request, game_area: GameArea, around: Around = 5) -> Standing:
    """Return the caller's rank on a board, and the neighbours."""
    player, backend = caller(request), backend_of(request)
    board = backend.board(game_area)
    before = None
    for _ in range(LOOKUPS):
        held = await standings.load(backend.db, player.user_id, board.id)
        # A standing whose row is gone is none: an operator took it away.
        if held is None or held.sort_key is None or held == before:
            raise ProblemError(404, f"you have no score on {board.id} yet")
        entries = await scores.around(backend.db, board, held.sort_key, neighbours=around)
        for entry in entries:
            if entry.user_id == player.user_id:
                return Standing(game_area=board.id, rank=entry.rank, points=entry.points, entries=entries)
        before = held
    raise ProblemError(503, "your score is changing too quickly to rank it; try again")


async def _page(backend: Backend, board: Board, limit: int, cursor: str) -> Page:
    after, rank = None, 1
    if cursor:
        try:
            start = decode_cursor(board, cursor)
        except CursorError as error:
            raise invalid([FieldError(field="query.cursor", detail=str(error))]) from error
        after = start.sort_key
        rank = await scores.rank_behind(backend.db, board, start.sort_key, start.rank)
    published = await boards.load(backend.db, board.id)
    # One more than asked for tells whether there is a next page.
    rows = await scores.rows(backend.db, board, limit=limit + 1, after=after)
    page, more = rows[:limit], len(rows) > limit
    return Page(
        game_area=board.id,
        version=published.version if published else 0,
        entries=tuple(row.entry(place) for place, row in enumerate(page, start=rank)),
        next_cursor=encode_cursor(board, Cursor(rank + limit - 1, page[-1].sort_key)) if more else None,
    )
