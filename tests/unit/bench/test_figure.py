"""Figures: which way round a ratio is, and what is on the JSON line."""

import json
import math
from typing import Literal

import pytest

from bench.figure import Figure


def figure(ours: float, peer: float, better: Literal["more", "less"] = "more") -> Figure:
    return Figure("push", "TLS", ours, peer, "aioboto3", "requests/s", better)


@pytest.mark.parametrize(
    ("ours", "peer", "better", "ratio"),
    [
        (300, 100, "more", 3),
        (100, 300, "more", 1 / 3),
        (100, 300, "less", 3),
        (300, 100, "less", 1 / 3),
        (7, 7, "less", 1),
    ],
)
def test_a_ratio_above_1_means_that_ours_is_better(
    ours: float, peer: float, better: Literal["more", "less"], ratio: float
) -> None:
    assert figure(ours, peer, better).ratio == pytest.approx(ratio)


def test_nothing_to_divide_by_is_infinitely_better() -> None:
    assert figure(5, 0, "more").ratio == math.inf
    assert figure(0, 5, "less").ratio == math.inf


def test_the_json_line_has_the_promised_fields_in_order() -> None:
    line = figure(300, 100).to_json()
    assert "\n" not in line
    assert list(json.loads(line).items()) == [
        ("bench", "push"),
        ("case", "TLS"),
        ("ours", 300),
        ("peer", 100),
        ("peer_name", "aioboto3"),
        ("ratio", 3.0),
        ("unit", "requests/s"),
    ]


def test_infinite_ratio_is_written_as_null() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert json.loads(figure(5, 0).to_json(), parse_constant=refuse)["ratio"] is None
