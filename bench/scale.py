"""How much of it a benchmark is asked for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The size of a run, which every benchmark's `run(scale)` is given.

    rounds: interleaved runs of each contestant, of which the median counts; default 3.
    quick: sizes so small that the figures mean nothing, for a test that everything works; default False.
    """

    rounds: int = 3
    quick: bool = False
