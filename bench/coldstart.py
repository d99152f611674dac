"""Cold start: importing each module of handlers from the Lambda functions' zip, beside the SDK alone.

The zip is the one that is deployed (`infra.packaging.bundle`), but made for this machine and its Python, so
that it can be imported here, in a new interpreter that sees nothing else.

What is timed is the CPU time from before the import until after it. Files come from a warm cache, and the
core is not one of Lambda's: the ratios carry over, the milliseconds do not.
"""

import asyncio
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench.figure import Figure
from bench.report import console
from bench.rounds import Scale, medians
from game.functions import MODULES, entry_of
from infra.packaging.bundle import HOST, build

SDK = "aioboto3"

IMPORTS_A_ROUND = 3
"""An import takes a third of a second, and other processes disturb it a good deal."""

# Isolated from the environment, the user's packages and the ones of this interpreter; leaves nothing behind.
# The end of a process is no part of a cold start.
_TIMED_IMPORT = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
started = time.process_time()
__import__(sys.argv[2])
print(time.process_time() - started, flush=True)
os._exit(0)
"""


async def run(scale: Scale) -> list[Figure]:
    """Return import milliseconds (CPU) per module of handlers, beside those of the SDK."""
    with tempfile.TemporaryDirectory() as name:
        console.print("Making the Lambda functions' zip for this machine")
        bundle = await asyncio.to_thread(build, HOST, Path(name))
        imported = {SDK: SDK} | {module: entry_of(module) for module in MODULES}
        contestants = {one: partial(import_seconds, bundle.folder, entry) for one, entry in imported.items()}
        seconds = await medians(contestants, 1 if scale.quick else scale.rounds * IMPORTS_A_ROUND)
    return [
        Figure(
            "coldstart",
            f"{module}, import",
            seconds[module] * 1e3,
            seconds[SDK] * 1e3,
            SDK,
            "ms of CPU",
            "less",
        )
        for module in MODULES
    ]


async def import_seconds(folder: Path, module: str) -> float:
    """Return CPU seconds that a new interpreter takes to import a module from the folder."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-B", "-c", _TIMED_IMPORT, str(folder), module),
        env={},
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise ImportError(f"{module} from {folder} cannot be imported")
    return float(output)
