"""The catalogue: what a game designer decides, read from one TOML file and checked when it is loaded.

An area is where a player scores; a board is what is shown. An area with a `top` has a board of its own, by
its own id. A series is many areas of one kind, which are numbered. `boards` are further ones, over one area
or over several; each may count for a season at a time (`game.seasons`).
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from game.area_rules import AreaRules
from game.board import largest_entry
from game.economy import TITLE_LIMIT, Economy, Title
from game.frames import FRAME_LIMIT
from game.metadata import METADATA_LIMIT, metadata_fault
from game.model import Model
from game.prizes import Tier, Tiers
from game.prizes import faults as faults_of_prizes
from game.scoring import POINTS_LIMIT, Order, SortKey, decode, encode
from game.seasons import Seasons, SeasonTimes

ID_LIMIT = 32
"""Characters of an id."""
TOP_LIMIT = 100
"""Entries that a board may show: without tie-break and metadata this number fits into one frame."""
AREAS_LIMIT = 2500
"""Areas of a game, those of its series included."""
BOARDS_LIMIT = 2500
"""Boards of a game, those that areas have of their own included."""
FED_LIMIT = 30
"""Boards that one area may feed.

A score is one transaction of at most 100 items: three per board (what the player has there, the old row, the
new row), what the player has in the area, the player's row, the idempotency key, and two counts of what the
player may do in the area. What is left are five, one for each season with a sum over several areas: what the
player has in the area in that season.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""
SUMMED_SEASONS_LIMIT = 5
"""Seasons in which one area may be among several that a board adds up: see FED_LIMIT."""
FRAME_OVERHEAD = 400
"""Bytes of a snapshot, at most, besides its entries."""

GLOBAL_BOARD = "global"
"""The board that `GET /leaderboard/global` answers, where a game has one by this id: an ordinary one."""
# A board's id is also a channel's name, and this channel is taken.
RESERVED_IDS = frozenset({"all"})
SEASON_SEPARATOR = "#"
"""What stands between a board's id and the number of a season in the key of its rows; no id has it."""
SEASON_MARK = "@"
"""What stands between an area and a season in the key of what a player has there; no id has it."""
NUMBER = "{n}"
"""What stands for an area's number in the title of a series."""

DEFAULT_PATH = Path(__file__).with_name("catalogue.toml")

# What a file of release 0.1.0 has, and what to write instead.
_REPLACED = {
    "global": "write [boards.global], with `areas`: the ids of those that add up",
    "counts": "name the area in `areas` of the board that adds it up",
}


class CatalogueError(Exception):
    """The catalogue file cannot be used; the message names the file and every key that is wrong."""


def _not_reserved(area: str) -> str:
    if area in RESERVED_IDS:
        raise ValueError(f"{area!r} is reserved")
    return area


AreaId = Annotated[
    str, StringConstraints(pattern=rf"^[a-z][a-z0-9_-]{{0,{ID_LIMIT - 1}}}$"), AfterValidator(_not_reserved)
]
Top = Annotated[int, Field(ge=1, le=TOP_LIMIT, strict=True)]
Points = Annotated[int, Field(gt=-POINTS_LIMIT, lt=POINTS_LIMIT, strict=True)]
Keep = Literal["best", "sum", "latest"]
"""What becomes of a player's points with a further score: the better of both, their sum, or the later."""


class Tiebreak(Model):
    """A second number of a run, from `min` to `max`, which ranks equal points: coins, or seconds left."""

    name: Title
    order: Order
    min: Points
    max: Points

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min ({self.min}) must be below max ({self.max})")
        return self


class Fault(NamedTuple):
    """What is wrong with a score: `field` is the wrong one, `detail` says why."""

    field: Literal["score", "tiebreak", "metadata"]
    detail: str


class Area(Model):
    """Somewhere a player scores. Scores are whole numbers from `min` to `max`, both included.

    top: how many entries the area's own board shows (K); None: it has no board of its own.
    metadata: the most bytes of JSON that may come with a score; 0: none may.
    rules: under which a score is believed.
    """

    title: Title
    order: Order
    min: Points
    max: Points
    keep: Keep = "best"
    tiebreak: Tiebreak | None = None
    metadata: Annotated[int, Field(ge=0, le=METADATA_LIMIT, strict=True)] = 0
    rules: AreaRules = AreaRules()
    top: Top | None = None  # the last one: it is judged by the others

    @field_validator("top")
    @classmethod
    def _check_top(cls, top: int | None, info: ValidationInfo) -> int | None:
        tiebreak, allowed = info.data.get("tiebreak"), info.data.get("metadata", 0)
        if top is not None and (fault := _too_large(top, tiebreak, allowed)):
            raise ValueError(fault)
        return top

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, rules: AreaRules, info: ValidationInfo) -> AreaRules:
        if rules.pace is not None and info.data.get("order") == "asc":
            raise ValueError('pace: bounds how fast points grow, and with order = "asc" fewer are better')
        return rules

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"min ({self.min}) must be below max ({self.max})")
        if self.tiebreak and self.keep == "sum":
            raise ValueError('tiebreak needs another keep than "sum": points of many runs belong to no run')
        return self

    def faults(self, name: str, points: int, tiebreak: int | None, content: JsonValue) -> Iterator[Fault]:
        """Yield each way in which a score does not fit this area, which is called `name`."""
        if not self.min <= points <= self.max:
            yield Fault("score", f"must be from {self.min} to {self.max} in {name}")
        rule = self.tiebreak
        if rule is None:
            if tiebreak is not None:
                yield Fault("tiebreak", f"{name} has none: leave it out")
        elif tiebreak is None:
            detail = f"{name} ranks equal scores by {rule.name}: send it, from {rule.min} to {rule.max}"
            yield Fault("tiebreak", detail)
        elif not rule.min <= tiebreak <= rule.max:
            yield Fault("tiebreak", f"must be from {rule.min} to {rule.max} in {name}")
        if content is not None:
            if not self.metadata:
                yield Fault("metadata", f"{name} takes none: leave it out")
            elif fault := metadata_fault(content, self.metadata):
                yield Fault("metadata", f"{fault} in {name}")


class Series(Area):
    """Areas of one kind: `count` of them, numbered from 1. In the title, `{n}` stands for the number."""

    count: Annotated[int, Field(ge=1, le=AREAS_LIMIT, strict=True)]

    @model_validator(mode="after")
    def _check_title(self) -> Self:
        if NUMBER not in self.title:
            raise ValueError(f'title must contain "{NUMBER}", which stands for the number of the area')
        if len(self._title(self.count)) > TITLE_LIMIT:
            raise ValueError(f"title must have at most {TITLE_LIMIT} characters with {self.count} in it")
        return self

    def expand(self, name: str) -> Iterator[tuple[str, Area]]:
        """Yield the id and the rules of each area."""
        shared = {key: getattr(self, key) for key in Area.model_fields}
        for number in range(1, self.count + 1):
            # Checked once, as a series.
            yield f"{name}-{number}", Area.model_construct(**shared | {"title": self._title(number)})

    def _title(self, number: int) -> str:
        return self.title.replace(NUMBER, str(number))


class FurtherBoard(Model):
    """A board besides those that areas have of their own: over one area, or the sum over several.

    season: the id of the seasons that it counts for; None: it never ends.
    prizes: what its ranks win when a season is over; the first that fits is the player's.
    """

    title: Title
    areas: Annotated[tuple[str, ...], Field(min_length=1, max_length=AREAS_LIMIT)]
    top: Top
    season: str | None = None
    prizes: Tiers = ()


class GameArea(Model):
    """An area as clients see it."""

    id: str
    title: str
    order: Order


class Board(Model):
    """A board: what is shown. `top` is how many entries it shows (K).

    areas: the areas that feed it. Of several, a player's points are the sum of what they have in each.
    tiebreak, metadata: those of its only area, if it has them.
    season_id, seasons: the seasons that it counts for, if it does.
    season: the one that this value is of. Without it, a board with seasons has no rows: see `at`.
    prizes: what the ranks of a season win.
    """

    id: str
    title: str = ""
    order: Order
    top: int
    areas: tuple[str, ...] = ()
    tiebreak: Tiebreak | None = None
    metadata: int = 0
    season_id: str | None = None
    seasons: Seasons | None = None
    season: int | None = None
    prizes: tuple[Tier, ...] = ()

    @property
    def is_sum(self) -> bool:
        """Whether a player's points are those in several areas together."""
        return len(self.areas) > 1

    @property
    def key(self) -> str:
        """The partition key of its rows: the id, and the season where it has one."""
        if self.seasons is None:
            return self.id
        if self.season is None:
            raise ValueError(f"{self.id}: rows belong to one season: say which")
        return season_key(self.id, self.season)

    def at(self, now: int) -> Self:
        """Return the board in the season that is open at a time; one without seasons as it is."""
        return self if self.seasons is None else self.in_season(self.seasons.number_at(now))

    def in_season(self, number: int) -> Self:
        """Return the board in one of its seasons."""
        # What comes in is checked already.
        return self if self.season == number else self.model_copy(update={"season": number})

    def readable(self, now: int) -> list[Self]:
        """Return the board in each season that can be read, the open one last; one without seasons alone."""
        return [self] if self.seasons is None else [*map(self.in_season, self.seasons.readable(now))]

    def area_key(self, area: str) -> str:
        """Return the key of what a player has in one of the areas, as a sum over several counts it."""
        if self.seasons is None:
            return area
        return season_key(f"{area}{SEASON_MARK}{self.season_id}", self.season)

    @property
    def times(self) -> SeasonTimes | None:
        """When its season ends, and when its rows may be deleted; None: never."""
        if self.seasons is None or self.season is None:
            return None
        return self.seasons.times(self.season)

    @property
    def tiebreak_order(self) -> Order | None:
        """The order of its tie-break; None where it has none."""
        return self.tiebreak.order if self.tiebreak else None

    def sort_key(self, points: int, achieved_at: int, user_id: str, tiebreak: int | None = None) -> str:
        """Return the sort key of a row on this board. Raises SortKeyError."""
        return encode(self.order, points, achieved_at, user_id, tiebreak, self.tiebreak_order)

    def read_key(self, sort_key: str) -> SortKey:
        """Return what a sort key of this board tells. Raises SortKeyError."""
        return decode(self.order, sort_key, self.tiebreak_order)


class Catalogue(Economy, validate_by_name=False):
    """Everything the designer's file says, checked; series are expanded."""

    own_areas: dict[AreaId, Area] = Field(alias="areas", default_factory=dict)
    series: dict[AreaId, Series] = Field(default_factory=dict)
    further_boards: dict[AreaId, FurtherBoard] = Field(alias="boards", default_factory=dict)
    seasons: dict[AreaId, Seasons] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_everything(self) -> Self:
        # What follows looks areas and boards up by their ids, so these must be right before.
        for check in (self._broken_ids, self._broken_boards, self._broken_rules):
            if problems := [*check()]:
                raise ValueError("; ".join(problems))
        return self

    def _broken_ids(self) -> Iterator[str]:
        makers: dict[str, str] = {}
        for key, name in self._ids():
            if name in makers:
                yield f"{key}: the id {name!r} is made by {makers[name]} already"
            makers.setdefault(name, key)
            if len(name) > ID_LIMIT:
                yield f"{key}: the id {name!r} has more than {ID_LIMIT} characters"
        count = len(self.own_areas) + sum(series.count for series in self.series.values())
        if not 1 <= count <= AREAS_LIMIT:
            yield f"areas: a game has 1 to {AREAS_LIMIT} areas, and this one {count}"

    def _ids(self) -> Iterator[tuple[str, str]]:
        """Yield each id that the file makes, behind the key that makes it."""
        yield from ((f"areas.{name}", name) for name in self.own_areas)
        for name, series in self.series.items():
            yield f"series.{name}", name
            yield from ((f"series.{name}", f"{name}-{number}") for number in range(1, series.count + 1))
        yield from ((f"boards.{name}", name) for name in self.further_boards)

    def _broken_boards(self) -> Iterator[str]:
        for name, board in self.further_boards.items():
            yield from (f"boards.{name}.{fault}" for fault in self._faults(board))
        owned = sum(area.top is not None for area in self.areas.values())
        count = owned + len(self.further_boards)
        if not 1 <= count <= BOARDS_LIMIT:
            yield f"boards: a game has 1 to {BOARDS_LIMIT} boards, and this one {count}"
        fed = Counter(area for board in self.further_boards.values() for area in board.areas)
        for area, times in fed.items():
            times += area in self.areas and self.areas[area].top is not None
            if times > FED_LIMIT:
                yield f"boards: {area} feeds {times} of them, and an area feeds at most {FED_LIMIT}"
        summed = {
            (area, board.season)
            for board in self.further_boards.values()
            for area in board.areas
            if board.season is not None and len(board.areas) > 1
        }
        for area, times in Counter(area for area, _ in summed).items():
            if times > SUMMED_SEASONS_LIMIT:
                yield (
                    f"boards: {area} is added up in {times} kinds of seasons,"
                    f" and an area in at most {SUMMED_SEASONS_LIMIT}"
                )

    def _faults(self, board: FurtherBoard) -> Iterator[str]:
        if board.season is not None and board.season not in self.seasons:
            yield f"season: there is no {board.season!r}; there are {', '.join(self.seasons) or 'none'}"
        if board.prizes and board.season is None:
            yield "prizes: they are of a season, and the board has none: say which with `season`"
        yield from faults_of_prizes(self, board.prizes)
        unknown = [area for area in board.areas if area not in self.areas]
        if unknown:
            yield f"areas: there is no area {', '.join(map(repr, unknown[:10]))}"
            return
        repeated = [area for area, times in Counter(board.areas).items() if times > 1]
        if repeated:
            yield f"areas: {', '.join(repeated[:10])} comes more than once"
        areas = [self.areas[area] for area in board.areas]
        if len(areas) == 1:
            if fault := _too_large(board.top, areas[0].tiebreak, areas[0].metadata):
                yield f"top: {fault}"
            return
        if timed := [area for area in board.areas if self.areas[area].order == "asc"]:
            yield f'areas: {", ".join(timed[:10])} must be in order "desc": a sum of times makes no ranking'
        for bound in (sum(area.min for area in areas), sum(area.max for area in areas)):
            if abs(bound) >= POINTS_LIMIT:
                yield f"areas: their bounds add up to {bound}, beyond {POINTS_LIMIT - 1}"

    def _broken_rules(self) -> Iterator[str]:
        yield from self.broken_references()
        yield from dict.fromkeys(self._broken_attempts())
        for name, task in self.tasks.items():
            requires = task.requires
            if requires is None or requires.area is None:
                continue
            area = self.areas.get(requires.area)
            key = f"tasks.{name}.requires"
            if area is None and requires.area not in self.boards:
                yield f"{key}.area: there is no area or board {requires.area!r}"
            elif (
                area
                and requires.points is not None
                and area.keep != "sum"
                and not area.min <= requires.points <= area.max
            ):
                yield f"{key}.points: {requires.area} takes {area.min} to {area.max}"

    def _broken_attempts(self) -> Iterator[str]:
        for name, area in self.areas.items():
            if area.rules.attempts is None or area.rules.attempts.every is not None:
                continue
            found = sorted({board.season_id for board in self.boards_of(name) if board.season_id is not None})
            if len(found) != 1:
                yield (
                    f"{self.rule_key(name, 'attempts')}: a number for each season needs an area that feeds"
                    f" boards of one kind of seasons, and these are of {', '.join(found) or 'none'}"
                )

    @cached_property
    def areas(self) -> Mapping[str, Area]:
        """Every area by id, those of series too."""
        areas = dict(self.own_areas)
        for name, series in self.series.items():
            areas.update(series.expand(name))
        return areas

    @cached_property
    def boards(self) -> Mapping[str, Board]:
        """Every board by id: those that areas have of their own, and the further ones."""
        boards = {}
        for name, area in self.areas.items():
            if area.top is not None:
                boards[name] = _over_one(name, area.title, area.top, name, area)
        for name, further in self.further_boards.items():
            if len(further.areas) == 1:
                (only,) = further.areas
                board = _over_one(name, further.title, further.top, only, self.areas[only])
            else:
                board = Board.model_construct(
                    id=name, title=further.title, order="desc", top=further.top, areas=further.areas
                )
            if further.season is not None:
                seasons = {"season_id": further.season, "seasons": self.seasons[further.season]}
                board = board.model_copy(update=seasons | {"prizes": further.prizes})
            boards[name] = board
        return boards

    def find_board(self, key: str) -> Board | None:
        """Return the board whose rows have this partition key, in its season; None where there is none."""
        name, _, season = key.partition(SEASON_SEPARATOR)
        board = self.boards.get(name)
        if board is not None and board.seasons is not None and season.isdecimal():
            board = board.in_season(int(season))
            return board if board.key == key else None
        return board if board is not None and board.seasons is None and key == name else None

    def rule_key(self, area: str, rule: str) -> str:
        """Return the key of an area's rule in the file: `areas.gauntlet.rules.min_time`."""
        of_series = area in self.areas and area not in self.own_areas
        table = f"series.{area.rpartition('-')[0]}" if of_series else f"areas.{area}"
        return f"{table}.rules.{rule}"

    def seasons_of(self, area: str) -> Seasons | None:
        """Return the seasons that an area's boards count for, where it is one kind."""
        found = {
            board.season_id: board.seasons
            for board in self.boards_of(area)
            if board.season_id is not None and board.seasons is not None
        }
        return next(iter(found.values())) if len(found) == 1 else None

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


def season_key(name: str, season: int | None) -> str:
    """Return the key of what there is on a board, or in an area, in a season."""
    return f"{name}{SEASON_SEPARATOR}{season}"


def area_of(key: str) -> str:
    """Return the area of the key of what a player has there, in a season or at any time: `Board.area_key`."""
    return key.partition(SEASON_MARK)[0]


def _over_one(name: str, title: str, top: int, only: str, area: Area) -> Board:
    # Everything in it has been checked, and a game has up to 2,500.
    return Board.model_construct(
        id=name,
        title=title,
        order=area.order,
        top=top,
        areas=(only,),
        tiebreak=area.tiebreak,
        metadata=area.metadata,
    )


def _too_large(top: int, tiebreak: Tiebreak | None, metadata_bytes: int) -> str | None:
    """Return what is wrong where a board of the largest entries would not go into one frame."""
    entry = largest_entry(tiebreak=tiebreak is not None, metadata_bytes=metadata_bytes)
    most = (FRAME_LIMIT - FRAME_OVERHEAD) // entry
    if top <= most:
        return None
    return (
        f"{top} entries of up to {entry} bytes exceed a frame of {FRAME_LIMIT} bytes:"
        f" at most {most} fit, or more with less metadata"
    )


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
    # pydantic writes "[key]" where a mapping's key itself is wrong, and this in front of what we say.
    key = ".".join(str(part) for part in location if part != "[key]")
    message = message.removeprefix("Value error, ")
    if location and location[-1] in _REPLACED:
        message = f"{message}: {_REPLACED[str(location[-1])]}"
    return f"{key}: {message}" if key else message
