"""The catalogue: what a game designer decides, read from one TOML file and checked when it is loaded."""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from game.economy import Economy, Title
from game.model import Model
from game.scoring import POINTS_LIMIT, Order

GLOBAL_BOARD = "global"
# A board's id is also a channel's name, and these channels are taken.
RESERVED_IDS = frozenset({GLOBAL_BOARD, "all"})
# The longest entries there can be, in a snapshot of this many, stay under the 32 KB of a WebSocket frame.
TOP_LIMIT = 100

DEFAULT_PATH = Path(__file__).with_name("catalogue.toml")


class CatalogueError(Exception):
    """The catalogue file cannot be used; the message names the file and every key that is wrong."""


def _not_reserved(area: str) -> str:
    if area in RESERVED_IDS:
        raise ValueError(f"{area!r} is reserved")
    return area


AreaId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$"), AfterValidator(_not_reserved)]
Top = Annotated[int, Field(ge=1, le=TOP_LIMIT, strict=True)]
Points = Annotated[int, Field(gt=-POINTS_LIMIT, lt=POINTS_LIMIT, strict=True)]


Keep = Literal["best", "sum", "latest"]
"""What becomes of a player's points with a further score: the better of both, their sum, or the later."""


class Tiebreak(Model):
    """A second number of a run, which ranks equal points: coins, or seconds left."""

    name: str
    order: Order
    min: Points
    max: Points


class Area(Model):
    """Somewhere a player scores. Scores are whole numbers from `min` to `max`, both included."""

    title: Title
    order: Order
    min: Points
    max: Points
    top: Top
    counts: bool
    keep: Keep = "best"
    tiebreak: Tiebreak | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min ({self.min}) must be below max ({self.max})")
        if self.counts and self.order == "asc":
            raise ValueError('counts must be false where order is "asc": a sum of times makes no ranking')
        return self


class GameArea(Model):
    """An area as clients see it."""

    id: str
    title: str
    order: Order


class GlobalBoard(Model):
    """The board whose points are the sum of a player's bests over the areas that count."""

    title: Title
    top: Top
    order: Literal["desc"] = "desc"


class Board(Model):
    """A board: what is shown. `top` is how many entries it shows (K).

    areas: the areas that feed it. Of several, a player's points are the sum of what they have in each.
    tiebreak: that of its only area, if it has one.
    """

    id: str
    order: Order
    top: int
    areas: tuple[str, ...] = ()
    tiebreak: Tiebreak | None = None


class Catalogue(Economy):
    """Everything the designer's file says."""

    global_: GlobalBoard = Field(alias="global")
    # A new name is one transaction over the player's rows on every board, and DynamoDB takes 100 items.
    areas: dict[AreaId, Area] = Field(min_length=1, max_length=96)

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        counting = [area for area in self.areas.values() if area.counts]
        for bound in (sum(area.min for area in counting), sum(area.max for area in counting)):
            if abs(bound) >= POINTS_LIMIT:
                raise ValueError(
                    f"the bounds of the areas that count add up to {bound}, beyond {POINTS_LIMIT - 1}"
                )
        return self

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        problems = self.broken_references() + self._broken_boards()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _broken_boards(self) -> list[str]:
        """Return what tasks require of boards that are not there, and points that their areas do not take."""
        problems = []
        for name, task in self.tasks.items():
            requires = task.requires
            if requires is None or requires.area is None:
                continue
            area = self.areas.get(requires.area)
            key = f"tasks.{name}.requires"
            if area is None and requires.area != GLOBAL_BOARD:
                problems.append(f"{key}.area: there is no area {requires.area!r}")
            elif area and requires.points is not None and not area.min <= requires.points <= area.max:
                problems.append(f"{key}.points: {requires.area} takes {area.min} to {area.max}")
        return problems

    @cached_property
    def boards(self) -> dict[str, Board]:
        """Every board by id: one an area, and `global`."""
        boards = {
            name: Board(id=name, order=area.order, top=area.top, areas=(name,), tiebreak=area.tiebreak)
            for name, area in self.areas.items()
        }
        boards[GLOBAL_BOARD] = Board(
            id=GLOBAL_BOARD,
            order=self.global_.order,
            top=self.global_.top,
            areas=tuple(name for name, area in self.areas.items() if area.counts),
        )
        return boards

    def boards_of(self, area: str) -> tuple[Board, ...]:
        """Return the boards that an area feeds: those that a score there may change."""
        return self._fed.get(area, ())

    @cached_property
    def _fed(self) -> dict[str, tuple[Board, ...]]:
        fed: dict[str, list[Board]] = {}
        for board in self.boards.values():
            for area in board.areas:
                fed.setdefault(area, []).append(board)
        return {area: tuple(boards) for area, boards in fed.items()}

    @property
    def game_areas(self) -> list[GameArea]:
        """The areas as clients see them."""
        return [GameArea(id=name, title=area.title, order=area.order) for name, area in self.areas.items()]

    @property
    def counting_areas(self) -> frozenset[str]:
        """The ids of the areas whose bests add up to the global board."""
        return frozenset(name for name, area in self.areas.items() if area.counts)


def load_catalogue(path: Path = DEFAULT_PATH) -> Catalogue:
    """Read and check a catalogue file.

    Raises CatalogueError, which names the file and each wrong key by its TOML path (`areas.forest.max`).
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    try:
        return Catalogue.model_validate(content)
    except ValidationError as error:
        problems = [_problem(detail["loc"], detail["msg"]) for detail in error.errors()]
        raise CatalogueError(f"{path}: " + "; ".join(problems)) from error


def _problem(location: tuple[int | str, ...], message: str) -> str:
    # pydantic writes "[key]" where a mapping's key itself is wrong. A fault of the whole file names its keys.
    key = ".".join(str(part) for part in location if part != "[key]")
    return f"{key}: {message}" if key else message.removeprefix("Value error, ")
