"""What keeping a board's rank index takes: the leaves and nodes that a batch of scores touches."""

import math
from dataclasses import dataclass

LEAF_ROWS = 48
"""Rows of a leaf on average: three quarters of the most (`game.rank_tree`), where a split leaves room."""
CHILDREN = 68
"""Children of a node on average, as a test compares with the real index."""
RECORDS_A_SCORE = 2
"""An improved score: a row goes, and another comes."""


@dataclass(frozen=True)
class Upkeep:
    """A batch on one board: the leaves that it counts, and the nodes that it reads and writes."""

    leaves: float
    nodes: float

    @property
    def requests(self) -> float:
        """Requests: nodes are read a hundred at a time, and written one by one."""
        return self.leaves + self.nodes * 1.01 + 1


def levels(rows: float) -> list[int]:
    """Return the number of leaves of a board's index, and of nodes on each level up to the root."""
    found = [max(1, math.ceil(rows / LEAF_ROWS))]
    while len(found) == 1 or found[-1] > 1:
        found.append(math.ceil(found[-1] / CHILDREN))
    return found


def upkeep(rows: float, scores: float) -> Upkeep:
    """Return what a batch of improved scores takes, at keys that are spread evenly."""
    leaves, *nodes = (_touched(count, scores * RECORDS_A_SCORE) for count in levels(rows))
    return Upkeep(leaves, sum(nodes))


def _touched(count: int, keys: float) -> float:
    """Return how many of `count` equal parts hold at least one of some keys; one at least."""
    return max(1.0, count * (1 - (1 - 1 / count) ** keys)) if count > 1 else 1.0
