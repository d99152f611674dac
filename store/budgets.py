"""`Budgets`: a rate that functions share, sold as slots of time that follow each other.

A budget's row holds the moment until which its time is sold. A function that wants to send n requests buys a
slot of n divided by the rate. It begins where the last one ended, or now where that has passed. A claim is
one conditional write, and no read. So in no stretch of time more is sold than the rate allows. A function
that dies, or that claims twice because an answer was lost, wastes its slot and harms no other.
"""

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from store.database import Database, from_item, to_item
from store.errors import ConflictError, RequestError, lost_race
from store.schema import BUDGETS

PUSHES = "pushes"
"""The budget of requests to `@connections`."""

HORIZON_SECONDS = 10
"""Time sold for later than this was sold by a wrong clock: it is not waited for."""

_ATTEMPTS = 5
_SECOND = 1_000_000


def microseconds() -> int:
    """Return microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


class Budget:
    """A claimant of a budget. `rate` is in requests per second, `now_us` in microseconds since the epoch."""

    def __init__(
        self, db: Database, name: str, rate: float, now_us: Callable[[], int] = microseconds
    ) -> None:
        self._db = db
        self._name = name
        self._rate = rate
        self._now_us = now_us
        self._sold_until = self._busy_until = 0

    async def claim(self, requests: int) -> float:
        """Buy the time of these requests; return in how many seconds it begins.

        Raises ConflictError when others were faster each time, and what the SDK raises.
        """
        price = math.ceil(requests / self._rate * _SECOND)
        for attempt in range(_ATTEMPTS):
            now = self._now_us()
            # As it was when this function saw it last, and then the other way.
            follows = (max(self._sold_until, self._busy_until) > now) == (attempt % 2 == 0)
            until = await (self._follow(price, now) if follows else self._begin(price, now))
            if until is not None:
                self._sold_until = until
                self._busy_until = now + _SECOND if follows else 0
                return max(0, until - price - now) / _SECOND
        raise ConflictError(f"others claimed the budget {self._name} {_ATTEMPTS} times")

    async def _follow(self, price: int, now: int) -> int | None:
        """Buy what follows on the last slot, which is not over."""
        horizon = now + HORIZON_SECONDS * _SECOND
        return await self._update(
            "SET soldUntil = soldUntil + :price",
            "soldUntil BETWEEN :now AND :horizon",
            {":price": price, ":now": now, ":horizon": horizon},
        )

    async def _begin(self, price: int, now: int) -> int | None:
        """Buy what begins now, where nothing later is sold, or nothing that can be true."""
        horizon = now + HORIZON_SECONDS * _SECOND
        return await self._update(
            "SET soldUntil = :until",
            "NOT (soldUntil BETWEEN :now AND :horizon)",
            {":until": now + price, ":now": now, ":horizon": horizon},
        )

    async def _update(self, expression: str, condition: str, values: dict[str, Any]) -> int | None:
        """Return the end of what was bought; None when the row was not as it was taken to be."""
        try:
            answer = await self._db.client.update_item(
                TableName=self._db.name(BUDGETS),
                Key=to_item({"id": self._name}),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                ReturnValues="UPDATED_NEW",
            )
        except RequestError as error:
            if lost_race(error):
                return None
            raise
        return int(from_item(answer["Attributes"])["soldUntil"])


def push_budget(db: Database, rate: float | None) -> Callable[[int], Awaitable[float]] | None:
    """Return what claims requests to `@connections` for a function; None where the rate has no bound."""
    return None if rate is None else Budget(db, PUSHES, rate).claim
