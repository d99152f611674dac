"""The cold start's measuring, on modules of a few lines."""

from pathlib import Path

import pytest

from bench import coldstart
from bench.coldstart import import_seconds
from bench.rounds import Scale
from game.functions import MODULES, entry_of
from infra.packaging.bundle import Bundle


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


async def test_each_module_of_handlers_is_set_beside_the_sdk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def build(*_: object) -> Bundle:
        for module_name in ("aioboto3", *map(entry_of, MODULES)):
            module(tmp_path / "podium", module_name, "x = 1")
        return Bundle(tmp_path / "podium", tmp_path / "podium.zip")

    monkeypatch.setattr(coldstart, "build", build)
    figures = await coldstart.run(Scale(quick=True))
    assert [figure.case for figure in figures] == [f"{module_name}, import" for module_name in MODULES]
    assert {(figure.peer_name, figure.unit, figure.better) for figure in figures} == {
        ("aioboto3", "ms of CPU", "less")
    }
