"""Tasks that run beside a simulation, none of whose failures is lost."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Whatever happens by itself. A failure is raised by `check`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failures: list[BaseException] = []

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Let something happen beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def settle(self, seconds: int) -> None:
        """Wait until nothing happens any more, for `seconds` of virtual time at the most."""
        for _ in range(seconds):
            if not self._tasks:
                return
            await asyncio.sleep(1)
        raise AssertionError(f"{len(self._tasks)} things never end")

    def check(self) -> None:
        """Raise the first failure there was."""
        if self._failures:
            raise self._failures[0]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            self._failures.append(failure)
