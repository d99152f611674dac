"""The clock of a handler. A clock that is passed on has its unit in its name: `now_ms`, `now_s`."""

import time


def now_ms() -> int:
    """Return the milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
