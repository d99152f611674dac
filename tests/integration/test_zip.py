"""The zip of the Lambda functions, made for this machine: what is in it, and what a first invocation imports.

How long a cold start takes is measured by `make bench only=coldstart`: a verdict here would be one on the
machine. That each function does its work from this zip is shown by the deployed stacks (tests/e2e).
"""

import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.coldstart import SDK
from game.functions import AUTHORIZER, MODULES, entry_of
from infra.packaging.bundle import FOLDERS, HOST, Bundle, build

ZIP_LIMIT = 25_000_000
"""Bytes of the zip."""

LIBRARY_KILOBYTES = {
    "api.app": 2_580,
    "api.sign_up_app": 1_600,
    "realtime.app": 1_600,
    "realtime.authorizer_app": 1_990,
    "streams.app": 1_600,
    "streams.ranker_app": 1_600,
}
"""The most Python source of libraries that a first invocation imports beyond what the SDK alone does.

A few kilobytes above what it is. Raise one only together with a look at `make bench only=coldstart`.
"""

ROOT = Path(__file__).parents[2]
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()

# The interpreter itself, not a virtual environment's link to it. Isolated from the environment's variables
# and the user's packages (-I) and from its own packages (-S); writes no bytecode.
ISOLATED_PYTHON = (str(Path(sys.executable).resolve()), "-I", "-S", "-B", "-c")

DEPLOYMENT = {
    "region": "us-east-1",
    "restUrl": "https://api.example.com/dev",
    "webSocketUrl": "wss://live.example.com/dev",
    "userPoolId": "us-east-1_Podium123",
    "userPoolClientId": "4h57k5example",
    "avatarBucket": "game-avatars",
}
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Podium/dev",
    "POWERTOOLS_SERVICE_NAME": "podium",
    "PODIUM_TABLE_PREFIX": "podium-dev-",
    "PODIUM_CONNECTIONS_URL": "https://live.example.com/dev",
    "PODIUM_PORTRAIT_FUNCTION": "podium-dev-portraits",
    "PODIUM_PUSHER_FUNCTION": "podium-dev-pusher",
    "PODIUM_TOKEN_ISSUER": "https://issuer.example.com",
    "PODIUM_TOKEN_CLIENT_ID": "game",
    "PODIUM_KEY_SET_URL": "https://issuer.example.com/.well-known/jwks.json",
    "PODIUM_USER_POOL_ID": "us-east-1_Podium123",
    "PODIUM_RUN_SECRET": "runs",
    "PODIUM_GUESTS_PER_MINUTE": "120",
    "PODIUM_DEPLOYMENT": json.dumps(DEPLOYMENT),
}
"""What Lambda and the stacks set, for all functions together."""

IMPORT = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""

# Opens what the first invocation opens: settings, catalogue, clients. The last argument is our own module.
OPEN = f"""{IMPORT}
async def done(_):
    pass
sys.modules[sys.argv[-1]]._container.run(done)
"""

SAY = """
print(json.dumps({name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}))
"""


def imported(program: str, folder: Path, home: Path, *modules: str) -> dict[str, Path]:
    """Return the modules that a program has imported from a folder by its end, and the file of each.

    Fails where it has found one elsewhere than in the folder and the standard library.
    """
    result = subprocess.run(
        [*ISOLATED_PYTHON, program + SAY, str(folder), *modules],
        env=VARIABLES | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    files = {name: Path(file).resolve() for name, file in json.loads(result.stdout).items() if file}
    ours = {name: file for name, file in files.items() if file.is_relative_to(folder.resolve())}
    strangers = [file for name, file in files.items() if name not in ours and not is_standard(file)]
    assert strangers == []
    return ours


def is_standard(file: Path) -> bool:
    # An interpreter's own packages are in a folder of the standard library.
    return file.is_relative_to(STANDARD_LIBRARY) and "site-packages" not in file.parts


def kilobytes(modules: Mapping[str, Path]) -> dict[str, float]:
    """Return the Python source of libraries among modules, by the library's name."""
    sizes: dict[str, float] = {}
    for name, file in modules.items():
        library = name.partition(".")[0]
        if file.suffix == ".py" and not (ROOT / library).exists():
            sizes[library] = sizes.get(library, 0) + file.stat().st_size / 1_000
    return sizes


def test_zip_holds_the_package_and_is_small(bundle: Bundle) -> None:
    assert bundle.zip_size < ZIP_LIMIT
    with zipfile.ZipFile(bundle.zip) as archive:
        assert archive.testzip() is None
        content = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in bundle.folder.rglob("*") if path.is_file()]
    assert content == {path.relative_to(bundle.folder).as_posix(): path.read_bytes() for path in files}


def test_package_built_twice_gives_the_same_zip(bundle: Bundle, tmp_path: Path) -> None:
    assert build(HOST, tmp_path).zip.read_bytes() == bundle.zip.read_bytes()


def test_bytecode_does_not_name_the_folder_where_it_was_made(bundle: Bundle) -> None:
    bytecode = [*(bundle.folder / "realtime").rglob("*.pyc")]
    assert bytecode
    for path in bytecode:
        assert str(bundle.folder).encode() not in path.read_bytes()


def test_every_module_of_ours_can_be_imported_from_the_zip_alone(bundle: Bundle, tmp_path: Path) -> None:
    files = [file for folder in FOLDERS for file in (bundle.folder / folder).rglob("*.py")]
    modules = {".".join(file.relative_to(bundle.folder).with_suffix("").parts) for file in files}
    assert modules >= {*MODULES, "game.catalogue", "realtime.push.client"}
    found = imported(IMPORT, bundle.folder, tmp_path, *sorted(modules))
    assert modules <= found.keys() | {f"{name}.__init__" for name in found}


@pytest.mark.parametrize("module", MODULES)
def test_first_invocation_imports_few_libraries_beyond_those_of_the_sdk(
    bundle: Bundle, module: str, tmp_path: Path
) -> None:
    theirs = imported(IMPORT, bundle.folder, tmp_path, SDK)
    ours = imported(OPEN, bundle.folder, tmp_path, entry_of(module), module)
    beyond = kilobytes({name: file for name, file in ours.items() if name not in theirs})
    assert sum(beyond.values()) <= LIBRARY_KILOBYTES[module], beyond
    # Each of these would be a noticeable part of the cold start.
    unwanted = {"aws_lambda_powertools.event_handler.openapi.models", "pydantic_settings"}
    unwanted |= {"botocore.session"} if module == AUTHORIZER.module else {"jwt", "cryptography"}
    assert unwanted.isdisjoint(ours)
