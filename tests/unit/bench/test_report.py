"""The page and the table: targets met, missed and not measured, and what failed."""

import math

import pytest
from rich.console import Console

from bench.benchmarks import MODULES
from bench.figure import Figure, number
from bench.report import to_markdown, to_table, verdicts
from bench.sections import SECTIONS

MACHINE = {"Processor": "Abacus 9", "Python": "3.99"}


def pushes(ratio: float, case: str = "TLS", peer: str = "aioboto3") -> Figure:
    return Figure("push", case, ratio * 1000, 1000, peer, "requests/s", "more")


def page(outcomes: dict[str, list[Figure] | None]) -> str:
    return to_markdown(outcomes, MACHINE, command="make bench", date="2026-11-24", rounds=3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (73_690.4, "73,690"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.01234, "0.0123"),
        (0.0, "0"),
        (math.inf, "inf"),
    ],
)
def test_numbers_have_three_digits_or_more(value: float, text: str) -> None:
    assert number(value) == text


def test_a_target_is_met_at_its_ratio_and_missed_below() -> None:
    assert verdicts("push", [pushes(12), pushes(29.9, case="plain")]) == [
        "At least 12 times aioboto3 over TLS: met, 12.0.",
        "At least 30 times aioboto3 without TLS: MISSED, 29.9.",
    ]


def test_a_target_is_judged_by_the_worst_of_its_own_figures_only() -> None:
    figures = [pushes(20), pushes(15), pushes(2, peer="awscrt"), pushes(1, case="plain", peer="awscrt")]
    assert verdicts("push", figures) == [
        "At least 12 times aioboto3 over TLS: met, 15.0.",
        "At least 30 times aioboto3 without TLS: not measured.",
    ]


def test_a_target_may_be_about_our_own_value() -> None:
    def zipped(package: str, ours: float) -> Figure:
        return Figure("coldstart", f"{package}, zip", ours, 14, "aioboto3", "MB", "less")

    assert verdicts("coldstart", [zipped("api", 24.9), zipped("realtime", 17)]) == [
        "An import takes at most 1.4 times that of the SDK: not measured.",
        "A zip is under 25 MB: met, 24.9 MB.",
    ]
    assert verdicts("coldstart", [zipped("api", 25)])[1] == "A zip is under 25 MB: MISSED, 25.0 MB."


def test_every_benchmark_has_a_section() -> None:
    assert list(SECTIONS) == list(MODULES)


def test_the_page_tells_machine_command_figures_and_targets() -> None:
    text = page({"push": [pushes(14.2), pushes(29.9, case="plain")]})
    assert "| Processor | Abacus 9 |" in text
    assert "`make bench` on 2026-11-24" in text
    assert "median of 3 interleaved runs" in text
    assert "| TLS | 14,200 | aioboto3 | 1,000 | requests/s | 14.2 |" in text
    assert "over TLS: met, 14.2." in text
    assert "without TLS: MISSED, 29.9." in text
    assert "What bounds it: " in text


def test_the_page_names_a_benchmark_that_failed() -> None:
    text = page({"push": [pushes(14.2)], "slow": None})
    failed = text.partition(f"## {SECTIONS['slow'].title}")[2]
    assert "It failed in this run." in failed
    assert "| case |" not in failed


def test_the_table_in_the_terminal_has_the_same_figures() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(to_table("push", [pushes(14.2)]))
    text = captured.get()
    for expected in ("TLS", "14,200", "aioboto3", "1,000", "requests/s", "14.2"):
        assert expected in text
