"""Options and the target that they name: every one within its bounds, every error by name."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.catalogue import load_catalogue
from loadtest.errors import LoadTestError
from loadtest.options import Options, add_options, read_options
from loadtest.own_backend import running, shorten
from loadtest.rest import Rest
from loadtest.target import check_seasons, choose_ground, read_target
from tests.support.catalogues import edited
from tests.support.seasons import with_seasons
from tests.unit.loadtest.stand_in import CATALOGUE, StandIn

SEASONAL = with_seasons(0)
COINS = {"name": "coins", "order": "asc", "min": 0, "max": 9}


def options(*arguments: str) -> Options:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return read_options(parser.parse_args(arguments))


def test_defaults_are_what_the_help_says() -> None:
    assert options() == Options()
    parser = argparse.ArgumentParser()
    add_options(parser)
    for name, field in Options.model_fields.items():
        assert f"--{name.replace('_', '-')}" in parser.format_help()
        assert field.description


def test_options_are_taken_as_typed() -> None:
    chosen = options("--boards", "forest, global", "--keep-players", "--out", "r", "--rate", "0.5")
    assert (chosen.boards, chosen.keep_players, chosen.allow_remote) == (("forest", "global"), True, False)
    assert (chosen.out, chosen.rate) == (Path("r"), 0.5)
    assert options("--boards", "2").boards == 2
    chosen = options("--season", "30s")
    assert chosen.season == 30_000
    assert Options.model_validate_json(chosen.model_dump_json()) == chosen


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--players", "many", "--rate", "nan"), ["--players: ", "--rate: "]),
        (("--ramp", "120"), ["--ramp (120) must be below --duration (120)"]),
        (("--boards", "0"), ["--boards: "]),
        (("--season", "soon"), ["--season: ", "30s"]),
        (("--season", "3s"), ["--season (3s) must be from 4s to below --duration (120 seconds)"]),
        (("--season", "2m"), ["--season (120s) must be from 4s"]),
        (("--boards", ",".join("x" * 33)), ["--boards: "]),
    ],
)
def test_option_out_of_bounds_is_refused_by_name(arguments: tuple[str, ...], named: list[str]) -> None:
    with pytest.raises(LoadTestError) as refused:
        options(*arguments)
    assert all(name in str(refused.value) for name in named)


async def test_target_is_read_from_its_address_or_a_file(stand_in: StandIn, tmp_path: Path) -> None:
    content = stand_in.config().model_dump_json(by_alias=True)
    # What this version does not know of is no reason to refuse.
    file = tmp_path / "client-config.json"
    file.write_text(json.dumps(json.loads(content) | {"new": 1}))
    assert await read_target(Options(target=str(file))) == stand_in.config()
    stand_in.failures["GET /client-config.json"].append((200, content))
    address = f"{stand_in.url}/client-config.json"
    assert await read_target(Options(target=address)) == stand_in.config()


async def test_target_that_does_not_answer_is_refused_with_advice() -> None:
    with pytest.raises(LoadTestError) as refused:
        await read_target(Options(target="http://127.0.0.1:1/client-config.json"))
    assert "No backend answers at http://127.0.0.1:1/client-config.json" in str(refused.value)
    assert "--target" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "restUrl"),
        ("<html>", "the whole"),
        (None, "--target"),
    ],
)
async def test_malformed_configuration_is_refused(content: str | None, told: str, tmp_path: Path) -> None:
    file = tmp_path / "client-config.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(LoadTestError) as refused:
        await read_target(Options(target=str(file)))
    assert told in str(refused.value)
    assert "client-config.json" in str(refused.value)


@pytest.mark.parametrize("field", ["rest_url", "web_socket_url", "cognito_endpoint"])
async def test_target_elsewhere_is_refused_by_name_unless_it_is_allowed(
    field: str, stand_in: StandIn, tmp_path: Path
) -> None:
    # An address that no host has: https://datatracker.ietf.org/doc/html/rfc5737
    elsewhere = stand_in.config().model_copy(update={field: "https://192.0.2.7/prod"})
    file = tmp_path / "client-config.json"
    file.write_text(elsewhere.model_dump_json(by_alias=True))
    with pytest.raises(LoadTestError, match=r"^192\.0\.2\.7 is not this machine.*--allow-remote"):
        await read_target(Options(target=str(file)))
    assert await read_target(Options(target=str(file), allow_remote=True)) == elsewhere


async def test_target_elsewhere_is_refused_before_it_is_asked_for_a_configuration() -> None:
    with pytest.raises(LoadTestError, match=r"^192\.0\.2\.7 is not this machine"):
        await read_target(Options(target="http://192.0.2.7/client-config.json"))


@pytest.mark.parametrize(
    ("boards", "watched", "scored"),
    [
        (None, [*CATALOGUE.boards], [*CATALOGUE.areas]),
        (2, ["forest", "desert"], ["forest", "desert"]),
        (("sprint", "sprint"), ["sprint"], ["sprint"]),
        (("global",), ["global"], ["forest", "desert"]),
        (("global", "sprint"), ["global", "sprint"], ["sprint"]),
    ],
)
async def test_boards_are_watched_and_their_areas_played(
    boards: int | tuple[str, ...] | None, watched: list[str], scored: list[str], stand_in: StandIn
) -> None:
    ground = choose_ground(Options(boards=boards), stand_in.config())
    assert list(ground.boards) == watched
    assert list(ground.areas) == scored
    assert all(ground.boards[name] == CATALOGUE.boards[name].order for name in watched)


async def test_unknown_board_is_refused_with_those_there_are(stand_in: StandIn) -> None:
    with pytest.raises(LoadTestError, match="there is no swamp; the target has desert, forest, "):
        choose_ground(Options(boards=("swamp", "forest")), stand_in.config())


async def test_area_that_the_catalogue_does_not_have_is_refused(stand_in: StandIn, tmp_path: Path) -> None:
    config = stand_in.config()
    swamp = config.boards[0].model_copy(update={"id": "swamp", "areas": ("swamp",)})
    config = config.model_copy(update={"boards": (swamp,)})
    with pytest.raises(LoadTestError, match="does not say what a score is in swamp"):
        choose_ground(Options(), config)
    with pytest.raises(LoadTestError, match="no-catalogue"):
        choose_ground(Options(catalogue=tmp_path / "no-catalogue"), config)


@pytest.mark.parametrize("edit", [{"keep": "sum"}, {"keep": "latest"}, {"tiebreak": COINS}])
async def test_area_whose_scores_cannot_be_foretold_is_refused(
    edit: dict[str, object], stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = edited(CATALOGUE, areas={"desert": edit})
    monkeypatch.setattr("loadtest.target.load_catalogue", lambda _: changed)
    assert list(choose_ground(Options(boards=("forest",)), stand_in.config()).areas) == ["forest"]
    with pytest.raises(LoadTestError, match="not in desert; name other boards"):
        choose_ground(Options(), stand_in.config())


async def test_area_that_players_may_not_write_is_refused(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = edited(CATALOGUE, areas={"desert": {"rules": {"write": "server"}}})
    monkeypatch.setattr("loadtest.target.load_catalogue", lambda _: changed)
    with pytest.raises(LoadTestError, match="not in desert; name other boards"):
        choose_ground(Options(), stand_in.config())


async def test_target_without_such_seasons_is_refused(
    stand_in: StandIn, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtest.target.load_catalogue", lambda _: SEASONAL)
    config = stand_in.config()
    week = config.boards[0].model_copy(update={"id": "week", "areas": ("forest",), "season": "short"})
    config = config.model_copy(update={"boards": (*config.boards, week)})
    rest = Rest(http, stand_in.url)
    stand_in.seasons["week"] = 3  # of a second each
    asked = Options.model_validate({"season": "5s"})
    with pytest.raises(LoadTestError, match=r"no board of the target has seasons of 5 seconds.*1 second"):
        await check_seasons(asked, choose_ground(asked, config), rest)
    chosen = Options.model_validate({"season": "5s", "boards": ["sprint"]})
    ground = choose_ground(chosen, config)
    with pytest.raises(LoadTestError, match="none of the --boards has any"):
        await check_seasons(chosen, ground, rest)
    matching = asked.model_copy(update={"season": 1000})
    await check_seasons(matching, choose_ground(matching, config), rest)
    await check_seasons(Options(), choose_ground(Options(), config), rest)


def test_catalogue_with_short_seasons_is_the_same_otherwise(tmp_path: Path) -> None:
    text = dedent("""
        [seasons.monthly]
        start = 2026-01-01T00:00:00+01:00
        tz = "Europe/Berlin"
        every = [
            {from = 1, every = "7d"},
            {from = 27, every = "1mo"},
        ]  # not this
        [areas.forest]
        title = "Forest"
        order = "desc"
        min = 0
        max = 9
        top = 3
        [seasons.daily]
        start = 2026-01-01T00:00:00Z
        every = "1d"
        [boards.month]
        title = "Month"
        areas = [
          "forest",
        ]
        top = 3
        season = "monthly"
        [[boards.month.prizes]]
        ranks = [1, 1]
        money = 5
    """)
    before, after = tmp_path / "before.toml", tmp_path / "after.toml"
    before.write_text(text)
    begin = datetime(2026, 11, 28, 18, 0, 7, 999, UTC)
    after.write_text(shorten(text, load_catalogue(before).seasons, 30_000, begin))
    changed = load_catalogue(after)
    assert changed.seasons.keys() == {"monthly", "daily"}
    for seasons in changed.seasons.values():
        start = round(begin.timestamp()) * 1000
        assert [seasons.starts_at(number) - start for number in (1, 2, 3)] == [0, 30_000, 60_000]
        assert (seasons.grace, seasons.review) == (3_000, 3_000)
    assert changed.model_copy(update={"seasons": {}}) == load_catalogue(before).model_copy(
        update={"seasons": {}}
    )


async def test_catalogue_without_seasons_cannot_cross_any(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text('[areas.forest]\ntitle = "F"\norder = "desc"\nmin = 0\nmax = 9\ntop = 3\n')
    with pytest.raises(LoadTestError, match=r"--season: .*catalogue.toml has no seasons"):
        async with running(Options.model_validate({"season": "5s", "catalogue": catalogue})):
            pass


@given(
    st.builds(
        Options,
        players=st.integers(1, 50),
        spectators=st.integers(0, 100),
        processes=st.integers(1, 16),
    )
)
def test_every_client_is_played_by_one_process(options: Options) -> None:
    workers = range(options.processes)
    assert sorted(n for worker in workers for n in options.players_of(worker)) == list(range(options.players))
    spectators = [n for worker in workers for n in options.spectators_of(worker)]
    assert sorted(spectators) == list(range(options.spectators))
