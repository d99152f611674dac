"""Cold start: importing each Lambda package beside importing the SDK alone, and how large the packages are.

The packages are those that are deployed (`infra.packaging.bundle`), but made for this machine and its Python,
so that they can be imported here, in a new interpreter that sees nothing but the package. The SDK is
`aioboto3` with what it requires, installed beside nothing else; it gets bytecode as the packages do, but its
size is taken without.

What is timed is the CPU time from before the import until after it. Files come from a warm cache, and the
core is not one of Lambda's: the ratios carry over, the milliseconds do not.
"""

import asyncio
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.figure import Figure
from bench.report import console
from bench.rounds import Scale, medians
from game.functions import ENTRY, Package
from infra.packaging.bundle import (
    HOST,
    Bundle,
    build_all,
    compile_all,
    copy_files,
    install,
    size_of,
    zip_folder,
)
from infra.packaging.distributions import Distributions

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


@dataclass(frozen=True)
class Sdk:
    """The SDK alone: where it can be imported from, and its size in bytes as installed, and zipped."""

    folder: Path
    size: int
    zip_size: int


async def run(scale: Scale) -> list[Figure]:
    """Return import milliseconds (CPU), and megabytes unpacked and zipped, per package and for the SDK."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdk, bundles = await asyncio.to_thread(prepare, folder)
        contestants = {SDK: partial(import_seconds, sdk.folder, SDK)} | {
            package.name: partial(import_seconds, bundle.folder, ENTRY) for package, bundle in bundles.items()
        }
        seconds = await medians(contestants, 1 if scale.quick else scale.rounds * IMPORTS_A_ROUND)
        figures = []
        for package, bundle in bundles.items():
            for case, ours, peer, unit in (
                ("import", seconds[package.name] * 1e3, seconds[SDK] * 1e3, "ms of CPU"),
                ("unzipped", bundle.unzipped_size / 1e6, sdk.size / 1e6, "MB"),
                ("zip", bundle.zip_size / 1e6, sdk.zip_size / 1e6, "MB"),
            ):
                figures.append(Figure("coldstart", f"{package.name}, {case}", ours, peer, SDK, unit, "less"))
        return figures


def prepare(folder: Path) -> tuple[Sdk, dict[Package, Bundle]]:
    """Make every package for this machine, and install the SDK alone. Raises BundleError."""
    console.print("Making the Lambda packages for this machine")
    return _sdk_alone(folder / SDK), build_all(HOST, folder)


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


def _sdk_alone(folder: Path) -> Sdk:
    with tempfile.TemporaryDirectory() as everything:
        install("lambda", HOST, Path(everything))
        distributions = Distributions(Path(everything), HOST.environment)
        for name in distributions.needed([SDK], []):
            copy_files(Path(everything), distributions.every_file(name), folder)
    size = size_of(folder)
    archive = folder.with_suffix(".zip")
    zip_folder(folder, archive)
    compile_all(folder)
    return Sdk(folder, size, archive.stat().st_size)
