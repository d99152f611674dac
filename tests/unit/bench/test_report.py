"""From runs to figures, and from figures to the JSON lines and the page."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from bench.figure import Figure, number
from bench.report import to_markdown, verdicts
from bench.rounds import interleaved, medians
from bench.sections import SECTIONS


def pushes(ratio: float, case: str = "TLS", peer: str = "aioboto3") -> Figure:
    return Figure("push", case, ratio * 1000, 1000, peer, "requests/s", "more")


def contestants(ran: list[str], **values: list[float]) -> dict[str, Callable[[], Awaitable[float]]]:
    """Contestants that note their turn in `ran`, and measure these values one after the other."""

    def one(name: str) -> Callable[[], Awaitable[float]]:
        left = iter(values[name])

        async def measure() -> float:
            ran.append(name)
            return next(left)

        return measure

    return {name: one(name) for name in values}


async def test_contestants_take_turns_and_each_round_starts_with_another() -> None:
    ran: list[str] = []
    measured = await interleaved(contestants(ran, a=[1, 2, 3], b=[4, 5, 6], c=[7, 8, 9]), 3)
    assert ran == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert measured == {"a": [1, 2, 3], "b": [4, 5, 6], "c": [7, 8, 9]}


async def test_one_bad_run_does_not_move_the_median() -> None:
    assert await medians(contestants([], ours=[10, 10_000, 12], peer=[5, 4, 0.001]), 3) == {
        "ours": 12,
        "peer": 4,
    }


@pytest.mark.parametrize(
    ("ours", "peer", "better", "ratio"),
    [(300, 100, "more", 3), (300, 100, "less", 1 / 3), (5, 0, "more", math.inf), (0, 5, "less", math.inf)],
)
def test_a_ratio_above_1_means_that_ours_is_better(
    ours: float, peer: float, better: Literal["more", "less"], ratio: float
) -> None:
    figure = Figure("push", "TLS", ours, peer, "aioboto3", "requests/s", better)
    assert figure.ratio == pytest.approx(ratio)
    # JSON knows no infinity.
    assert json.loads(figure.to_json()) == {
        "bench": "push",
        "case": "TLS",
        "ours": ours,
        "peer": peer,
        "peer_name": "aioboto3",
        "ratio": None if math.isinf(ratio) else pytest.approx(ratio),
        "unit": "requests/s",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(73_690.4, "73,690"), (12.34, "12.3"), (0.01234, "0.0123"), (0, "0"), (math.inf, "inf")],
)
def test_numbers_have_three_digits_or_more(value: float, text: str) -> None:
    assert number(value) == text


def test_a_target_is_judged_by_the_worst_of_its_own_figures_only() -> None:
    figures = [pushes(20), pushes(12), pushes(2, peer="awscrt"), pushes(29.9, case="plain")]
    assert verdicts("push", figures) == [
        "At least 12 times aioboto3 over TLS: met, 12.0.",
        "At least 30 times aioboto3 without TLS: MISSED, 29.9.",
    ]


def test_a_target_may_be_about_our_own_value() -> None:
    def slow(seconds: float) -> Figure:
        return Figure("slow", "until the call returns", seconds, 1, "0 never reading", "s", "less")

    (target,) = SECTIONS["slow"].targets
    assert verdicts("slow", [slow(2.59), slow(1)]) == [f"{target.says}: met, 2.59 s."]
    assert verdicts("slow", [slow(2.6)]) == [f"{target.says}: MISSED, 2.60 s."]


def test_the_page_tells_machine_command_figures_targets_and_failures() -> None:
    text = to_markdown(
        {"push": [pushes(14.2)], "slow": None},
        {"Processor": "Abacus 9"},
        command="make bench",
        date="2026-11-24",
        rounds=3,
    )
    assert "| Processor | Abacus 9 |" in text
    assert "`make bench` on 2026-11-24" in text
    assert "median of 3 interleaved runs" in text
    assert "| TLS | 14,200 | aioboto3 | 1,000 | requests/s | 14.2 |" in text
    assert "over TLS: met, 14.2." in text
    assert "What bounds it: " in text
    failed = text.partition(f"## {SECTIONS['slow'].title}")[2]
    assert "It failed in this run." in failed
    assert "| case |" not in failed
