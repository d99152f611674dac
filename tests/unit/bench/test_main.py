"""The command: JSON lines and nothing else on standard output, failures named, the page when it is due."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.figure import Figure
from bench.rounds import Scale
from bench.sections import SECTIONS

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


@pytest.mark.parametrize("name", SECTIONS)
def test_every_benchmark_can_be_found(name: str) -> None:
    assert asyncio.iscoroutinefunction(bench.find(name))


def test_all_benchmarks_run_in_order_and_the_page_is_written(
    scales: list[Scale], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "benchmarks.md"
    assert bench.main([], page) == 0
    assert lines(capsys.readouterr().out) == list(SECTIONS)
    assert scales == [Scale(rounds=3, quick=False)] * len(SECTIONS)
    text = page.read_text()
    assert text.count("\n## ") == len(SECTIONS) + 1
    assert "| Load before | " in text


def test_a_failing_benchmark_is_named_and_the_others_still_run(
    scales: list[Scale],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    page = tmp_path / "benchmarks.md"
    assert bench.main(["--rounds", "13"], page) == 1
    said = capsys.readouterr()
    assert lines(said.out) == [name for name in SECTIONS if name != "slow"]
    assert "an unlucky number" in said.err
    assert "Failed: slow" in said.err
    # One that takes too long has failed too.
    monkeypatch.setattr(bench, "LIMIT_SECONDS", -1)
    assert bench.main(["--only", "push"], page) == 1
    assert "Failed: push" in capsys.readouterr().err
    assert not page.exists()


def test_single_benchmark_writes_the_page_only_when_asked(
    scales: list[Scale], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "benchmarks.md"
    assert bench.main(["--only", "push", "--quick"], page) == 0
    assert not page.exists()
    assert scales == [Scale(rounds=3, quick=True)]
    assert bench.main(["--only", "push", "--only", "slow", "--write"], page) == 0
    assert "make bench only=push only=slow" in page.read_text()
    assert lines(capsys.readouterr().out) == ["push", "push", "slow"]


def test_rounds_below_one_are_refused() -> None:
    with pytest.raises(SystemExit) as refused:
        bench.main(["--rounds", "0"])
    assert refused.value.code == 2
