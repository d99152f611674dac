"""Reports of the emulator to the process that started it, over a pipe: one JSON object per line.

{"refused": text}    it does not start, for the person at the terminal
{"unsaved": reason}  a save has failed, and what has changed since the last one is not on the disk
{"saved": true}      a save has succeeded after one that failed
{"ended": true}      all is on the disk, and the process ends

An emulator that ends without the last line has not kept everything.
"""

import json
import os
from contextlib import suppress


class Reports:
    """The emulator's end of the pipe. Without a reader, reports are dropped."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def send(self, kind: str, value: str | bool = True) -> None:
        """Tell one thing."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.write(self._descriptor, json.dumps({kind: value}).encode() + b"\n")


class ReportReader:
    """The other end: `read` takes what has come, and waits for nothing."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self._rest = b""

    def read(self) -> list[dict[str, str | bool]]:
        """Return the reports that came since it was last asked."""
        *lines, self._rest = (self._rest + self._received()).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Give the pipe up. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _received(self) -> bytes:
        received = b""
        with suppress(BlockingIOError):
            while self._descriptor is not None and (part := os.read(self._descriptor, 65536)):
                received += part
        return received
