"""Cold starts of the Lambda packages, as made for this machine: what is imported, and how long that takes."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.coldstart import SDK, Sdk, import_seconds
from game.functions import AUTHORIZER_PACKAGE, ENTRY, Package
from infra.packaging.bundle import Bundle
from tests.integration.package_process import CREDENTIALS, ISOLATED_PYTHON, SETTINGS

IMPORT_LIMIT = 1.4
"""Times the import of the SDK alone."""

# The least of several runs is what an import takes when nothing else disturbs it. Both sides get the same
# number of runs: at least LEAST_RUNS, and more of them as long as the limit is not kept.
LEAST_RUNS, MOST_RUNS = 5, 40

# Opens what the first invocation opens: settings, catalogue, clients; and says what was imported for it.
OPEN = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
import entry
handlers = importlib.import_module(sys.argv[2])
async def done(_):
    pass
handlers._container.run(done)
print(json.dumps(sorted(sys.modules)))
"""


async def test_import_takes_little_more_than_that_of_the_sdk(
    sdk: Sdk, packages: Mapping[Package, Bundle], package: Package
) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    while len(ours) < LEAST_RUNS or (min(ours) > IMPORT_LIMIT * min(theirs) and len(ours) < MOST_RUNS):
        theirs.append(await import_seconds(sdk.folder, SDK))
        ours.append(await import_seconds(packages[package].folder, ENTRY))
    assert min(ours) <= IMPORT_LIMIT * min(theirs)


def test_first_invocation_imports_nothing_that_it_could_do_without(
    packages: Mapping[Package, Bundle], package: Package, tmp_path: Path
) -> None:
    command = [*ISOLATED_PYTHON, OPEN, str(packages[package].folder), package.module]
    environment = CREDENTIALS | SETTINGS | {"HOME": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # Each of these would be a noticeable part of the cold start.
    unwanted = {"aws_lambda_powertools.event_handler.openapi.models", "pydantic_settings"}
    unwanted |= {"botocore"} if package == AUTHORIZER_PACKAGE else {"jwt", "cryptography"}
    assert unwanted.isdisjoint(json.loads(result.stdout))
