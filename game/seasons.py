"""Seasons: the stretches of time that a board counts for, as a pure function of the catalogue and the clock.

No job begins or ends a season, so none can be missed: the number of the season is part of the key of every
row, and a row of an earlier season is simply not read any more.

    number   1, 2, 3, … from `start` on; all the time before it is season 0, which has no prizes
    state    open   -> counts
             review -> from its end until prizes may be claimed: grace, then review
             closed -> read-only, for `keep` further seasons; then it is as if it had never been

**Length.** `s`, `m`, `h` and `d` are of fixed length: a day has 24 hours. Where there is daylight saving, a
season of "7d" that began at midnight in winter begins at one in summer, and none is longer than another.
`mo` are months of the calendar in `tz`: they begin at the same time of the day by the clock on the wall,
whatever its offset. A month that lacks the day (the 31st) begins on its last day, and the next one on the
31st again. A time of day that the clock leaves out is taken by the offset before (02:30 is then 03:30); of
one that comes twice it is the first.

**A new length from some season on.** `every` may be a list, each part with the season that it begins `from`.
So past boundaries stay what they were. An edit that would move one is refused: see `game.board_rules`.
"""

import re
from bisect import bisect_right
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    field_validator,
    model_serializer,
    model_validator,
)

from game.durations import LIMIT_MS, Duration, to_ms
from game.model import Model
from game.scoring import TIME_LIMIT

DAY_MS = 24 * 60 * 60 * 1000
MARGIN_MS = 90 * DAY_MS
"""How much longer rows are kept than they can be read: so an edit may have seasons kept for longer."""
KEEP_LIMIT = 1000
"""Past seasons that can be read, at most."""

State = Literal["open", "review", "closed"]

_MONTHS = re.compile(r"([1-9][0-9]?|1[01][0-9]|120)mo")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*)*")


class Moment(NamedTuple):
    """What a frame says of the time when it was made.

    now: the server's clock, in milliseconds since the epoch. spread: the seconds within which clients that
    have a reason to ask at the same moment should ask.
    """

    now: int
    spread: int


class SeasonTimes(NamedTuple):
    """When a season ends, and when its rows may be deleted, in milliseconds since the epoch."""

    ends_at: int
    deleted_at: int


class Months(NamedTuple):
    """A length in months of the calendar."""

    months: int


def _read_length(value: Any) -> Months | int:
    if isinstance(value, str) and (months := _MONTHS.fullmatch(value)):
        return Months(int(months[1]))
    try:
        length = to_ms(value)
    except (TypeError, ValueError):
        raise ValueError(
            'must be a text like "7d" (s, m, h, d), or "1mo" for months of the calendar'
        ) from None
    if length > LIMIT_MS:
        raise ValueError(f"must be at most {LIMIT_MS // DAY_MS} days")
    return length


Length = Annotated[Months | int, PlainValidator(_read_length)]
"""The length of a season: months, or milliseconds."""


class Stretch(Model):
    """Seasons of one length, from a season on."""

    from_: Annotated[int, Field(alias="from", ge=1, strict=True)]
    every: Length


def _to_stretches(value: Any) -> Any:
    # Read here, a wrong one is named by the designer's key.
    return value if isinstance(value, list) else [Stretch.model_construct(from_=1, every=_read_length(value))]


def _check_zone(name: str) -> str:
    try:
        _zone(name)
    except (OSError, ValueError) as error:
        raise ValueError(f"there is no time zone {name!r}; write one like Europe/Berlin, or UTC") from error
    return name


class _Part(NamedTuple):
    """A stretch, and when its first season begins."""

    first: int
    starts_at: int
    every: Months | int


class Seasons(Model, validate_by_name=False):
    """Seasons, one after the other, as a designer defines them. Times are in milliseconds.

    start: when season 1 begins. every: how long seasons are. tz: the calendar that months are of.
    grace: how much later a run may be submitted that was begun in time. review: how long prizes wait after
    that. keep: past seasons that can be read; rows of older ones expire.
    """

    start: datetime
    every: Annotated[tuple[Stretch, ...], BeforeValidator(_to_stretches), Field(min_length=1, max_length=100)]
    tz: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    grace: Duration = 0
    review: Duration = 0
    keep: Annotated[int, Field(ge=1, le=KEEP_LIMIT, strict=True)] = 26

    @model_serializer
    def _write(self) -> dict[str, Any]:
        """Return the definition as a designer writes it, so that it can be read again."""
        every = [{"from": one.from_, "every": _text(one.every)} for one in self.every]
        lengths = {"grace": self.grace, "review": self.review}
        return {
            "start": self.start.isoformat(),
            "every": every,
            "tz": self.tz,
            **{name: _text(length) for name, length in lengths.items() if length},
            "keep": self.keep,
        }

    @field_validator("start", mode="before")
    @classmethod
    def _read_start(cls, start: Any) -> Any:
        if not isinstance(start, str | datetime):
            raise ValueError("must be a date, a time and its offset, as in 2026-01-05T00:00:00Z")
        return start

    @field_validator("start")
    @classmethod
    def _check_start(cls, start: datetime) -> datetime:
        if start.tzinfo is None:
            raise ValueError("must say its offset, as in 2026-01-05T00:00:00Z")
        if not 0 <= _to_ms(start) < TIME_LIMIT:
            raise ValueError("must be after 1970")
        return start

    @model_validator(mode="after")
    def _check(self) -> Self:
        numbers = [stretch.from_ for stretch in self.every]
        if numbers[0] != 1 or any(one >= other for one, other in pairwise(numbers)):
            raise ValueError(f"every: the parts must begin from season 1, and then later ones, not {numbers}")
        shortest = min(_least_ms(stretch.every) for stretch in self.every)
        if self.grace >= shortest:
            raise ValueError("grace: must be shorter than a season")
        if self.grace + self.review >= self.keep * shortest:
            raise ValueError(
                f"review: grace and review must be over before the rows expire, {self.keep} seasons later:"
                " keep more, or review for less"
            )
        return self

    def number_at(self, now: int) -> int:
        """Return the season that is open at a time; 0 before the first one."""
        index = bisect_right(self._parts, now, key=lambda part: part.starts_at) - 1
        if index < 0:
            return 0
        part = self._parts[index]
        if isinstance(part.every, int):
            return part.first + (now - part.starts_at) // part.every
        # Never too late: a month has 31 days and the hour of a clock that is set back, at most.
        guess = (now - part.starts_at) // (part.every.months * 31 * DAY_MS) - 1
        number = part.first + max(0, guess)
        while self.starts_at(number + 1) <= now:
            number += 1
        return number

    def starts_at(self, number: int) -> int:
        """Return when a season begins: 0 for what comes before the first."""
        if number < 1:
            return 0
        part = self._parts[bisect_right(self._parts, number, key=lambda part: part.first) - 1]
        return min(self._nth(part, number - part.first), TIME_LIMIT - 1)

    def tell_start(self, number: int) -> str:
        """Return when a season begins, for people: 2026-01-05T00:00:00+00:00."""
        return datetime.fromtimestamp(self.starts_at(number) / 1000, UTC).isoformat()

    def ends_at(self, number: int) -> int:
        """Return when a season ends, and the next one begins."""
        return self.starts_at(number + 1)

    def closes_to_runs_at(self, number: int) -> int:
        """Return until when a run that was begun in a season may be submitted for it."""
        return self.ends_at(number) + self.grace

    def claimable_at(self, number: int) -> int:
        """Return when the prizes of a season may be claimed."""
        return self.closes_to_runs_at(number) + self.review

    def expires_at(self, number: int) -> int:
        """Return when a season can be read no longer, and its prizes are gone."""
        return self.ends_at(max(number, 0) + self.keep)

    def times(self, number: int) -> SeasonTimes:
        """Return when a season ends, and when its rows may be deleted."""
        # A row with a time beyond the limit could not be read.
        return SeasonTimes(self.ends_at(number), min(self.expires_at(number) + MARGIN_MS, TIME_LIMIT - 1))

    def outlives(self, other: "Seasons", now: int) -> bool:
        """Return whether a season that can be read is kept for longer than rows of the other definition."""
        begun = (number for number in self.readable(now) if number >= 1)
        return any(self.expires_at(number) > other.times(number).deleted_at for number in begun)

    def state(self, number: int, now: int) -> State:
        """Return the state of a season that has begun."""
        if now < self.ends_at(number):
            return "open"
        return "review" if now < self.claimable_at(number) else "closed"

    def readable(self, now: int) -> range:
        """Return the seasons that can be read: the open one, and those that are kept. Season 0 only alone."""
        current = self.number_at(now)
        return range(max(current - self.keep, min(current, 1)), current + 1)

    def counts_for(self, started_at: int | None, now: int) -> int | None:
        """Return the season that a score counts for which is received now; None where its season is over.

        started_at: when its run began, if it has one.
        """
        current = self.number_at(now)
        if started_at is None:
            return current
        begun = min(self.number_at(started_at), current)
        return begun if begun == current or now < self.closes_to_runs_at(begun) else None

    def keeps_past_of(self, other: "Seasons", now: int) -> bool:
        """Return whether the seasons that can be read have begun when the other definition says."""
        begun = range(min(self.readable(now)[0], other.readable(now)[0]), self.number_at(now) + 1)
        return self.number_at(now) == other.number_at(now) and all(
            self.starts_at(number) == other.starts_at(number) for number in begun
        )

    @cached_property
    def _parts(self) -> tuple[_Part, ...]:
        parts = [_Part(1, _to_ms(self.start), _value(self.every[0]))]
        for stretch in self.every[1:]:
            before = parts[-1]
            starts_at = min(self._nth(before, stretch.from_ - before.first), TIME_LIMIT - 1)
            parts.append(_Part(stretch.from_, starts_at, _value(stretch)))
        return tuple(parts)

    def _nth(self, part: _Part, count: int) -> int:
        if isinstance(part.every, int) or count == 0:
            return part.starts_at + count * (part.every if isinstance(part.every, int) else 0)
        zone = _zone(self.tz)
        begin = datetime.fromtimestamp(part.starts_at / 1000, UTC).astimezone(zone)
        month = begin.month - 1 + count * part.every.months
        year, month = begin.year + month // 12, month % 12 + 1
        if year > MAXYEAR - 1:
            return TIME_LIMIT - 1
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        day = min(begin.day, last.day)
        # A time that the clock leaves out is taken by the offset before, one that comes twice is the first.
        return _to_ms(begin.replace(year=year, month=month, day=day, fold=0))


def _text(length: Months | int) -> str:
    return f"{length // 1000}s" if isinstance(length, int) else f"{length.months}mo"


def _value(stretch: Stretch) -> Months | int:
    return stretch.every


def _least_ms(every: Months | int) -> int:
    return every if isinstance(every, int) else every.months * 28 * DAY_MS


def _to_ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@cache
def _zone(name: str) -> ZoneInfo:
    # From the package, so that a laptop and AWS go by the same rules: a Lambda function's system has none.
    if not _ZONE.fullmatch(name):
        raise ValueError(name)
    with (Path(tzdata.__file__).parent / "zoneinfo" / name).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
