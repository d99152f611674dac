"""New guests per minute, counted in `Budgets` for all containers of the sign-up function together.

A minute has a row of its own, which its guests count up: one conditional write per guest, and no read.
Cognito invokes the function again when an answer is late, and may then count a guest twice: the minute is
full a little sooner, and nothing else happens. A container whose write was refused knows that the minute is
full. It refuses the others of that minute without a request, so a flood of guests costs next to nothing here.
"""

from collections.abc import Callable

from store.database import Database, to_item
from store.errors import RequestError, condition_failed
from store.schema import BUDGETS

_MINUTE_MS = 60_000
_KEPT_SECONDS = 3600
"""How long a minute's row is kept after it: for clocks that differ."""


class GuestBudget:
    """The new guests that a stage takes, at most `per_minute` in a minute of the clock."""

    def __init__(self, db: Database, per_minute: int, now_ms: Callable[[], int]) -> None:
        self._db = db
        self._per_minute = per_minute
        self._now_ms = now_ms
        self._full: int | None = None

    async def take(self) -> bool:
        """Count a new guest; return whether the stage takes one more. Raises RequestError."""
        minute = self._now_ms() // _MINUTE_MS
        if minute == self._full:
            return False
        try:
            await self._db.client.update_item(
                TableName=self._db.name(BUDGETS),
                Key=to_item({"id": f"guests#{minute}"}),
                UpdateExpression="ADD guests :one SET expiresAt = :expiresAt",
                ConditionExpression="attribute_not_exists(guests) OR guests < :most",
                ExpressionAttributeValues=to_item(
                    {":one": 1, ":most": self._per_minute, ":expiresAt": minute * 60 + _KEPT_SECONDS}
                ),
            )
        except RequestError as error:
            if not condition_failed(error):
                raise
            self._full = minute
            return False
        return True
