"""Seasons as a pure function of definition and clock."""

import tomllib
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from game.scoring import TIME_LIMIT
from game.seasons import Seasons

START = "start = 2026-01-05T00:00:00Z\n"
WEEK_MS = 7 * 24 * 3600 * 1000


def seasons(toml: str) -> Seasons:
    """Return the seasons that a designer's lines define."""
    return Seasons.model_validate(tomllib.loads(toml))


def ms(text: str) -> int:
    """Return a moment in milliseconds since the epoch."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


definitions = st.sampled_from(
    [
        START + 'every = "7d"',
        START + 'every = "15s"',
        'start = 2026-01-31T02:30:00+01:00\nevery = "1mo"\ntz = "Europe/Berlin"',
        'start = 2026-10-01T00:00:00+02:00\nevery = "1mo"\ntz = "Europe/Berlin"',
        'start = 2026-10-25T02:30:00+01:00\nevery = "1mo"\ntz = "Europe/Berlin"',
        'start = 2000-02-29T23:59:59Z\nevery = "12mo"\ntz = "America/New_York"',
        START + 'every = [{from = 1, every = "7d"}, {from = 27, every = "1mo"}]\ntz = "Australia/Lord_Howe"',
        START + 'every = [{from = 1, every = "1mo"}, {from = 3, every = "1d"}, {from = 9, every = "2mo"}]',
    ]
).map(seasons)


@given(definitions, st.integers(0, ms("2199-01-01T00:00:00Z")))
def test_every_moment_is_in_exactly_one_season(definition: Seasons, now: int) -> None:
    number = definition.number_at(now)
    assert definition.starts_at(number) <= now < definition.ends_at(number)
    assert definition.state(number, now) == "open"


@given(definitions, st.integers(1, 5000))
def test_season_begins_where_the_one_before_ends(definition: Seasons, number: int) -> None:
    begin = definition.starts_at(number)
    assert definition.ends_at(number - 1) == begin < definition.ends_at(number)
    assert definition.number_at(begin) == number
    assert definition.number_at(begin - 1) == number - 1


@pytest.mark.parametrize(
    ("number", "begin"),
    [
        (1, "2026-01-31T02:30:00+01:00"),
        (2, "2026-02-28T02:30:00+01:00"),  # February has no 31st
        (3, "2026-03-31T02:30:00+02:00"),
        (4, "2026-04-30T02:30:00+02:00"),
        (13, "2027-01-31T02:30:00+01:00"),
    ],
)
def test_month_begins_by_the_clock_on_the_wall(number: int, begin: str) -> None:
    berlin = seasons('start = 2026-01-31T02:30:00+01:00\nevery = "1mo"\ntz = "Europe/Berlin"')
    assert berlin.starts_at(number) == ms(begin)


def test_time_that_the_clock_leaves_out_comes_by_the_offset_before() -> None:
    # On 29 March 2026, 02:30 does not exist in Berlin: the clock goes from 02:00 to 03:00.
    berlin = seasons('start = 2026-01-29T02:30:00+01:00\nevery = "1mo"\ntz = "Europe/Berlin"')
    assert berlin.starts_at(3) == ms("2026-03-29T03:30:00+02:00")
    assert berlin.starts_at(4) == ms("2026-04-29T02:30:00+02:00")


def test_time_that_comes_twice_is_the_first() -> None:
    berlin = seasons('start = 2026-09-25T02:30:00+02:00\nevery = "1mo"\ntz = "Europe/Berlin"')
    assert berlin.starts_at(2) == ms("2026-10-25T02:30:00+02:00")


def test_month_in_which_the_clock_is_set_back_is_an_hour_longer() -> None:
    berlin = seasons('start = 2026-10-01T00:00:00+02:00\nevery = "1mo"\ntz = "Europe/Berlin"')
    assert berlin.ends_at(1) == ms("2026-11-01T00:00:00+01:00")
    assert berlin.number_at(ms("2026-10-31T22:59:59Z")) == 1


def test_first_season_begins_when_the_designer_says() -> None:
    berlin = seasons('start = 2026-10-25T02:30:00+01:00\nevery = "1mo"\ntz = "Europe/Berlin"')
    assert berlin.starts_at(1) == ms("2026-10-25T02:30:00+01:00"), "the second of two"


def test_days_have_24_hours_in_summer_and_winter() -> None:
    berlin = seasons('start = 2026-03-28T00:00:00+01:00\nevery = "1d"\ntz = "Europe/Berlin"')
    assert berlin.starts_at(3) == ms("2026-03-30T01:00:00+02:00")


def test_new_length_begins_where_the_old_one_ends() -> None:
    mixed = seasons(START + 'every = [{from = 1, every = "7d"}, {from = 27, every = "1mo"}]')
    assert mixed.starts_at(27) == ms("2026-07-06T00:00:00Z")
    assert mixed.starts_at(28) == ms("2026-08-06T00:00:00Z")


def test_before_the_first_season_is_season_0() -> None:
    weekly = seasons(START + 'every = "7d"')
    assert weekly.number_at(ms("2026-01-04T23:59:59Z")) == 0
    assert (weekly.starts_at(0), weekly.ends_at(0)) == (0, weekly.starts_at(1))
    assert weekly.readable(0) == range(1)


def test_season_is_reviewed_then_closed_then_unreadable() -> None:
    weekly = seasons(START + 'every = "7d"\ngrace = "10m"\nreview = "24h"\nkeep = 2')
    end = weekly.ends_at(1)
    assert weekly.state(1, end - 1) == "open"
    assert weekly.state(1, end) == "review"
    assert weekly.state(1, weekly.claimable_at(1)) == "closed"
    assert weekly.claimable_at(1) == end + 600_000 + 86_400_000
    assert weekly.readable(end + 2 * WEEK_MS - 1) == range(1, 4)
    assert weekly.expires_at(1) == end + 2 * WEEK_MS
    assert weekly.readable(end + 2 * WEEK_MS) == range(2, 5)


@given(definitions, st.integers(0, 4000 * 10**9))
def test_season_is_readable_until_it_expires(definition: Seasons, now: int) -> None:
    readable = definition.readable(now)
    assert all(definition.expires_at(number) > now for number in readable if number)
    assert definition.expires_at(readable[0] - 1) <= now or readable[0] <= 1


def test_run_counts_for_the_season_it_began_in_while_there_is_grace() -> None:
    weekly = seasons(START + 'every = "7d"\ngrace = "10m"')
    end = weekly.ends_at(1)
    assert weekly.counts_for(None, end) == 2
    assert weekly.counts_for(end - 1, end - 1) == 1
    assert weekly.counts_for(end - 1, end + 599_999) == 1
    assert weekly.counts_for(end - 1, end + 600_000) is None
    assert weekly.counts_for(end, end + 600_000) == 2


@pytest.mark.parametrize(
    ("edit", "same"),
    [
        ('every = "7d"', True),
        ('every = "7d"\nkeep = 5\ngrace = "1m"', True),
        ('every = "8d"', False),
        ('every = [{from = 1, every = "7d"}, {from = 60, every = "1mo"}]', True),
        ('every = [{from = 1, every = "7d"}, {from = 10, every = "1mo"}]', False),
        ('every = [{from = 1, every = "7d"}, {from = 11, every = "1mo"}]', True),  # of the open one, the end
    ],
)
def test_edit_may_change_what_is_to_come(edit: str, *, same: bool) -> None:
    weekly, edited = seasons(START + 'every = "7d"'), seasons(START + edit)
    now = weekly.starts_at(11) + 1
    assert edited.keeps_past_of(weekly, now) is same
    assert weekly.keeps_past_of(edited, now) is same


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('every = "7x"', "every"),
        ("every = 7", "every"),
        ('every = "0d"', "every"),
        ('every = "7d"\ntz = "Mars/Base"', "tz"),
        ('every = "7d"\ntz = "../secret"', "tz"),
        ('every = "5s"\ngrace = "5s"', "grace: must be shorter"),
        ('every = "5s"\nreview = "1h"', "review: grace and review"),
        ('every = [{from = 2, every = "1d"}]', "from season 1"),
        ('every = [{from = 1, every = "1d"}, {from = 1, every = "2d"}]', "every"),
        ('every = "7d"\nkeep = 0', "keep"),
    ],
)
def test_mistake_is_named(line: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        seasons(START + line)


@pytest.mark.parametrize("start", ["5", "1e9", "true", "00:00:00", "2026-01-05"])
def test_start_that_is_a_number_or_half_a_time_is_refused(start: str) -> None:
    with pytest.raises(ValidationError, match=r"start\n.*2026-01-05T00:00:00Z"):
        seasons(f'start = {start}\nevery = "7d"')


@pytest.mark.parametrize("every", ['"3661d"', '"999999999d"', '[{from = 1, every = "87841h"}]'])
def test_season_of_more_than_ten_years_is_refused(every: str) -> None:
    with pytest.raises(ValidationError, match="must be at most 3660 days"):
        seasons(f"{START}every = {every}")
    assert seasons(START + 'every = "3660d"').number_at(ms("2036-01-01T00:00:00Z")) == 1


def test_rows_of_the_longest_seasons_carry_a_time_that_can_be_read() -> None:
    assert seasons(START + 'every = "120mo"\nkeep = 1000').times(1).deleted_at < TIME_LIMIT


@pytest.mark.parametrize("start", ["2026-01-05T00:00:00", "1969-01-05T00:00:00Z"])
def test_start_says_its_offset_and_is_after_1970(start: str) -> None:
    with pytest.raises(ValidationError, match="start"):
        seasons(f'start = {start}\nevery = "7d"')
