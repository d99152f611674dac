"""A pace: requests per second, with a small burst."""

from typing import Protocol

BURST_SECONDS = 0.01
"""The most that is saved up, in seconds of the rate; one request at the least."""


class AnyPace(Protocol):
    """The rule that decides when requests go out."""

    @property
    def ready(self) -> int:
        """Return how many requests may go out at once."""

    @property
    def full_at(self) -> float | None:
        """Return when to look again; None when the pace tells by itself."""

    def fill(self, now: float) -> None:
        """Bring it up to date."""

    def spend(self) -> None:
        """Count a request that goes out, whether `ready` or not."""

    def want(self) -> None:
        """Take note that requests are to be sent, and none is `ready`."""

    async def close(self) -> None:
        """Leave nothing behind."""


class Pace:
    """A token bucket. `rate` is in requests per second, times are in seconds of any steady clock."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._burst = max(1.0, rate * BURST_SECONDS)
        self._tokens = self._burst
        self._filled_at = now

    def fill(self, now: float) -> None:
        """Save up what has been due since the last time."""
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now

    @property
    def ready(self) -> int:
        """Return how many requests may go out at once."""
        # What is short by a rounding error is there. What could not wait has been borrowed.
        return max(0, int(self._tokens + 1e-6))

    def spend(self) -> None:
        """Count a request that goes out, whether `ready` or not."""
        self._tokens -= 1

    @property
    def full_at(self) -> float:
        """The time at which a full burst will have been saved up."""
        return self._filled_at + (self._burst - self._tokens) / self._rate

    def want(self) -> None:
        """See AnyPace: time brings more."""

    async def close(self) -> None:
        """See AnyPace."""
