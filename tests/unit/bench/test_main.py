"""The command: JSON lines and nothing else on standard output, failures named, the page when it is due."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.benchmarks import MODULES
from bench.figure import Figure
from bench.scale import Scale

Run = Callable[[Scale], Awaitable[list[Figure]]]


@pytest.fixture
def scales(monkeypatch: pytest.MonkeyPatch) -> list[Scale]:
    """Puts a benchmark of one figure in the place of each; the scales that they were given."""
    given: list[Scale] = []

    def find(name: str) -> Run:
        async def run(scale: Scale) -> list[Figure]:
            given.append(scale)
            await asyncio.sleep(0)
            if name == "slow" and scale.rounds == 13:
                raise RuntimeError("an unlucky number")
            return [Figure(name, "only", 2, 1, "peer", "s", "more")]

        return run

    monkeypatch.setattr(bench, "find", find)
    return given


def lines(text: str) -> list[str]:
    return [json.loads(line)["bench"] for line in text.splitlines()]


def test_all_benchmarks_run_in_order_and_the_page_is_written(
    scales: list[Scale], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "benchmarks.md"
    assert bench.main([], page) == 0
    assert lines(capsys.readouterr().out) == list(MODULES)
    assert scales == [Scale(rounds=3, quick=False)] * len(MODULES)
    text = page.read_text()
    assert text.count("\n## ") == len(MODULES) + 1
    assert "| Load before | " in text


def test_a_failing_benchmark_is_named_and_the_others_still_run(
    scales: list[Scale], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "benchmarks.md"
    assert bench.main(["--rounds", "13"], page) == 1
    said = capsys.readouterr()
    assert lines(said.out) == [name for name in MODULES if name != "slow"]
    assert "an unlucky number" in said.err
    assert "Failed: slow" in said.err
    assert not page.exists()


def test_single_benchmark_writes_the_page_only_with_write(
    scales: list[Scale], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "benchmarks.md"
    assert bench.main(["--only", "push", "--quick"], page) == 0
    assert not page.exists()
    assert scales == [Scale(rounds=3, quick=True)]
    assert bench.main(["--only", "push", "--only", "slow", "--write"], page) == 0
    assert "make bench only=push only=slow" in page.read_text()
    assert lines(capsys.readouterr().out) == ["push", "push", "slow"]


def test_a_benchmark_that_takes_too_long_has_failed(
    scales: list[Scale],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(bench, "LIMIT_SECONDS", -1)
    assert bench.main(["--only", "push"], tmp_path / "benchmarks.md") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Failed: push" in said.err


@pytest.mark.parametrize("arguments", [["--only", "lunch"], ["--rounds", "0"]])
def test_unknown_benchmark_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        bench.main(arguments)
    assert refused.value.code == 2
