"""The machine that the tester runs on."""

import os
import platform
from importlib import metadata
from pathlib import Path

from loadtest.result import Machine

_LIBRARIES = ("aiohttp", "hdrhistogram", "picows", "pydantic", "uvloop")
_CPUINFO = Path("/proc/cpuinfo")


def describe() -> Machine:
    """Return what a reader of figures wants to know of it, with the versions of the libraries that count."""
    return Machine(
        system=platform.platform(terse=True),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=_memory(),
        versions={"python": platform.python_version()}
        | {library: metadata.version(library) for library in _LIBRARIES},
    )


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
