"""`python -m cost` from its options to the report."""

import json
from pathlib import Path
from typing import Any

import pytest

from cost.command import main
from cost.month import bill
from cost.prices import DEFAULT_PATH, load_prices
from cost.tables import amount, more, players, seconds, share, usd
from cost.workload import Workload

SMALL = ("--subscribers", "20_000", "--event-minutes", "2")
GAME = Workload(players=50_000, window=5, free_tier=False, cognito_plan="lite")


def priced(folder: Path, *options: str) -> int:
    return main([*SMALL, *options, "--out", str(folder)])


def test_report_is_of_the_game_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.toml"
    own.write_text(DEFAULT_PATH.read_text().replace("us-east-1", "eu-north-1", 1))
    options = ("--players", "50000", "--window", "5", "--no-free-tier", "--cognito-plan=lite")
    assert priced(tmp_path / "new", *options, "--prices", str(own)) == 0

    shown = capsys.readouterr().out
    tables = (
        "List prices of eu-north-1",
        "A month for 50,000 players",
        "API Gateway: connection minutes",
        "USD per month as players grow",
        "Cognito: emails by its own sender",
        "What each setting buys",
        "window 30 s",
        "20,000 clients at one board",
        "conflated, 5 s",
    )
    for text in (*tables, "cost.json"):
        assert text in shown
    # Eighty columns are enough for every figure.
    assert "…" not in shown

    values: dict[str, Any] = json.loads((tmp_path / "new" / "cost.json").read_text())
    month = bill(GAME, load_prices())
    assert values["workload"] == GAME.model_dump()
    assert values["bill"]["usd"] == pytest.approx(month.usd)
    assert [line["price"] for line in values["bill"]["lines"]] == [line.price for line in month.lines]
    assert values["growth"]["1000000"]["usd"] == pytest.approx(bill(GAME.grown(10**6), load_prices()).usd)
    assert values["crowd"]["crowd"]["subscribers"] == 20_000
    assert values["prices"]["named"]["dynamodb.storage"]["tiers"][-1][0] is None
    assert values["prices"]["region"] == "eu-north-1"
    assert values["quotas"][0]["help"]
    assert values["quotas"][0]["page"].startswith("https://")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--players", "none"), "--players: "),
        (("--top", "500"), "--top: "),
        (("--boards", "2", "--boards-followed", "3"), "boards_followed: there are 2 boards"),
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (usd(12.345), "$12.35"),
        (usd(12_345.6), "$12,346"),
        (more(0.004), "±$0"),
        (more(-5), "-$5.00"),
        (more(5), "+$5.00"),
        (amount(0), "0"),
        (amount(0.0513), "0.051"),
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
