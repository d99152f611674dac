"""Pushers on this machine: one task per slice, where AWS has asynchronous invocations of a function."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from streams.broadcaster import PASSING
from streams.fanout import Slice

logger = logging.getLogger("podium.pushers")


class TaskPushers:
    """Works on slices beside everything else. What fails is left to the sweep, as it is on AWS in the end."""

    def __init__(self, push_slice: Callable[[Slice], Awaitable[None]]) -> None:
        self._push_slice = push_slice
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, given: Slice) -> None:
        """Have a slice worked on; returns at once."""
        task = asyncio.create_task(self._run(given))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, given: Slice) -> None:
        try:
            await self._push_slice(given)
        except Exception as error:
            logger.error(
                "a slice of board %s: %r",
                given.board,
                error,
                exc_info=None if isinstance(error, PASSING) else error,
            )


@asynccontextmanager
async def task_pushers(push_slice: Callable[[Slice], Awaitable[None]]) -> AsyncIterator[TaskPushers]:
    """Yield pushers that are stopped at the end."""
    pushers = TaskPushers(push_slice)
    try:
        yield pushers
    finally:
        await pushers.stop()
