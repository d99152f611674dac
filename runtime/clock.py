"""The clock of a handler. What is called `now_ms` or `now_s` elsewhere is a reading of it, with its unit."""

import time


def now_ms() -> int:
    """Return the milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
