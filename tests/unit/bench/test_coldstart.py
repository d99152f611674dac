"""The cold start's measuring, on packages of a few lines."""

from pathlib import Path

import pytest

from bench import coldstart
from bench.coldstart import Sdk, import_seconds
from bench.rounds import Scale
from game.functions import API_PACKAGE, AUTHORIZER_PACKAGE
from infra.packaging.bundle import Bundle, zip_folder


def module(folder: Path, name: str, source: str) -> Path:
    """Return a folder with one module."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(source)
    return folder


async def test_cold_start_counts_work_and_not_waiting(tmp_path: Path) -> None:
    module(tmp_path, "waits", "import time\ntime.sleep(0.3)")
    module(
        tmp_path,
        "works",
        "import time\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: ...",
    )
    assert await import_seconds(tmp_path, "waits") < 0.3
    assert await import_seconds(tmp_path, "works") >= 0.3


async def test_cold_start_does_not_see_installed_packages(tmp_path: Path) -> None:
    module(tmp_path, "entry", "import pydantic")
    with pytest.raises(ImportError, match="entry"):
        await import_seconds(tmp_path, "entry")


async def test_each_package_is_set_beside_the_sdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def bundle(name: str) -> Bundle:
        made = Bundle(module(tmp_path / name, "entry", "x = 1"), tmp_path / f"{name}.zip")
        zip_folder(made.folder, made.zip)
        return made

    def prepare(_: Path) -> tuple[Sdk, dict[object, Bundle]]:
        sdk = Sdk(module(tmp_path / "sdk", "aioboto3", ""), 50_000_000, 20_000_000)
        return sdk, {API_PACKAGE: bundle("api"), AUTHORIZER_PACKAGE: bundle("authorizer")}

    monkeypatch.setattr(coldstart, "prepare", prepare)
    figures = {figure.case: figure for figure in await coldstart.run(Scale(quick=True))}
    assert set(figures) == {
        f"{name}, {case}" for name in ("api", "authorizer") for case in ("import", "unzipped", "zip")
    }
    unzipped = figures["api, unzipped"]
    assert (unzipped.ours, unzipped.peer, unzipped.unit) == (5 / 1e6, 50, "MB")
    assert figures["api, zip"].peer == 20
    assert {figure.better for figure in figures.values()} == {"less"}
