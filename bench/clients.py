"""Many WebSocket connections in one process that count what they are sent.

    python -m bench.clients --url ws://127.0.0.1:PORT/ --connections N

It speaks in JSON lines. `{"connected": N}` is printed when all are connected. Then it takes orders:

    {"do": "start"}
        counts from zero; answers {"counting": true}
    {"do": "stop", "frames": F, "timeout_seconds": S}
        waits until F have come (default 0: for nothing) or S have passed (default 60), and answers
        {"frames", "bytes", "last_at", "open"}

`bytes` are those of the frames counted, headers included. `last_at` is when the last one came, in seconds of
the machine's monotonic clock, or null; `open` says how many of the connections are left. The end of standard
input ends the program.
"""

import argparse
import asyncio
import time
from contextlib import suppress
from typing import Any

import uvloop

from bench.orders import allow_files, say, serve
from loadtest import wire

# A listening socket's queue is short: Python's holds 100.
_CONNECTING_AT_ONCE = 50


class Clients:
    """The receiver of every connection, and the count of what all of them were sent since `start`."""

    def __init__(self) -> None:
        self._sockets: list[wire.WebSocket] = []
        self._lost = 0
        self._complete = asyncio.Event()
        self._expected = 0
        self._count()

    def _count(self) -> None:
        self._frames = self._bytes = 0
        self._last_at: float | None = None

    async def connect(self, url: str, connections: int) -> None:
        """Open this number of connections. Raises WireError or OSError, in a group, when one is refused."""
        address = wire.Address.of(url)
        free = asyncio.Semaphore(_CONNECTING_AT_ONCE)

        async def one() -> None:
            async with free:
                self._sockets.append(await wire.connect(address, "token", self))

        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(one())

    def received(self, payload: bytes) -> None:
        """Count a frame."""
        size = len(payload)
        self._frames += 1
        # https://datatracker.ietf.org/doc/html/rfc6455#section-5.2
        self._bytes += size + (2 if size < 126 else 4 if size < 2**16 else 10)
        self._last_at = time.monotonic()
        if self._frames >= self._expected:
            self._complete.set()

    def lost(self, _reason: str) -> None:
        """Count a connection that is gone."""
        self._lost += 1

    async def start(self) -> dict[str, Any]:
        """Count from zero."""
        self._count()
        return {"counting": True}

    async def stop(self, frames: int = 0, timeout_seconds: float = 60) -> dict[str, Any]:
        """Return the count, when it has come to `frames` or when the time is over."""
        self._expected = frames
        if self._frames < frames:
            self._complete.clear()
            with suppress(TimeoutError):  # The count says how many are missing.
                async with asyncio.timeout(timeout_seconds):
                    await self._complete.wait()
        return {
            "frames": self._frames,
            "bytes": self._bytes,
            "last_at": self._last_at,
            "open": len(self._sockets) - self._lost,
        }


async def _run(arguments: argparse.Namespace) -> None:
    clients = Clients()
    await clients.connect(arguments.url, arguments.connections)
    say({"connected": arguments.connections})
    await serve({"start": clients.start, "stop": clients.stop})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.clients")
    _parser.add_argument("--url", required=True, help="the gateway's address, ws://host:port/")
    _parser.add_argument("--connections", type=int, required=True)
    allow_files()
    uvloop.run(_run(_parser.parse_args()))
