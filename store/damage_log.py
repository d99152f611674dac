"""The log of damaged rows, which every read meets again: each row once a minute."""

import logging
import time
from collections.abc import Callable

QUIET_SECONDS = 60.0
"""How long nothing more is said of a row."""
ROWS_LIMIT = 1000
"""Rows that are remembered; beyond it the one that was named the longest ago is forgotten."""

logger = logging.getLogger("podium.store")


class DamageLog:
    """Logs errors about rows. `now_s` gives seconds, and never goes back."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._said: dict[str, float] = {}

    def error(self, row: str, message: str, *values: object) -> None:
        """Log a message, with values as in `logging`, unless one about this row came within QUIET_SECONDS."""
        now = self._now_s()
        if now < self._said.get(row, -QUIET_SECONDS) + QUIET_SECONDS:
            return
        self._said.pop(row, None)
        if len(self._said) >= ROWS_LIMIT:
            del self._said[next(iter(self._said))]
        self._said[row] = now
        logger.error(message, *values)
