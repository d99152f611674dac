"""Saves the emulator's state every few seconds when something has changed, and for the last time at its end.

The state lives in dictionaries that a request changes on the event loop without an await in between. So a
process that is forked off between two requests has all services as they were at one moment. It writes them
while this one goes on answering, which waits only as long as it takes to copy the tables of memory pages.
"""

import asyncio
import copy
import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

from local.ministack import generations, objects, services
from local.ministack.objects import Objects, Pending
from local.ministack.reports import Reports

# A save that hangs would keep all later ones away.
_GIVE_UP_SECONDS = 120
# The process that saves gives way to the one that answers.
_NICE = 10

logger = logging.getLogger("podium.saver")
T = TypeVar("T")


class Saver:
    """Saves to `folder`.

    seconds: how often it looks whether something has changed. Where a save takes longer, so does the pause
        after it.

    changes: how many requests may have changed the state until now.
    is_saved: whether the state of this moment is in a save.
    reports: told when saving begins to fail, and when it succeeds again.
    """

    def __init__(
        self, folder: Path, seconds: float, changes: Callable[[], int], reports: Reports, *, is_saved: bool
    ) -> None:
        self._folder = folder
        self._seconds = seconds
        self._changes = changes
        self._reports = reports
        self._objects = Objects()
        self._saved = changes() if is_saved else None
        self._fails = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Save now and then, until `stopping` is set; a save that is under way is finished."""
        pause = self._seconds
        while not await _is_set_within(stopping, pause):
            began = time.monotonic()
            if self._changes() != self._saved:
                changes, pending, problem = self._begin()
                if problem is None:
                    problem = await _in_a_fork(partial(self._write, pending))
                self._conclude(changes, pending, problem)
            pause = max(self._seconds, time.monotonic() - began)

    def save(self) -> str | None:
        """Save what is not saved; return what went wrong, or None when all is on the disk.

        `run` must have ended.
        """
        if self._changes() == self._saved:
            return None
        changes, pending, problem = self._begin()
        if problem is None:
            problem = _problem_of(partial(self._write, pending))
        self._conclude(changes, pending, problem)
        return problem

    def _begin(self) -> tuple[int, Pending, str | None]:
        problem = _problem_of(self._objects.write_missing)
        return self._changes(), self._objects.take(), problem

    def _write(self, pending: Pending) -> None:
        objects.flush(pending)
        generations.write(self._folder, services.snapshot(), services.encode, datetime.now(UTC))

    def _conclude(self, changes: int, pending: Pending, problem: str | None) -> None:
        if problem is None:
            self._saved = changes
            self._objects.remove(pending)
            if left := _problem_of(partial(services.put_earlier_files_aside, self._folder)):
                logger.warning("The files of an earlier version stay where they are: %s", left)
            if self._fails:
                self._reports.send("saved")
        else:
            self._objects.give_back(pending)
            logger.error("The state could not be saved: %s", problem)
            if not self._fails:
                self._reports.send("unsaved", problem)
        self._fails = problem is not None


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _in_a_fork(work: Callable[[], None]) -> str | None:
    """Do `work` in a copy of this process; return what went wrong, or None."""
    reading, writing = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            _work_and_exit(work, writing)
    except OSError as error:
        os.close(reading)
        return _in_words(error)
    finally:
        os.close(writing)
    return await asyncio.to_thread(_outcome, pid, reading)


def _outcome(pid: int, reading: int) -> str | None:
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(pid, 0)
    if answer:
        return answer.decode()
    return f"the process that saves ended with status {os.waitstatus_to_exitcode(status)}" if status else None


def _work_and_exit(work: Callable[[], None], writing: int) -> NoReturn:
    # Of the process that this is a copy of, nothing but its memory may be used: neither its event loop nor
    # its sockets, nor a lock that a thread may have held which is not here.
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_GIVE_UP_SECONDS)
        # Not the log, which is locked as long as any process of the emulator lives.
        os.closerange(3, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
        os.nice(_NICE)
        gc.disable()
        # The services copy their state before they give it away, but this process is a copy already.
        copy.deepcopy = _itself
        os.write(writing, (_problem_of(work) or "").encode())
        status = 0
    finally:
        os._exit(status)


def _itself(x: T, memo: object = None, _nil: object = None) -> T:  # noqa: ARG001 -- called as deepcopy is
    return x


def _problem_of(work: Callable[[], None]) -> str | None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 -- whatever it is, it must be told, and tried again
        return _in_words(error)
    return None


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
