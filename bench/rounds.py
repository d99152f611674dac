"""Several interleaved runs of each contestant, and the median of each: noise hits all of them alike."""

import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
NameT = TypeVar("NameT")

Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Scale:
    """The size of a run, which every benchmark's `run(scale)` is given.

    rounds: interleaved runs of each contestant, of which the median counts; default 3.
    quick: sizes so small that the figures mean nothing, for a test that everything works; default False.
    """

    rounds: int = 3
    quick: bool = False


async def interleaved(
    contestants: Mapping[NameT, Callable[[], Awaitable[T]]], rounds: int
) -> dict[NameT, list[T]]:
    """Run every contestant once a round, in turn, starting each round with another one."""
    names = list(contestants)
    measured: dict[NameT, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            measured[name].append(await contestants[name]())
    return measured


async def medians(contestants: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """Return the median of each contestant's interleaved runs."""
    measured = await interleaved(contestants, rounds)
    return {name: statistics.median(values) for name, values in measured.items()}
