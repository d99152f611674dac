"""The machine that the tester runs on, and how busy it is."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from loadtest.result import Machine

LIBRARIES = ("aiohttp", "hdrhistogram", "picows", "pydantic", "uvloop")
_STAT, _CPUINFO = Path("/proc/stat"), Path("/proc/cpuinfo")
# The fourth and fifth of the times in /proc/stat: https://docs.kernel.org/filesystems/proc.html
_IDLE, _WAITING = 3, 4


def describe(libraries: Sequence[str] = LIBRARIES) -> Machine:
    """Return what a reader of figures wants to know of it, with the versions of these libraries."""
    return Machine(
        system=platform.platform(terse=True),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=_memory(),
        versions={"python": platform.python_version()}
        | {library: metadata.version(library) for library in libraries},
    )


class BusyShare:
    """The busy share of all cores since the last look, from 0 to 1; None where /proc does not say."""

    def __init__(self) -> None:
        self._busy, self._all = self._times()

    def look(self) -> float | None:
        """Return the share since the last look."""
        busy, all_ = self._times()
        passed = all_ - self._all
        share = (busy - self._busy) / passed if passed else None
        self._busy, self._all = busy, all_
        return share

    def _times(self) -> tuple[int, int]:
        try:
            first = _STAT.read_text(encoding="ascii").partition("\n")[0]
        except OSError:
            return 0, 0
        # The last two, of guests, are part of the first two.
        times = [int(time) for time in first.split()[1:9]]
        return sum(times) - times[_IDLE] - times[_WAITING], sum(times)


def _processor() -> str:
    """Return the processor's name, or its kind where the system has no name for it."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
