"""A tour of boards, some at a time, on which one slow or broken board holds up no other.

Two things are done for each: it is reconciled, which takes a few requests to the tables; and what is then
unpushed goes to its subscribers, which may take seconds. So the boards in the second step have places of
their own, and do not keep others from the first.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

PUSHED_AT_ONCE = 200
"""Boards that are pushed to at a time: each holds the ids of as many subscribers as one function pushes to.

Where no client can be reached, each takes its five seconds, and 1,000 boards in a batch take 25.
"""

LOGGED = 20
"""Boards whose failures are logged one by one: where a table refuses everything, all of them fail."""


@dataclass
class Tour:
    """The outcome of a tour: the errors of boards that failed, and the boards for which there was no time."""

    failed: dict[str, Exception] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def log_failures(self, logger: logging.Logger, expected: tuple[type[Exception], ...]) -> None:
        """Log the boards that failed, with a traceback where the error is none of those expected."""
        for name, error in list(self.failed.items())[:LOGGED]:
            logger.error("board %s: %r", name, error, exc_info=None if isinstance(error, expected) else error)
        if len(self.failed) > LOGGED:
            logger.error("and %d more boards", len(self.failed) - LOGGED)


async def visit(
    names: Iterable[str],
    reconcile: Callable[[str], Awaitable[T | None]],
    push: Callable[[T], Awaitable[None]],
    *,
    at_once: int,
    begin_until: float | None = None,
    end_at: float | None = None,
) -> Tour:
    """Visit boards in this order, `at_once` of them at a time, and push what `reconcile` returns.

    No board is begun after `begin_until`, and one that is not done at `end_at` fails with a TimeoutError.
    Both are times of the running event loop; None: no end.
    """
    tour = Tour()
    waiting = iter(names)
    room = asyncio.Semaphore(PUSHED_AT_ONCE)
    clock = asyncio.get_running_loop().time

    async def in_time(name: str, work: Awaitable[T | None]) -> T | None:
        try:
            async with asyncio.timeout_at(end_at):
                return await work
        except Exception as error:  # noqa: BLE001 -- it is logged, and the others go on
            tour.failed[name] = error
            return None

    async def push_one(name: str, unpushed: T) -> None:
        async def work() -> None:
            await push(unpushed)

        try:
            await in_time(name, work())
        finally:
            room.release()

    async def visit_some() -> None:
        for name in waiting:
            if begin_until is not None and clock() >= begin_until:
                tour.left.append(name)
                continue
            unpushed = await in_time(name, reconcile(name))
            if unpushed is not None:
                await room.acquire()
                tasks.create_task(push_one(name, unpushed))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(visit_some())
    return tour
