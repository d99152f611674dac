"""Several interleaved runs of each contestant, and the median of each: noise hits all of them alike."""

import statistics
from collections.abc import Awaitable, Callable, Mapping

Measure = Callable[[], Awaitable[float]]


async def medians(contestants: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """Run every contestant once a round, in turn, starting each round with another one."""
    names = list(contestants)
    measured: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            measured[name].append(await contestants[name]())
    return {name: statistics.median(values) for name, values in measured.items()}
