"""What a picture may cost, however it was made: measured in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cv.vision import Models
from tests.support.waiting import COMMAND_SECONDS
from tests.unit.cv.hostile import HEAVY, REFUSED

ROOT = Path(__file__).parents[3]
MEGABYTES = 1536
"""Of the function's 2048: infra/avatars.py."""
LARGEST = "png of 64 megapixels"
"""A picture as large as any may be, and with nothing odd about it: what its portrait takes is what others may
take on this machine, times TIMES."""
TIMES = 10
"""The dearest of the others takes 3.2 times as long."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, models: Models) -> dict[str, dict[str, Any]]:
    """Return what each file took."""
    folder = tmp_path_factory.mktemp("hostile")
    files = {**HEAVY, **{name: make for name, (make, _) in REFUSED.items()}}
    paths = []
    for number, make in enumerate(files.values()):
        paths.append(folder / f"{number}")
        paths[-1].write_bytes(make())
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.cv.measure", *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(zip(files, map(json.loads, run.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", [*HEAVY, *REFUSED])
def test_file_is_dealt_with_in_little_time_and_memory(name: str, measured: dict[str, dict[str, Any]]) -> None:
    took = measured[name]
    assert took["megabytes"] < MEGABYTES
    assert took["seconds"] <= TIMES * measured[LARGEST]["seconds"]


@pytest.mark.parametrize("name", HEAVY)
def test_file_within_the_limits_becomes_a_portrait(name: str, measured: dict[str, dict[str, Any]]) -> None:
    assert measured[name]["outcome"] in {"face", "no face"}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_file_is_refused(name: str, measured: dict[str, dict[str, Any]]) -> None:
    assert measured[name]["outcome"] == REFUSED[name][1]
