"""The same game with more and more players."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cost.month import Bill, bill
from cost.prices import Prices
from cost.workload import Workload

FEWEST_PLAYERS = 100
MOST_PLAYERS = 1_000_000


@dataclass(frozen=True)
class Point:
    """A game with this number of players, and its bill."""

    workload: Workload
    bill: Bill


def growth(workload: Workload, prices: Prices, points: int = 41) -> Sequence[Point]:
    """Return the game from a hundred players to a million."""
    counts = np.geomspace(FEWEST_PLAYERS, MOST_PLAYERS, points).round().astype(int)
    games = [workload.grown(int(players)) for players in counts]
    return [Point(game, bill(game, prices)) for game in games]
