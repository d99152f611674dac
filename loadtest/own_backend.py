"""A backend of the load test's own, whose seasons are short: `--season 30s`.

When a season ends, the catalogue of a backend decides, and one that has rows already refuses to move the
boundaries that are past. So it is a new one: `python -m local run` on free ports, with the catalogue that was
given but for its seasons, and on a folder that is deleted afterwards.
"""

import asyncio
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from game.catalogue import CatalogueError, load_catalogue
from game.seasons import KEEP_LIMIT
from loadtest.errors import LoadTestError
from loadtest.options import Options

_CHECKOUT = Path(__file__).parents[1]
_READY_SECONDS = 120
_STOP_SECONDS = 30
_PART = 10
"""Grace and review take this part of a season each."""

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)[A-Za-z0-9_.\s-]*\]\]?\s*(#.*)?")


def shorten(text: str, seasons: Mapping[str, object], season_ms: int, begin: datetime) -> str:
    """Return a catalogue file's text with seasons of this length, which begin at this time.

    What a file says beside its tables `[seasons.…]` stays as it is.
    """
    kept, skips = [], False
    for line in text.splitlines():
        if header := _HEADER.fullmatch(line):
            skips = header[1] == "seasons"
        if not skips:
            kept.append(line)
    part = max(1, season_ms // 1000 // _PART)
    for name in seasons:
        kept += [
            "",
            f"[seasons.{name}]",
            f"start = {begin:%Y-%m-%dT%H:%M:%SZ}",
            f'every = "{season_ms // 1000}s"',
            f'grace = "{part}s"',
            f'review = "{part}s"',
            f"keep = {KEEP_LIMIT}",
        ]
    return "\n".join(kept) + "\n"


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Options]:
    """Start a backend with the seasons of the options; yield the options that play on it.

    Raises LoadTestError when the catalogue has no seasons, or the backend does not start.
    """
    with tempfile.TemporaryDirectory(prefix="podium-loadtest-", ignore_cleanup_errors=True) as folder:
        catalogue = _write_catalogue(options, Path(folder) / "catalogue.toml")
        http, ws, emulator = _free_ports()
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PODIUM_"))
        } | {
            "PODIUM_HTTP_PORT": str(http),
            "PODIUM_WS_PORT": str(ws),
            "PODIUM_EMULATOR_PORT": str(emulator),
            "PODIUM_DATA_DIR": str(Path(folder) / "data"),
            "PODIUM_CATALOGUE": str(catalogue),
        }
        log = Path(folder) / "log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(str(_python()), "-m", "local", "run"),
                cwd=_CHECKOUT,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                # Ctrl-C is for us: we end it in order.
                start_new_session=True,
            )
        try:
            said = await _until_ready(process)
            if not said.endswith("ready"):
                raise LoadTestError(
                    f"--season: the backend of its own did not start: {said}{log.read_text()[-2000:]}\n"
                    "It needs what `make run` needs: try that first."
                )
            # What it says later must not fill the pipe.
            draining = asyncio.ensure_future(_drain(process))
            target = f"http://127.0.0.1:{http}/client-config.json"
            yield options.model_copy(update={"target": target, "catalogue": catalogue})
            draining.cancel()
        finally:
            await _stop(process)


def _write_catalogue(options: Options, path: Path) -> Path:
    try:
        found = load_catalogue(options.catalogue)
        if not found.seasons:
            raise LoadTestError(f"--season: {options.catalogue} has no seasons: name a --catalogue that has")
        text = options.catalogue.read_text(encoding="utf-8")
        path.write_text(shorten(text, found.seasons, options.season or 0, datetime.now(UTC)), "utf-8")
        load_catalogue(path)
    except CatalogueError as error:
        raise LoadTestError(f"--season: {error}") from error
    return path


def _python() -> Path:
    """Return the interpreter that has what a backend needs: that of `make run`, else our own."""
    ours = Path(sys.executable)
    theirs = ours.parents[2] / "local" / "bin" / "python"
    return theirs if theirs.exists() else ours


def _free_ports() -> list[int]:
    probes = [socket.socket() for _ in range(3)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


async def _until_ready(process: asyncio.subprocess.Process) -> str:
    """Return what a backend says, up to the word that it is ready if it gets so far."""
    said = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(_READY_SECONDS):
            while process.stdout and (line := await process.stdout.readline()):
                said += line.decode(errors="replace")
                if "ready" in said:
                    return said[: said.index("ready") + len("ready")]
    return said


async def _drain(process: asyncio.subprocess.Process) -> None:
    while process.stdout and await process.stdout.read(65536):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    with suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS):
            await process.communicate()
    # Whatever it has started is of its own session.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
