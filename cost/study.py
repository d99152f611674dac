"""Everything that `python -m cost` finds out, as values and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from cost.crowd import Crowd, CrowdStudy
from cost.crowd import study as study_crowd
from cost.levers import Levers, levers
from cost.month import Bill, bill
from cost.prices import Prices
from cost.quotas import Reached, reached
from cost.traffic import Shares, shares
from cost.workload import Workload

MILESTONES = (100, 1_000, 10_000, 100_000, 1_000_000)
"""Players for whom the same game is priced again."""


@dataclass(frozen=True)
class Study:
    """A game, its bill, how both grow (by players), and what its clients see when a crowd comes."""

    workload: Workload
    prices: Prices
    shares: Shares
    bill: Bill
    growth: dict[int, Bill]
    quotas: Sequence[Reached]
    levers: Levers
    crowd: CrowdStudy


def study(workload: Workload, prices: Prices, crowd: Crowd) -> Study:
    """Work out all of it."""
    return Study(
        workload=workload,
        prices=prices,
        shares=shares(workload),
        bill=bill(workload, prices),
        growth={players: bill(workload.grown(players), prices) for players in MILESTONES},
        quotas=reached(workload),
        levers=levers(workload, prices),
        crowd=study_crowd(crowd, quota=workload.requests_quota, window=workload.window),
    )


def to_json(found: Study) -> bytes:
    """Return the study as JSON: USD per month, seconds, rates per second. A tier without end has null."""
    return TypeAdapter(Study).dump_json(found, indent=1)
