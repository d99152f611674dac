"""Pack the Lambda functions into one zip, without Docker.

    python -m infra.packaging.bundle --out cdk.out/lambda

    our folders + files of locked distributions that may run + entries (.entry) + bytecode -> folder -> zip

All functions share the zip: the CPU time of a cold start goes by what a handler imports, not by what lies
beside it (docs/benchmarks.md, "Cold start"). The zip is the same, byte by byte, for the same sources, lock
file, Python and target: its files are sorted and carry no time of day.

Lambda's file system cannot be written to, so without bytecode in the zip every cold start would compile every
module that it imports: three to four times the CPU time. The bytecode goes by the sources' hash, which is not
checked again when it is loaded (https://docs.python.org/3/library/py_compile.html), and is good for one minor
version of Python only: that of the Python which packs, and therefore the one that the functions must run on.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from game.functions import MODULES, entry_of, handlers_of
from infra.packaging import entry

CHECKOUT = Path(__file__).resolve().parents[2]
UV = CHECKOUT / ".venvs" / "uv" / "bin" / "uv"

RUNTIMES = ("3.11", "3.12", "3.13", "3.14")
"""Versions of Python that Lambda has a managed runtime for, and we run on.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

FOLDERS = ("api", "game", "realtime", "runtime", "store", "streams")
"""Our folders that a handler may import from."""

REQUIREMENTS = CHECKOUT / "requirements" / "realtime.txt"
"""The lock file of what they import: every distribution in it is needed."""

NEVER_RUN = frozenset({".c", ".h", ".md", ".pxd", ".pxi", ".pyi", ".pyx", ".rst", ".typed"})
"""Suffixes of files for compilers, type checkers and readers."""

SERVICES = frozenset(
    {
        "apigatewaymanagementapi",
        "cognito-idp",
        "dynamodb",
        "lambda",
        "s3",
        "secretsmanager",
        "sso",
        "sso-oidc",
        "sts",
    }
)
"""The services, of botocore's 400, that clients are made of; the last three by its credential chain.

A service that is missing here fails by name where its client is made, which is at a function's first event.
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
    """The package as made: unpacked in a folder, and zipped."""

    folder: Path
    zip: Path

    @property
    def unzipped_size(self) -> int:
        """Bytes of the files unpacked; Lambda takes 250 MB.

        https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        """
        return sum(path.stat().st_size for path in _files(self.folder))

    @property
    def zip_size(self) -> int:
        """Bytes of the zip."""
        return self.zip.stat().st_size

    @property
    def sizes(self) -> str:
        """Both sizes for people, as `12.8 MB, 39.1 MB unpacked`."""
        return f"{self.zip_size / 1e6:.1f} MB, {self.unzipped_size / 1e6:.1f} MB unpacked"


def build(target: Target, out: Path) -> Bundle:
    """Make the package: `out/podium/` and `out/podium.zip`, new whatever was there. Raises BundleError."""
    target.require_runtime()
    bundle = Bundle(out / "podium", out / "podium.zip")
    shutil.rmtree(bundle.folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as installed:
        install(target, Path(installed))
        _copy(Path(installed), Path(), bundle.folder)
    for folder in FOLDERS:
        _copy(CHECKOUT, Path(folder), bundle.folder)
    for module in MODULES:
        source = entry.source(module, handlers_of(module))
        (bundle.folder / f"{entry_of(module)}.py").write_text(source, encoding="utf-8")
    compile_all(bundle.folder)
    zip_folder(bundle.folder, bundle.zip)
    return bundle


def install(target: Target, folder: Path) -> None:
    """Install the locked distributions into a folder. Raises BundleError with what uv has to say."""
    uv = str(UV) if UV.is_file() else shutil.which("uv")
    if uv is None:
        raise BundleError("uv is not installed. Run `make run` once to install it.")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--target", str(folder)]
    if target.platform:
        command += ["--python-platform", target.platform, "--python-version", target.python]
    _run([*command, "--requirement", str(REQUIREMENTS)])


def may_run(file: PurePosixPath) -> bool:
    """Return whether a file may ever be run or read in a function, by its path in the package."""
    top, *inner = file.parts
    if top == "bin" or top.endswith(".dist-info") or top.startswith("."):
        return False
    if file.suffix in NEVER_RUN or "__pycache__" in inner or file.name.startswith("."):
        return False
    match file.parts:
        # Of `resource()`, which we do not use.
        case ("boto3", "data" | "examples", *_):
            return False
        case ("botocore", "data", service, _, *_):
            return service in SERVICES
    return True


def compile_all(folder: Path) -> None:
    """Put the bytecode of every module into a folder, the same bytes each time. Raises BundleError."""
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", TASK_ROOT]
    # The order of a set among the constants follows the hashes of its strings.
    _run([sys.executable, "-S", "-s", "-m", "compileall", *options, str(folder)], {"PYTHONHASHSEED": "0"})


def zip_folder(folder: Path, file: Path) -> None:
    """Zip a folder, the same bytes each time."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(_files(folder)):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _NO_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whose permissions Lambda needs: readable by all
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())


def _copy(source: Path, part: Path, folder: Path) -> None:
    """Copy a part of `source` to the same place in a folder, but for what never runs."""
    for file in _files(source / part):
        inner = file.relative_to(source)
        if may_run(PurePosixPath(inner)):
            target = folder / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    result = subprocess.run(  # noqa: S603 -- no shell, and every word is ours
        command, env=environment, text=True, capture_output=True, check=False
    )
    if result.returncode != 0:
        raise BundleError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the package for one architecture."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.packaging.bundle", description="Pack the Lambda functions."
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to put them in")
    parser.add_argument("--architecture", choices=TARGETS, default="arm64", help="Lambda's; default arm64")
    options = parser.parse_args(arguments)
    bundle = build(TARGETS[options.architecture], options.out)
    sys.stdout.write(f"{bundle.zip}: {bundle.sizes}\n")


if __name__ == "__main__":
    main()
