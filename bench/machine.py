"""Where the figures are from: the machine, and the versions of what was run on it."""

import os
import platform
import subprocess
from importlib import metadata
from json import loads

from bench.processes import CHECKOUT
from loadtest.machine import processor

_PYTHON_PACKAGES = ("aioboto3", "aiohttp", "awscrt", "boto3", "httptools", "picows", "uvicorn", "uvloop")
_NODE_PACKAGES = ("@aws-sdk/client-apigatewaymanagementapi",)
_GB = 1 << 30


def describe() -> dict[str, str]:
    """Return the machine's properties by name; a property that cannot be found out is unknown."""
    return {
        "Processor": processor(),
        "Cores": str(_cores()),
        "Memory": f"{_memory() / _GB:.0f} GB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Node": _node(),
        **{name: metadata.version(name) for name in _PYTHON_PACKAGES},
        "ministack": _ministack(),
        **{name: _node_package(name) for name in _NODE_PACKAGES},
    }


def load() -> str:
    """Return how busy the machine is with other things: to be called before anything is run."""
    return f"{os.getloadavg()[0]:.1f} processes running, on average over a minute"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _node() -> str:
    try:
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.stdout.strip().removeprefix("v")


def _node_package(name: str) -> str:
    try:
        package = loads((CHECKOUT / "node_modules" / name / "package.json").read_text())
    except OSError:
        return "unknown"
    return str(package["version"])


def _ministack() -> str:
    folders = map(str, (CHECKOUT / ".venvs" / "emulator" / "lib").glob("python*/site-packages"))
    found = [package.version for package in metadata.distributions(name="ministack", path=list(folders))]
    return found[0] if found else "unknown"
