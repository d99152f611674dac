"""Cold starts of the Lambda functions, from their zip for this machine: what the first invocation imports.

How long that takes is measured by `make bench only=coldstart`: a verdict here would be one on the machine.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.coldstart import SDK
from game.functions import AUTHORIZER, MODULES, entry_of
from infra.packaging.bundle import Bundle
from tests.integration.package_process import CREDENTIALS, ISOLATED_PYTHON, SETTINGS

LIBRARY_KILOBYTES = {
    "api.app": 2_580,
    "realtime.app": 1_600,
    "realtime.authorizer_app": 1_990,
    "streams.app": 1_600,
}
"""The most Python source of libraries that a first invocation imports beyond what the SDK alone does.

A few kilobytes above what it is. Raise one only together with a look at `make bench only=coldstart`.
"""

ROOT = Path(__file__).parents[2]

IMPORT = """
import json, sys
sys.path.insert(0, sys.argv[1])
__import__(sys.argv[2])
"""

# Opens what the first invocation opens: settings, catalogue, clients.
OPEN = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2])
handlers = sys.modules[sys.argv[3]]
async def done(_):
    pass
handlers._container.run(done)
"""

SAY = """
print(json.dumps({name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}))
"""


def imported(program: str, folder: Path, home: Path, *arguments: str) -> dict[str, Path]:
    """Return the modules that a program has imported from a folder by its end, and the file of each."""
    result = subprocess.run(
        [*ISOLATED_PYTHON, program + SAY, str(folder), *arguments],
        env=CREDENTIALS | SETTINGS | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    files = {name: Path(file) for name, file in json.loads(result.stdout).items()}
    return {name: file for name, file in files.items() if file.is_relative_to(folder)}


def kilobytes(modules: Mapping[str, Path]) -> dict[str, float]:
    """Return the Python source of libraries among modules, by the library's name."""
    sizes: dict[str, float] = {}
    for name, file in modules.items():
        library = name.partition(".")[0]
        if file.suffix == ".py" and not (ROOT / library).exists():
            sizes[library] = sizes.get(library, 0) + file.stat().st_size / 1_000
    return sizes


@pytest.mark.parametrize("module", MODULES)
def test_first_invocation_imports_few_libraries_beyond_those_of_the_sdk(
    bundle: Bundle, module: str, tmp_path: Path
) -> None:
    theirs = imported(IMPORT, bundle.folder, tmp_path, SDK)
    ours = imported(OPEN, bundle.folder, tmp_path, entry_of(module), module)
    beyond = kilobytes({name: file for name, file in ours.items() if name not in theirs})
    assert sum(beyond.values()) <= LIBRARY_KILOBYTES[module], beyond


@pytest.mark.parametrize("module", MODULES)
def test_first_invocation_imports_nothing_that_it_could_do_without(
    bundle: Bundle, module: str, tmp_path: Path
) -> None:
    found = imported(OPEN, bundle.folder, tmp_path, entry_of(module), module)
    # Each of these would be a noticeable part of the cold start.
    unwanted = {"aws_lambda_powertools.event_handler.openapi.models", "pydantic_settings"}
    unwanted |= {"botocore.session"} if module == AUTHORIZER.module else {"jwt", "cryptography"}
    assert unwanted.isdisjoint(found)
