"""Everything that `python -m cost` finds out, as values and as JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cost.crowd import Crowd, CrowdStudy
from cost.crowd import study as study_crowd
from cost.growth import Point, growth
from cost.levers import Levers, levers
from cost.month import Bill, bill
from cost.prices import Price, Prices
from cost.quotas import Reached, reached
from cost.traffic import Shares, shares
from cost.workload import Workload


@dataclass(frozen=True)
class Study:
    """A game, its bill, how both grow, and what its clients see when a crowd comes."""

    workload: Workload
    prices: Prices
    shares: Shares
    bill: Bill
    growth: Sequence[Point]
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
        growth=growth(workload, prices),
        quotas=reached(workload),
        levers=levers(workload, prices),
        crowd=study_crowd(crowd, quota=workload.requests_quota, window=workload.window),
    )


def to_json(found: Study) -> dict[str, Any]:
    """Return the study as JSON values. Money in USD per month, times in seconds, rates per second."""
    return {
        "workload": found.workload.model_dump(),
        "shares": asdict(found.shares),
        "region": found.prices.region,
        "prices": {path: _price(price) for path, price in found.prices.named()},
        "bill": {
            "usd": found.bill.usd,
            "lines": [asdict(line) for line in found.bill.lines],
            "mean": asdict(found.bill.mean),
        },
        "growth": [
            {"players": point.workload.players, "usd": point.bill.usd, "by_service": point.bill.by_service}
            for point in found.growth
        ],
        "quotas": [
            {
                "quota": one.quota.title,
                "unit": one.quota.unit,
                "limit": one.quota.limit(found.workload),
                "used": one.used,
                "players": one.players,
                "page": one.quota.page,
            }
            for one in found.quotas
        ],
        "levers": [asdict(lever) for lever in (found.levers.given, *found.levers.changed)],
        "crowd": _crowd(found.crowd),
    }


def _price(price: Price) -> dict[str, Any]:
    tiers = [[None if math.isinf(tier.up_to) else tier.up_to, tier.usd] for tier in price.tiers]
    return price.model_dump(mode="json") | {"tiers": tiers}


def _crowd(found: CrowdStudy) -> dict[str, Any]:
    return {
        "crowd": found.crowd.model_dump(),
        "by_window": [asdict(outcome) for outcome in found.by_window],
        "by_quota": [asdict(outcome) for outcome in found.by_quota],
        "by_size": [[asdict(outcome) for outcome in outcomes] for outcomes in found.by_size],
        "one_by_one_by_size": [asdict(outcome) for outcome in found.one_by_one_by_size],
        "courses": [
            {
                "policy": course.policy,
                "minutes": course.minutes.tolist(),
                "p50": course.p50.tolist(),
                "p99": course.p99.tolist(),
            }
            for course in found.courses
        ],
    }
