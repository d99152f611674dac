"""What goes wrong, decided by one seeded generator: the same seed gives the same run."""

import asyncio
import contextvars
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class CrashError(BaseException):
    """The process ended here: no `except Exception` sees it, and nothing after it runs."""


class InvocationError(Exception):
    """A Lambda invocation failed or died; its trigger is told, and may try again."""


@dataclass(frozen=True)
class Rates:
    """How likely each fault is at each chance it gets, 0 to 1."""

    crash: float = 0.0
    throttle: float = 0.0
    server_error: float = 0.0
    timeout: float = 0.0
    lost_disconnect: float = 0.0
    redelivery: float = 0.0


class _Invocation:
    dead = False


_invocation: contextvars.ContextVar[_Invocation | None] = contextvars.ContextVar("invocation", default=None)


class Faults:
    """Chances for things to go wrong; `calm` ends them."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self.random = random.Random(seed)
        self.rates = rates

    def calm(self) -> None:
        """From here on nothing goes wrong any more."""
        self.rates = Rates()

    def happens(self, rate: float) -> bool:
        """Return whether a fault of this rate strikes now."""
        return rate > 0 and self.random.random() < rate

    async def point(self) -> None:
        """A place where a process may die, and where others may get their turn."""
        invocation = _invocation.get()
        if invocation is not None:
            if self.happens(self.rates.crash):
                invocation.dead = True
            if invocation.dead:
                raise CrashError
        await asyncio.sleep(self.random.choice((0, 0, 0.001, 0.01)))
        if invocation is not None and invocation.dead:
            raise CrashError

    @contextmanager
    def invocation(self, *failures: type[Exception]) -> Iterator[None]:
        """One Lambda invocation: a crash in any of its tasks ends them all.

        Raises InvocationError for a crash, and for the `failures` that the code under test may end with.
        """
        expected: tuple[type[BaseException], ...] = (CrashError, *failures)
        token = _invocation.set(_Invocation())
        try:
            yield
        except* expected as group:
            raise InvocationError from group
        finally:
            _invocation.reset(token)
