"""Pack the Lambda functions into zips, without Docker.

    python -m infra.packaging.bundle --out cdk.out/lambda

    handler module -> what it imports (.sources) -> our files
                                                      -> libraries -> the locked distributions that they need
    our files + files of distributions that may run + an entry (.entry) + bytecode -> folder -> zip

A zip holds what its handlers import and nothing else. It is the same, byte by byte, for the same sources,
lock file, Python and target: entries are sorted and carry no time of day.

Lambda's file system cannot be written to, so without bytecode in the zip every cold start would compile every
module that it imports: three to four times the CPU time. The bytecode goes by the sources' hash, which is not
checked again when it is loaded (https://docs.python.org/3/library/py_compile.html), and is good for one minor
version of Python only: that of the Python which packs, and therefore the one that the functions must run on.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

from game.functions import ENTRY, PACKAGES, Package, handlers_of
from infra.packaging import entry
from infra.packaging.distributions import Distributions
from infra.packaging.sources import needs_of

CHECKOUT = Path(__file__).resolve().parents[2]
UV = CHECKOUT / ".venvs" / "uv" / "bin" / "uv"

RUNTIMES = ("3.11", "3.12", "3.13", "3.14")
"""Versions of Python that Lambda has a managed runtime for, and we run on.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

TASK_ROOT = "/var/task"
"""Where Lambda unpacks a zip: what tracebacks name."""

# The first moment that a zip can tell.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


class BundleError(Exception):
    """A package cannot be made; the message says why."""


@dataclass(frozen=True)
class Target:
    """The target of a package: this minor version of Python, on a platform by uv's name (None: this one)."""

    platform: str | None = None

    @property
    def python(self) -> str:
        """Major and minor version, as `3.13`: the functions' runtime is `python3.13`."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment by which requirements' markers are judged (PEP 508)."""
        values = {name: str(value) for name, value in default_environment().items()}
        if self.platform:
            machine = self.platform.partition("-")[0]
            linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
            values |= linux | {"platform_machine": machine}
        return values

    def require_runtime(self) -> None:
        """Raise BundleError if it is Lambda, and Lambda has no runtime of this Python."""
        if self.platform and self.python not in RUNTIMES:
            raise BundleError(
                f"Lambda has no runtime for Python {self.python}, but for {', '.join(RUNTIMES)}. Make the "
                f"environments with one of these: make clean, then make PYTHON=python{RUNTIMES[-1]} …"
            )


HOST = Target()
"""This machine: for measuring and for tests."""

# Amazon Linux 2, on which Python 3.11 runs, has glibc 2.26; Amazon Linux 2023, of the later ones, has 2.34.
ARM64 = Target("aarch64-manylinux_2_17")
X86_64 = Target("x86_64-manylinux_2_17")
TARGETS = {"arm64": ARM64, "x86_64": X86_64, "host": HOST}
"""Lambda's two architectures, by its own names for them, and this machine."""


@dataclass(frozen=True)
class Bundle:
    """A package as made: unpacked in a folder, and zipped."""

    folder: Path
    zip: Path

    @property
    def unzipped_size(self) -> int:
        """Bytes of the files unpacked; Lambda takes 250 MB.

        https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        """
        return size_of(self.folder)

    @property
    def zip_size(self) -> int:
        """Bytes of the zip."""
        return self.zip.stat().st_size

    @property
    def sizes(self) -> str:
        """Both sizes for people, as `12.8 MB, 39.1 MB unpacked`."""
        return f"{self.zip_size / 1e6:.1f} MB, {self.unzipped_size / 1e6:.1f} MB unpacked"


def build_all(target: Target, out: Path) -> dict[Package, Bundle]:
    """Make every package, some at a time; see `build`."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(
            zip(PACKAGES, pool.map(lambda package: build(package, target, out), PACKAGES), strict=True)
        )


def build(package: Package, target: Target, out: Path) -> Bundle:
    """Make a package: `out/<name>/` and `out/<name>.zip`, new whatever was there.

    Raises BundleError, or SourceError or DistributionError for what cannot be told or found.
    """
    target.require_runtime()
    bundle = Bundle(out / package.name, out / f"{package.name}.zip")
    shutil.rmtree(bundle.folder, ignore_errors=True)
    bundle.folder.mkdir(parents=True)
    needs = needs_of(CHECKOUT, package.module)
    with tempfile.TemporaryDirectory() as installed:
        install(package.requirements, target, Path(installed))
        distributions = Distributions(Path(installed), target.environment)
        for name in sorted(distributions.needed(needs.libraries, direct(package.requirements))):
            copy_files(Path(installed), distributions.files(name, needs.services), bundle.folder)
    copy_files(CHECKOUT, needs.files, bundle.folder)
    (bundle.folder / f"{ENTRY}.py").write_text(
        entry.source(package.module, handlers_of(package), needs), encoding="utf-8"
    )
    compile_all(bundle.folder)
    zip_folder(bundle.folder, bundle.zip)
    return bundle


def install(requirements: str, target: Target, folder: Path) -> None:
    """Install a lock file's distributions into a folder. Raises BundleError with what uv has to say."""
    uv = str(UV) if UV.is_file() else shutil.which("uv")
    if uv is None:
        raise BundleError("uv is not installed. Run `make run` once to install it.")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--target", str(folder)]
    if target.platform:
        command += ["--python-platform", target.platform, "--python-version", target.python]
    _run([*command, "--requirement", str(_file(requirements, "txt"))])


def direct(requirements: str) -> Iterator[Requirement]:
    """Yield the requirements that we state ourselves, before locking, with their extras."""
    for line in _file(requirements, "in").read_text(encoding="utf-8").splitlines():
        stated = line.partition("#")[0].strip()
        if stated.startswith("-r "):
            yield from direct(stated.removeprefix("-r ").strip().removesuffix(".in"))
        elif stated:
            yield Requirement(stated)


def compile_all(folder: Path) -> None:
    """Put the bytecode of every module into a folder, the same bytes each time. Raises BundleError."""
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", TASK_ROOT]
    # The order of a set among the constants follows the hashes of its strings.
    _run([sys.executable, "-S", "-s", "-m", "compileall", *options, str(folder)], {"PYTHONHASHSEED": "0"})


def copy_files(source: Path, files: Iterable[os.PathLike[str]], folder: Path) -> None:
    """Copy files, by their paths in `source`, to the same paths in a folder."""
    for file in files:
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, target)


def zip_folder(folder: Path, file: Path) -> None:
    """Zip a folder, the same bytes each time."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in paths:
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _NO_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whose permissions Lambda needs: readable by all
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())


def size_of(folder: Path) -> int:
    """Return the bytes of all the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _file(requirements: str, suffix: str) -> Path:
    return CHECKOUT / "requirements" / f"{requirements}.{suffix}"


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    result = subprocess.run(  # noqa: S603 -- no shell, and every word is ours
        command, env=environment, text=True, capture_output=True, check=False
    )
    if result.returncode != 0:
        raise BundleError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make every package for one architecture."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.packaging.bundle", description="Pack the Lambda functions."
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to put them in")
    parser.add_argument("--architecture", choices=TARGETS, default="arm64", help="Lambda's; default arm64")
    options = parser.parse_args(arguments)
    for bundle in build_all(TARGETS[options.architecture], options.out).values():
        sys.stdout.write(f"{bundle.zip}: {bundle.sizes}\n")


if __name__ == "__main__":
    main()
