"""No engine builds the image here, so its Dockerfile is checked against the code that it carries."""

import ast
import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from cv import vision
from tests.support.waiting import COMMAND_SECONDS

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "cv" / "Dockerfile"
FOLDERS = {"game", "runtime", "store", "realtime", "streams", "api", "cv", "infra", "local", "loadtest"}
PYTHON = "3.12"
PLATFORMS = ("aarch64-manylinux_2_34", "x86_64-manylinux_2_34")
"""Lambda's processors, with Amazon Linux 2023's glibc."""


def instructions() -> list[tuple[str, str]]:
    """Name and arguments, continuation lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def arguments(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def copied() -> dict[str, str]:
    """Source in the repository to its place in the image."""
    pairs = [rest.split() for rest in arguments("COPY") if "--from" not in rest]
    return dict(pairs)


def imported_folders(folder: str) -> set[str]:
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(str(node.module))
    return {name.partition(".")[0] for name in names} & FOLDERS


def test_every_copied_path_exists() -> None:
    assert copied()
    assert all((ROOT / source).exists() for source in copied())


def test_image_carries_what_the_handler_imports_and_no_more() -> None:
    needed: set[str] = set()
    found = {"cv"}
    while found - needed:
        needed |= found
        found = set().union(*map(imported_folders, needed))
    places = {source: place for source, place in copied().items() if source in FOLDERS}
    assert set(places) == needed
    assert all(place == f"${{LAMBDA_TASK_ROOT}}/{source}" for source, place in places.items())


def test_command_is_a_function() -> None:
    (command,) = arguments("CMD")
    (handler,) = json.loads(command)
    module, _, name = handler.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_base_is_lambda_s_python_and_the_last_stage_is_not_root() -> None:
    base, again = arguments("ARG")
    assert again == "BASE", "of the second stage, for its label"
    assert arguments("LABEL") == ["org.opencontainers.image.base.name=${BASE}"]
    assert base.partition("@")[0] == f"BASE=public.ecr.aws/lambda/python:{PYTHON}"
    assert arguments("FROM") == ["${BASE} AS packages", "${BASE}"]
    (user,) = arguments("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    last_stage = [name for name, _ in instructions()][::-1]
    assert last_stage.index("USER") < last_stage.index("FROM")


def test_build_asks_no_registry_but_the_base_s() -> None:
    # A `syntax` line fetches a parser from Docker Hub, which counts anonymous pulls.
    assert not re.search(r"^#\s*syntax\s*=", DOCKERFILE.read_text(encoding="utf-8"), re.IGNORECASE)


def test_packages_are_installed_with_their_hashes_and_never_built() -> None:
    (install,) = (run for run in arguments("RUN") if "pip install" in run)
    assert all(option in install for option in ("--require-hashes", "--no-deps", "--only-binary :all:"))
    lock = (ROOT / "requirements" / "cv.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^\S+==\S+.*$", lock, re.MULTILINE)
    assert all(pin.endswith("\\") for pin in pins)
    assert any(pin.startswith("opencv-python-headless==") for pin in pins)
    assert not any(pin.startswith(("opencv-python==", "opencv-contrib-python-headless==")) for pin in pins)


def test_image_has_the_libraries_that_the_error_on_a_bare_machine_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vision, "_LIBRARIES", ("libNoSuchThing.so.1",))
    with pytest.raises(vision.GraphicsLibraryError) as missing:
        vision.require_graphics_libraries()
    (install,) = (run for run in arguments("RUN") if "dnf install" in run)
    packages = re.findall(r"libglvnd-\w+", install)
    assert len(packages) == 2
    assert all(package in str(missing.value) for package in packages)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_resolves_for_the_image(platform: str, tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(ROOT / ".venvs" / "uv" / "bin"))
    if uv is None:
        pytest.skip("uv is not in .venvs/uv")
    resolved = subprocess.run(
        [
            *(uv, "pip", "install", "--dry-run", "--target", str(tmp_path), "--no-deps", "--require-hashes"),
            *("--only-binary", ":all:", "--python-version", PYTHON, "--python-platform", platform),
            *("--requirements", str(ROOT / "requirements" / "cv.txt")),
        ],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert resolved.returncode == 0, resolved.stderr
    assert "+ mediapipe==1.2.2" in resolved.stderr
    assert "opencv-contrib-python" not in resolved.stderr
