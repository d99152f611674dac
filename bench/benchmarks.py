"""The benchmarks by name. Each is a module with `async def run(scale: Scale) -> list[Figure]`."""

import importlib
from collections.abc import Awaitable, Callable

from bench.figure import Figure
from bench.scale import Scale

Benchmark = Callable[[Scale], Awaitable[list[Figure]]]

MODULES = {
    "push": "bench.push",
    "slow": "bench.slow",
    "broadcaster": "bench.broadcaster",
    "coldstart": "bench.coldstart",
}
"""In the order in which they run, and in which the page shows them."""


def find(name: str) -> Benchmark:
    """Return a benchmark, imported only now: what one of them needs, the others may lack."""
    benchmark: Benchmark = importlib.import_module(MODULES[name]).run
    return benchmark
