"""The web client as an npm package: what is in it, its types, and its example against a running backend."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from game.version import VERSION
from tests.e2e.backend import CHECKOUT, BackendProcess
from tests.support.waiting import COMMAND_SECONDS

CLIENT = CHECKOUT / "clients" / "web"
TOOLS = CHECKOUT / "node_modules" / ".bin"
README = (CLIENT / "README.md").read_text()


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a command in a folder, with the repository's tools of Node; return what it says."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tarball, packed from a copy: packing writes into the folder."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(CLIENT, folder / "clients" / "web", ignore=shutil.ignore_patterns("types", "LICENSE"))
    shutil.copy(CHECKOUT / "LICENSE", folder)
    copy = folder / "clients" / "web"
    (said,) = json.loads(run(["npm", "pack", "--json", "--pack-destination", folder], copy))
    left = {path.name for path in copy.iterdir()} - {path.name for path in CLIENT.iterdir()}
    assert left == set(), "packing leaves nothing behind"
    tarball: Path = folder / said["filename"]
    return tarball


@pytest.fixture
def game(packed: Path, tmp_path: Path) -> Path:
    """Return the folder of a game that has installed the package."""
    (tmp_path / "package.json").write_text('{"name": "game", "private": true, "type": "module"}')
    run(["npm", "install", "--offline", "--no-audit", "--no-fund", packed], tmp_path)
    return tmp_path


def test_package_has_the_client_with_its_types_and_not_the_demo(game: Path) -> None:
    package = game / "node_modules" / "podium"
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    modules = {"podium.js"} | {f"podium/{path.name}" for path in (CLIENT / "podium").glob("*.js")}
    types = {f"types/{name.removesuffix('.js')}.d.ts" for name in modules}
    assert files == {"package.json", "README.md", "LICENSE"} | modules | types
    assert (package / "LICENSE").read_bytes() == (CHECKOUT / "LICENSE").read_bytes()
    # npm wants the version in a file of its own.
    assert json.loads((package / "package.json").read_text())["version"] == VERSION


@pytest.mark.parametrize(
    ("module", "resolution"), [("node16", "node16"), ("nodenext", "nodenext"), ("es2022", "bundler")]
)
def test_types_take_what_the_client_takes_and_refuse_the_rest(
    game: Path, module: str, resolution: str
) -> None:
    shutil.copy(Path(__file__).with_name("typescript_game.ts"), game / "game.ts")
    options = {
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "module": module,
        "moduleResolution": resolution,
        "lib": ["es2022", "dom"],
        "types": [],
    }
    (game / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["game.ts"]}))
    run(["tsc"], game)


def test_example_of_the_readme_runs_on_node(game: Path, plain_backend: BackendProcess) -> None:
    example = next(text for text in re.findall(r"```js\n(.*?)```", README, re.S) if 'from "podium"' in text)
    assert len([line for line in example.splitlines() if line]) <= 10
    address = "http://127.0.0.1:8000"
    assert address in example
    (game / "example.js").write_text(example.replace(address, plain_backend.rest_url))
    has_sockets = run(["node", "-p", "typeof WebSocket"], game).strip() == "function"
    said = run(["node", *([] if has_sockets else ["--experimental-websocket"]), "example.js"], game)
    assert "4200" in said
