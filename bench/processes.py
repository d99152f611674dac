"""The processes of a benchmark: kept to a core, spoken to in JSON lines, and never left behind.

A program says `{"port": n}` or the like when it is ready, takes orders of one JSON object a line on standard
input (`bench/orders.py`), answers each with another, and ends at the end of its input or on SIGTERM.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from local.settings import point_at_emulator

CHECKOUT = Path(__file__).parents[1]
MADE_UP_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "podium", "AWS_SECRET_ACCESS_KEY": "podium"}
"""For what is signed and never verified."""

_START_SECONDS = 120
_STOP_SECONDS = 10
_LINE_BYTES = 1 << 20
_TAIL_BYTES = 2000


class ProcessError(Exception):
    """A program of the benchmark ended, or did not answer in time; has the end of what it said."""


class Cores(NamedTuple):
    """Whose core is whose: the same on a machine with one core, None where none can be kept (not Linux)."""

    measured: int | None
    others: int | None


def cores() -> Cores:
    """Return a core for what is measured, and one for everything around it."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[-1], usable[0])


@contextmanager
def kept_to(core: int | None) -> Iterator[None]:
    """Keep this process to a core (None: any) meanwhile."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def python(module: str, *arguments: object) -> list[str]:
    """Return the command of one of our programs."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def node(script: str, *arguments: object) -> list[str]:
    """Return the command of a program in `bench/node`. Raises ProcessError without its packages."""
    if not (CHECKOUT / "node_modules").is_dir():
        raise ProcessError("The peers on Node are not installed: run `npm ci`, or `make bench`.")
    return ["node", str(CHECKOUT / "bench" / "node" / script), *map(str, arguments)]


def aws_environment(url: str, credentials: Mapping[str, str] = MADE_UP_CREDENTIALS) -> dict[str, str]:
    """Return our environment with an SDK that knows these credentials only, and `url` as its endpoint."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PODIUM_"))}
    point_at_emulator(kept, url, credentials)
    return kept


class Process:
    """A running program. Made by `running`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, errors: IO[bytes]) -> None:
        self._name = name
        self._process = process
        self._errors = errors

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def read(self, within: float = _START_SECONDS) -> dict[str, Any]:
        """Return the next line that it says, in `within` seconds. Raises ProcessError."""
        answer: dict[str, Any] = json.loads(await self._read_line(within))
        return answer

    async def read_until(self, word: str, within: float = _START_SECONDS) -> None:
        """Read until it says a word on a line of its own; `within` seconds a line. Raises ProcessError."""
        while (await self._read_line(within)).decode().strip() != word:
            pass

    async def _read_line(self, within: float) -> bytes:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(within):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ProcessError(f"{self._name} said nothing for {within:g} seconds\n{self._tail()}") from None
        if not line:
            raise ProcessError(f"{self._name} ended\n{self._tail()}")
        return line

    async def ask(self, do: str, *, within: float = 60, **order: object) -> dict[str, Any]:
        """Give an order and return the answer, in `within` seconds. Raises ProcessError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            raise ProcessError(f"{self._name} ended\n{self._tail()}") from None
        return await self.read(within)

    async def stop(self) -> None:
        """End it: politely first. Returns when it is gone, and so is its process group."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()

    def _tail(self) -> str:
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TAIL_BYTES))
        return self._errors.read().decode(errors="replace")


@asynccontextmanager
async def running(
    command: list[str], *, core: int | None = None, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Start a program on a core (None: any), and stop it at the end, whatever happens.

    Raises ProcessError when there is no such program.
    """
    launched = command
    if sys.platform == "linux":
        launcher = CHECKOUT / "bench" / "launch.py"
        where = "any" if core is None else str(core)
        launched = [sys.executable, "-I", "-S", str(launcher), str(os.getpid()), where, *command]
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *launched,
            cwd=CHECKOUT,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LINE_BYTES,
            start_new_session=True,
        )
        started = Process(" ".join(command[1:3]), process, errors)
        try:
            yield started
        finally:
            await started.stop()
