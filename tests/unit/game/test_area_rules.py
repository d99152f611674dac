"""The rules under which a score is believed: how a designer writes them, and what they decide."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.area_rules import Allowance, AreaRules, Window
from game.catalogue import Catalogue, CatalogueError, load_catalogue
from game.public_catalogue import publish
from game.seasons import Seasons
from tests.support.catalogues import edited

HOUR = 3_600_000
GAUNTLET = '[areas.gauntlet]\ntitle = "G"\norder = "desc"\nmin = 0\nmax = 1000\ntop = 5\n'
SPRINT = GAUNTLET.replace("gauntlet", "sprint").replace("desc", "asc")
LEVELS = GAUNTLET.replace("areas.gauntlet", "series.level").replace('"G"', '"G {n}"') + "count = 3\n"
WEEKLY = '[seasons.weekly]\nstart = 2026-01-05T00:00:00Z\nevery = "7d"\n'
MONTHLY = WEEKLY.replace("weekly", "monthly").replace("7d", "1mo")
WEEK = '[boards.week]\ntitle = "W"\nareas = ["gauntlet"]\ntop = 5\nseason = "weekly"\n'
MONTH = WEEK.replace("boards.week", "boards.month").replace("weekly", "monthly")


def load(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(text, encoding="utf-8")
    return load_catalogue(path)


def gauntlet(rules: str, more: str = "") -> str:
    return f"{GAUNTLET}[areas.gauntlet.rules]\n{rules}\n{more}"


def test_rules_of_the_contract_load(tmp_path: Path) -> None:
    rules = """
        write = "player"
        run = "required"
        min_time = "20s"
        max_time = "2h"
        pace = 150
        attempts = "3/season"
        submits = "30/1m"
        on_doubt = "hold"
    """
    catalogue = load(tmp_path, gauntlet(rules, WEEKLY + WEEK))
    assert catalogue.areas["gauntlet"].rules == AreaRules.model_construct(
        write="player",
        run="required",
        max_time=2 * HOUR,
        min_time=20_000,
        pace=150,
        attempts=Allowance(3, None),
        submits=Allowance(30, 60_000),
        on_doubt="hold",
    )


def test_rules_survive_an_edit_of_something_else(tmp_path: Path) -> None:
    catalogue = load(tmp_path, gauntlet('run = "required"\nmin_time = "90s"\nattempts = "3/1d"'))
    assert edited(catalogue).areas == catalogue.areas


def test_area_without_rules_has_none(tmp_path: Path) -> None:
    rules = load(tmp_path, GAUNTLET).areas["gauntlet"].rules
    assert (rules.write, rules.run, rules.max_time) == ("player", "off", 2 * HOUR)
    assert rules.doubt(1000, 0) is None


def test_series_has_rules_in_each_area(tmp_path: Path) -> None:
    catalogue = load(tmp_path, LEVELS + '[series.level.rules]\nrun = "optional"\n')
    assert {area.rules.run for area in catalogue.areas.values()} == {"optional"}
    assert catalogue.rule_key("level-2", "run") == "series.level.rules.run"
    assert catalogue.rule_key("gone-by", "run") == "areas.gone-by.rules.run"


@pytest.mark.parametrize(
    ("rules", "key", "reason"),
    [
        ('run = "maybe"', "run", "'required'"),
        ('run = "required"\nmin_time = 20', "min_time", "must be a text"),
        ('run = "required"\nmin_time = "20 s"', "min_time", "must be a number and a unit"),
        ('run = "required"\nmin_time = "2h"', "min_time", "shorter than max_time"),
        ('run = "required"\nmin_time = "1m"\nmax_time = "60s"', "min_time", "shorter than max_time"),
        ('min_time = "20s"', "min_time", "the beginning of a run"),
        ("pace = 5", "pace", "the beginning of a run"),
        ('run = "required"\npace = 0', "pace", "greater than 0"),
        ('run = "required"\npace = "5"', "pace", "number"),
        ('attempts = "3/1d"', "attempts", 'run = "required"'),
        ('run = "optional"\nattempts = "3/1d"', "attempts", 'run = "required"'),
        ('run = "required"\nattempts = "3/season"', "attempts", "one kind of seasons, and these are of none"),
        ('run = "required"\nattempts = "3/year"', "attempts", "must be a number and a unit"),
        ('run = "required"\nattempts = "0/1d"', "attempts", "must be a number and a stretch of time"),
        ('run = "required"\nattempts = 3', "attempts", "must be a number and a stretch of time"),
        ('submits = "9999999/1d"', "submits", "at most 1000000"),
        ('submits = "30/season"', "submits", "must be for a stretch of time"),
        ('on_doubt = "hold"', "on_doubt", "needs min_time or pace"),
        ('run = "required"\non_doubt = "hold"', "on_doubt", "needs min_time or pace"),
        ('write = "server"\nrun = "required"', "run", 'with write = "server"'),
        ('write = "server"\nsubmits = "3/1d"', "submits", 'with write = "server"'),
        ('write = "server"\nmin_time = "3s"', "min_time", 'with write = "server"'),
        ("maxTime = 3", "maxTime", "Extra inputs"),
    ],
)
def test_rule_that_makes_no_sense_is_refused_by_its_key(
    tmp_path: Path, rules: str, key: str, reason: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(tmp_path, gauntlet(rules))
    assert f"areas.gauntlet.rules.{key}: " in str(caught.value)
    assert reason in str(caught.value)
    assert ";" not in str(caught.value)


def test_pace_where_fewer_points_are_better_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"areas\.sprint\.rules: pace: .*fewer are better"):
        load(tmp_path, SPRINT + '[areas.sprint.rules]\nrun = "required"\npace = 5\n')


def test_attempts_of_a_season_that_is_not_one_are_refused_by_name(tmp_path: Path) -> None:
    rules = 'run = "required"\nattempts = "3/season"'
    load(tmp_path, gauntlet(rules, WEEKLY + WEEK))
    with pytest.raises(CatalogueError, match=r"areas\.gauntlet\.rules\.attempts: .* of monthly, weekly$"):
        load(tmp_path, gauntlet(rules, WEEKLY + WEEK + MONTHLY + MONTH))
    level = f"{LEVELS}[series.level.rules]\n{rules}\n{WEEKLY}{WEEK.replace('gauntlet', 'level-1')}"
    with pytest.raises(CatalogueError, match=r": series\.level\.rules\.attempts: .* of none$"):
        load(tmp_path, level)


def test_catalogue_shows_what_clients_need_and_not_how_far_a_cheat_may_go(tmp_path: Path) -> None:
    rules = 'run = "required"\nmin_time = "20s"\npace = 7\nattempts = "3/season"\nsubmits = "30/1m"'
    catalogue = load(tmp_path, gauntlet(rules, WEEKLY + WEEK) + SPRINT)
    text = publish(catalogue).text
    assert (
        '"rules":{"write":"player","run":"required","maxTime":7200000,"attempts":{"count":3,"every":"season"},'
        '"submits":{"count":30,"every":60000}}' in text
    )
    assert text.count('"rules"') == 1
    assert "pace" not in text
    assert "minTime" not in text


RULES = AreaRules.model_validate({"run": "required", "min_time": "20s", "pace": 1.5})


@pytest.mark.parametrize(
    ("points", "elapsed", "doubt"),
    [
        (0, 19_999, "min_time"),
        (0, -5, "min_time"),
        (30, 20_000, None),
        (31, 20_000, "pace"),
        (31, 20_666, "pace"),
        (31, 20_667, None),
    ],
)
def test_run_that_is_too_fast_or_has_too_many_points_is_in_doubt(
    points: int, elapsed: int, doubt: str | None
) -> None:
    assert RULES.doubt(points, elapsed) == doubt


@given(points=st.integers(-(10**15), 10**15), elapsed=st.integers(-HOUR, HOUR))
def test_run_in_no_doubt_lasted_and_kept_to_the_pace(points: int, elapsed: int) -> None:
    if RULES.doubt(points, elapsed) is None:
        assert elapsed >= 20_000
        assert points <= 1.5 * elapsed / 1000


@given(now=st.integers(0, 10**13), every=st.integers(1, 86_400).map(lambda seconds: seconds * 1000))
def test_window_contains_its_moment_and_is_followed_by_the_next(now: int, every: int) -> None:
    allowance = Allowance(3, every)
    window = allowance.window(now)
    assert window.ends_at - every <= now < window.ends_at
    assert allowance.window(window.ends_at - 1) == window
    assert allowance.window(window.ends_at).ends_at == window.ends_at + every


def test_window_of_another_length_that_begins_alike_is_another() -> None:
    assert Allowance(3, HOUR).window(0).name != Allowance(3, 2 * HOUR).window(0).name


def test_window_of_a_season_ends_with_it() -> None:
    weekly = Seasons.model_validate({"start": "2026-01-05T00:00:00Z", "every": "7d", "grace": "10m"})
    window = Allowance(3, None).window(0, (weekly, 4))
    assert window == Window(f"season@{weekly.starts_at(4)}", weekly.ends_at(4), weekly.ends_at(4) + 600_000)
