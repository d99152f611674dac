"""Becomes another program that ends with the benchmark and keeps to one core.

    python -I -S bench/launch.py PARENT CORE PROGRAM ARGUMENTS…

PARENT is the process id of the harness: should it be killed, the kernel sends the program SIGTERM. CORE is
the number of the core, or "any". Linux only.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # survives the exec: https://man7.org/linux/man-pages/man2/prctl.2.html


def _launch(parent: str, core: str, *command: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        return  # the parent died before the signal was set
    if core != "any":
        os.sched_setaffinity(0, {int(core)})
    os.execvp(command[0], command)  # noqa: S606 -- no shell is wanted


if __name__ == "__main__":
    _launch(*sys.argv[1:])
