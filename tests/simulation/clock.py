"""An event loop whose time jumps to the next timer when there is nothing else to do."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = 1_763_812_800_000
"""Milliseconds since the epoch at which every simulation starts."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Sleeping costs no time, and the order of everything is the same at every run."""

    _now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready:  # type: ignore[attr-defined]
            # A cancelled timer wakes no task: to stop at its time is to wait, in real time, for the next one.
            waiting = (timer for timer in self._scheduled if not timer.cancelled())  # type: ignore[attr-defined]
            self._now = max(self._now, min((timer.when() for timer in waiting), default=self._now))
        super()._run_once()  # type: ignore[misc]


def now() -> int:
    """Virtual milliseconds since the epoch."""
    return EPOCH + int(asyncio.get_running_loop().time() * 1000)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to completion in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)
