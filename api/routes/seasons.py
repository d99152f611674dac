"""`/seasons`, and the season that a reader of a board asks for."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from api.backend import backend_of
from api.problems import FieldError, ProblemError, invalid, responses
from game.catalogue import Board
from game.model import Model
from game.seasons import State

router = Router()

GameArea = Annotated[str, Query(alias="gameArea", description="A board's id")]
SeasonNumber = Annotated[
    int | None, Query(alias="season", description="A season of the board; by default the one that is open")
]


class SeasonTime(Model):
    """A season: its number, when it begins, when the next one does, and whether it counts, or is reviewed."""

    season: int
    starts_at: int
    ends_at: int
    state: State


class SeasonList(Model):
    """The seasons of a board that can be read, newest first. `current` is the one that is open.

    Season 0 is the time before the first one.
    """

    game_area: str
    current: int
    seasons: tuple[SeasonTime, ...]


@router.get(
    "/seasons",
    summary="The seasons of a board",
    responses={200: {"description": "The seasons"}} | responses(404, 422),
)
async def get_seasons(request: Request, game_area: GameArea) -> SeasonList:
    """Return the seasons of a board that can be read, newest first."""
    backend = backend_of(request)
    board, now = backend.board(game_area), backend.now_ms()
    if board.seasons is None:
        raise ProblemError(404, f"gameArea: {game_area} has no seasons")
    readable = board.seasons.readable(now)
    return SeasonList(
        game_area=board.id,
        current=readable[-1],
        seasons=tuple(
            SeasonTime(
                season=number,
                starts_at=board.seasons.starts_at(number),
                ends_at=board.seasons.ends_at(number),
                state=board.seasons.state(number, now),
            )
            for number in reversed(readable)
        ),
    )


def in_season(board: Board, season: int | None, now: int) -> Board:
    """Return a board in the season that was asked for, or in the open one. `now` in milliseconds.

    Raises a 404 for a season that cannot be read (not begun, or expired, whether or not its rows are gone),
    and a 422 where the board has no seasons.
    """
    if season is None:
        return board.at(now)
    if board.seasons is None:
        raise invalid([FieldError(field="query.season", detail=f"{board.id} has no seasons: leave it out")])
    readable = board.seasons.readable(now)
    if season not in readable:
        raise ProblemError(
            404,
            f"season: {board.id} has no season {season} to be read; it has {readable[0]} to {readable[-1]}",
        )
    return board.in_season(season)
