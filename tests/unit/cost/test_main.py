"""`python -m cost` from its options to the report."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cost import command as cost
from cost.crowd import Crowd
from cost.month import bill
from cost.prices import DEFAULT_PATH, load_prices
from cost.tables import amount, more, option, players, seconds, share, usd
from cost.workload import Workload

SMALL = ("--subscribers", "20_000", "--event-minutes", "2")


def priced(folder: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    cost.add_arguments(parser)
    return cost.run(parser.parse_args([*SMALL, *options, "--out", str(folder)]))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a report on a game with other settings than it comes with."""
    folder = tmp_path_factory.mktemp("report") / "new"
    assert priced(folder, "--players", "50000", "--window", "5", "--no-free-tier", "--cognito-plan=lite") == 0
    return folder


@pytest.fixture(scope="module")
def values(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((report / "cost.json").read_text())
    return found


def test_values_are_those_of_the_game_as_asked(values: dict[str, Any]) -> None:
    game = Workload(players=50_000, window=5, free_tier=False, cognito_plan="lite")
    assert values["workload"] == game.model_dump()
    month = bill(game, load_prices())
    assert values["bill"]["usd"] == pytest.approx(month.usd)
    assert [line["price"] for line in values["bill"]["lines"]] == [line.price for line in month.lines]
    assert values["crowd"]["crowd"]["subscribers"] == 20_000
    assert [point["players"] for point in values["growth"]][:: len(values["growth"]) - 1] == [100, 1_000_000]
    assert values["prices"]["dynamodb.storage"]["tiers"][-1][0] is None


def test_page_needs_nothing_beside_itself_and_has_every_table_and_plot(report: Path) -> None:
    page = (report / "cost.html").read_text()
    for outside in ("<script", "<link", "<img", "src=", "@import", "url("):
        # matplotlib's own clip paths are references within the drawing.
        assert outside not in re.sub(r"url\(#\w+\)", "", page)
    assert page.count("<svg") == 6
    for heading in (
        "The bill",
        "As players grow",
        "Quotas",
        "What each setting buys",
        "20,000 clients",
        "Prices",
    ):
        assert f"<h2>{heading}" in page
    for name in (*Workload.model_fields, *Crowd.model_fields):
        if name != "scores_per_second":
            assert option(name) in page
    for path, price in load_prices().named():
        assert path in page
        assert price.page in page


def test_terminal_has_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.toml"
    own.write_text(DEFAULT_PATH.read_text().replace("us-east-1", "eu-north-1", 1))
    assert priced(tmp_path, "--prices", str(own)) == 0
    shown = capsys.readouterr().out
    for text in (
        "List prices of eu-north-1",
        "A month for 10,000 players",
        "API Gateway: connection minutes",
        "USD per month as players grow",
        "Cognito: emails by its own sender",
        "window 30 s",
        "conflated, 5 s",
        "cost.html",
    ):
        assert text in shown
    # Eighty columns are enough for every figure.
    assert "…" not in shown


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--players", "none"), "--players: "),
        (("--top", "500"), "--top: "),
        (("--boards", "2", "--boards-followed", "3"), "boards_followed: there are 2 boards"),
        (("--cognito-plan", "plus"), "--cognito-plan: "),
        (("--subscribers", "7"), "--subscribers: "),
        (("--prices", "none.toml"), "none.toml: "),
    ],
)
def test_wrong_input_is_named_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    assert priced(tmp_path, *options) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_help_describes_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    cost.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for model in (Workload, Crowd):
        for name, field in model.model_fields.items():
            assert option(name) in shown
            assert field.description is not None
            assert field.description in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (usd(0), "$0.00"),
        (usd(12.345), "$12.35"),
        (usd(12_345.6), "$12,346"),
        (more(0.004), "±$0"),
        (more(-5), "-$5.00"),
        (more(5), "+$5.00"),
        (amount(0), "0"),
        (amount(0.0513), "0.051"),
        (amount(9.4), "9.4"),
        (amount(12_345), "12,345"),
        (amount(1_234_567), "1.23 M"),
        (amount(999_600_000), "1,000 M"),
        (amount(15_249_329_523), "15.2 G"),
        (seconds(0.0125), "12 ms"),
        (seconds(1.25), "1.2 s"),
        (seconds(125), "125 s"),
        (seconds(900), "15 min"),
        (seconds(150_000), "42 h"),
        (share(0), "0 %"),
        (share(0.0001), "< 0.1 %"),
        (share(0.0123), "1.2 %"),
        (share(0.5), "50 %"),
        (share(289.6), "290 times"),
        (players(None), "out of reach"),
        (players(10_143), "10,100"),
        (players(10_522_460), "10.5 M"),
    ],
)
def test_figures_are_formatted_as_text(text: str, expected: str) -> None:
    assert text == expected
