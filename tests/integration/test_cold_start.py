"""The Lambda packages as made for this machine: what they may weigh, how long they may take to import."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.coldstart import SDK, Sdk, import_seconds, prepare
from infra.bundle import HOST, Bundle, build
from infra.functions import AUTHORIZER, ENTRY, PACKAGES, Package

ZIP_LIMIT = 25_000_000
"""Bytes of one zip."""
IMPORT_LIMIT = 1.4
"""Times the import of the SDK alone."""

# The least of several runs is what an import takes when nothing else disturbs it. Both sides get the same
# number of runs: at least so many, and more of them as long as the limit is not kept.
LEAST_RUNS, MOST_RUNS = 5, 40

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PODIUM_CONNECTIONS_URL": "https://live.example.com/prod",
    "PODIUM_PORTRAIT_FUNCTION": "portraits",
    "PODIUM_PUSHER_FUNCTION": "pusher",
    "PODIUM_TOKEN_ISSUER": "https://issuer.example.com",
    "PODIUM_TOKEN_CLIENT_ID": "game",
    "PODIUM_KEY_SET_URL": "https://issuer.example.com/.well-known/jwks.json",
    "PODIUM_DEPLOYMENT": json.dumps(
        {
            "region": "us-east-1",
            "restUrl": "https://api.example.com",
            "webSocketUrl": "wss://live.example.com",
            "userPoolId": "us-east-1_pool",
            "userPoolClientId": "game",
            "avatarBucket": "game-avatars",
        }
    ),
}

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

Prepared = tuple[Sdk, Mapping[Package, Bundle]]

every_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Every package for this machine, and the SDK alone."""
    return prepare(tmp_path_factory.mktemp("packages"))


@every_package
async def test_import_takes_little_more_than_that_of_the_sdk(prepared: Prepared, package: Package) -> None:
    sdk, bundles = prepared
    ours: list[float] = []
    theirs: list[float] = []
    while len(ours) < LEAST_RUNS or (min(ours) > IMPORT_LIMIT * min(theirs) and len(ours) < MOST_RUNS):
        theirs.append(await import_seconds(sdk.folder, SDK))
        ours.append(await import_seconds(bundles[package].folder, ENTRY))
    assert min(ours) <= IMPORT_LIMIT * min(theirs)


@every_package
def test_zip_holds_the_package_and_is_small(prepared: Prepared, package: Package) -> None:
    bundle = prepared[1][package]
    assert bundle.zip_size < ZIP_LIMIT
    with zipfile.ZipFile(bundle.zip) as archive:
        assert archive.testzip() is None
        content = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in bundle.folder.rglob("*") if path.is_file()]
    assert content == {path.relative_to(bundle.folder).as_posix(): path.read_bytes() for path in files}


@every_package
def test_package_has_all_that_the_first_invocation_opens(
    prepared: Prepared, package: Package, tmp_path: Path
) -> None:
    bundle = prepared[1][package]
    command = [sys.executable, "-I", "-S", "-B", "-c", OPEN, str(bundle.folder), package.module]
    environment = ENVIRONMENT | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HOME": str(tmp_path),
    }
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # Each of these would be a noticeable part of the cold start, and is not needed for it.
    unwanted = {"aws_lambda_powertools.event_handler.openapi.models", "pydantic_settings"}
    unwanted |= {"botocore"} if package == AUTHORIZER else {"jwt", "cryptography"}
    assert unwanted.isdisjoint(json.loads(result.stdout))


def test_same_sources_give_the_same_bytes(prepared: Prepared, tmp_path: Path) -> None:
    first = prepared[1][AUTHORIZER]
    assert build(AUTHORIZER, HOST, tmp_path).zip.read_bytes() == first.zip.read_bytes()


def test_bytecode_does_not_name_the_folder_where_it_was_made(
    prepared: Prepared,
) -> None:
    folder = prepared[1][AUTHORIZER].folder
    for path in (folder / "realtime").rglob("*.pyc"):
        assert str(folder).encode() not in path.read_bytes()
