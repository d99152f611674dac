"""Several interleaved runs of each contestant, and the median of each: noise hits all of them alike."""

import statistics
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

Measure = Callable[[], Awaitable[float]]


async def interleaved(
    contestants: Mapping[str, Callable[[], Awaitable[T]]], rounds: int
) -> dict[str, list[T]]:
    """Run every contestant once a round, in turn, starting each round with another one."""
    names = list(contestants)
    measured: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            measured[name].append(await contestants[name]())
    return measured


async def medians(contestants: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """Return the median of each contestant's interleaved runs."""
    measured = await interleaved(contestants, rounds)
    return {name: statistics.median(values) for name, values in measured.items()}
