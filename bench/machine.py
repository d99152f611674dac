"""Where the figures are from: the machine, and the versions of what was run on it."""

import os
import subprocess
from importlib import metadata
from json import loads

from bench.processes import CHECKOUT
from loadtest import machine

_PYTHON_PACKAGES = ("aioboto3", "aiohttp", "awscrt", "boto3", "httptools", "picows", "uvicorn", "uvloop")
_NODE_PACKAGES = ("@aws-sdk/client-apigatewaymanagementapi",)


def describe() -> dict[str, str]:
    """Return the machine's properties by name; a property that cannot be found out is unknown."""
    found = machine.describe(_PYTHON_PACKAGES)
    return {
        "Processor": found.processor,
        "Cores": str(found.cores),
        "Memory": f"{found.memory / 2**30:.0f} GB" if found.memory else "unknown",
        "System": found.system,
        **found.versions,
        "node": _node(),
        "ministack": _ministack(),
        **{name: _node_package(name) for name in _NODE_PACKAGES},
    }


def load() -> str:
    """Return how busy the machine is with other things: to be called before anything is run."""
    return f"{os.getloadavg()[0]:.1f} processes running, on average over a minute"


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
