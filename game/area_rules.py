"""The rules of an area under which a score is believed: `[areas.X.rules]` of the catalogue.

    write     who may submit: "player", or only a "server" that the studio trusts
    run       whether a score needs a run that began before it: "off", "optional", "required"
    min_time  the shortest run, from its beginning to the receipt of its score
    max_time  the longest: later, the run has expired
    pace      the most points per second of a run
    attempts  how many runs a player may submit in a season ("3/season") or in a stretch of time ("10/1d")
    submits   how many scores a player may submit in a stretch of time ("30/1m")
    on_doubt  what becomes of a score that is against `min_time` or `pace`: "refuse", or "hold" until a
              moderator decides

Stretches of time follow each other without a gap since 1970, UTC, so "10/1d" begins again at midnight. What
each rule stops, and what it does not, stands in docs/believable-scores.md. Pure: clock and counts are handed
in.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo, field_validator

from game.durations import Duration, to_ms, to_text
from game.model import Model
from game.seasons import Seasons

MAX_TIME_MS = 2 * 60 * 60 * 1000
"""The longest run, where an area does not say."""
COUNT_LIMIT = 1_000_000
"""The greatest number in `attempts` and `submits`."""
PACE_LIMIT = 1_000_000_000
"""The greatest `pace`."""
SEASON = "season"

_ALLOWANCE = re.compile(r"([1-9][0-9]*)/(.+)", re.DOTALL)

Doubt = Literal["min_time", "pace"]
"""The rule that a score in doubt is against."""


class Window(NamedTuple):
    """A stretch of time in which a player has a number of something. Times in milliseconds.

    ends_at: when the next one begins. counts_until: until when something may count for this one: a run that
        began in a season may be submitted a while after it.
    """

    name: str
    ends_at: int
    counts_until: int


class Allowance(NamedTuple):
    """The most in each season of the boards that an area feeds, or in each stretch of `every` milliseconds.

    every: None for a season.
    """

    most: int
    every: int | None

    def window(self, now: int, season: tuple[Seasons, int] | None = None) -> Window:
        """Return the window that a moment belongs to.

        season: definition and number of the season that counts, for an allowance for each season.
        """
        if self.every is not None:
            begun = now - now % self.every
            return Window(f"{begun}+{self.every}", begun + self.every, begun + self.every)
        if season is None:
            raise ValueError("an allowance for each season needs to know the season")
        seasons, number = season
        # An edit may give a season another number, or its seasons another name.
        return Window(
            f"season@{seasons.starts_at(number)}", seasons.ends_at(number), seasons.closes_to_runs_at(number)
        )


def _read_allowance(value: Any) -> Allowance:
    found = _ALLOWANCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a number and a stretch of time, as in "30/1m" or "3/season"')
    count = int(found[1]) if len(found[1]) <= len(str(COUNT_LIMIT)) else COUNT_LIMIT + 1
    if count > COUNT_LIMIT:
        raise ValueError(f"must be at most {COUNT_LIMIT}")
    return Allowance(count, None if found[2] == SEASON else to_ms(found[2]))


def _write_allowance(allowance: Allowance) -> str:
    every = SEASON if allowance.every is None else to_text(allowance.every)
    return f"{allowance.most}/{every}"


AllowanceText = Annotated[Allowance, PlainValidator(_read_allowance), PlainSerializer(_write_allowance)]
"""An allowance, read from a text."""


class AreaRules(Model, alias_generator=None):
    """The rules of an area. Times are in milliseconds, `pace` is in points per second."""

    # In this order: each is judged by those before it.
    write: Literal["player", "server"] = "player"
    run: Literal["off", "optional", "required"] = "off"
    max_time: Duration = MAX_TIME_MS
    min_time: Duration | None = None
    pace: Annotated[float, Field(gt=0, le=PACE_LIMIT, strict=True)] | None = None
    attempts: AllowanceText | None = None
    submits: AllowanceText | None = None
    on_doubt: Literal["refuse", "hold"] = "refuse"

    @field_validator("run", "max_time", "min_time", "pace", "attempts", "submits", "on_doubt")
    @classmethod
    def _check(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        if fault := _fault(name, value, info.data):
            raise ValueError(fault)
        return value

    def doubt(self, points: int, elapsed: int) -> Doubt | None:
        """Return the rule that a run is against which has these points after `elapsed` milliseconds."""
        if self.min_time is not None and elapsed < self.min_time:
            return "min_time"
        # Python compares whole numbers and floating ones exactly.
        if self.pace is not None and points * 1000 > self.pace * max(elapsed, 0):
            return "pace"
        return None


def _fault(name: str, value: Any, before: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a rule beside those before it, if anything."""
    if value is None:
        return None
    # One that is wrong itself is not among those before, and is named.
    if before.get("write") == "server" and value != "off":
        return 'is about scores of players, and with write = "server" there are none: leave it out'
    run = before.get("run", "required")
    match name:
        case "min_time" | "pace" if run == "off":
            return 'is measured from the beginning of a run: set run = "required" (or "optional")'
        case "min_time" if value >= before.get("max_time", value + 1):
            return "must be shorter than max_time: else no run could be submitted"
        case "attempts" if run != "required":
            return 'counts runs, so each score must have one: set run = "required"'
        case "submits" if value.every is None:
            return 'must be for a stretch of time, as in "30/1m": for a season there is attempts'
        case "on_doubt" if value == "hold" and all(
            before.get(one, 1) is None for one in ("min_time", "pace")
        ):
            return '"hold" needs min_time or pace: nothing else is a doubt'
    return None


def describe(milliseconds: int) -> str:
    """Return a duration for people, in the greatest unit that it is a whole number of."""
    for unit, name in ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")):
        if milliseconds % unit == 0:
            count = milliseconds // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{milliseconds} milliseconds"
