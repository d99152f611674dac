"""`python -m bench` as a person runs it, in tiny sizes: what it prints, and that nothing is left."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.waiting import COMMAND_SECONDS, until

CHECKOUT = Path(__file__).parents[2]


class Bench:
    """A run of `python -m bench`, and every process that it starts: they inherit a mark of its own."""

    def __init__(self, *arguments: str) -> None:
        self._mark = f"BENCH_TEST={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench", *arguments],
            cwd=CHECKOUT,
            env=os.environ | {name: value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[int]:
        """Return all that live, the run itself included (read from /proc: Linux only)."""
        return [
            int(entry.name)
            for entry in Path("/proc").glob("[0-9]*")
            if self._mark.encode() in _environment_of(entry)
        ]

    def kill(self) -> None:
        """Leave nothing behind, whatever has happened."""
        for pid in self.processes():
            # It may have ended since it was listed.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()


def _environment_of(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Starts runs, and cleans up after them."""
    started: list[Bench] = []

    def start(*arguments: str) -> Bench:
        started.append(Bench(*arguments))
        return started[-1]

    yield start
    for run in started:
        run.kill()


def peers(*names: str, cases: dict[str, tuple[str, ...]]) -> set[tuple[str, str, str]]:
    """Return what is compared: each of the peers in each of the cases, in the units of the case."""
    return {(case, name, unit) for name in names for case, units in cases.items() for unit in units}


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        (
            "push",
            peers(
                *("aioboto3", "AWS SDK for JavaScript v3", "awscrt", "aiohttp + our signer"),
                cases={"TLS": ("requests/s",), "plain": ("requests/s",)},
            ),
        ),
        (
            "slow",
            peers(
                "0 never reading",
                cases={
                    f"1,000 subscribers, {slow} never reading, until {until}": ("s",)
                    for slow in (1, 100)
                    for until in ("the last of the others has it", "the call returns")
                },
            ),
        ),
        (
            "broadcaster",
            peers(
                "AWS sample",
                cases={"10 subscribers, 3 scores, until the last is current": ("s", "frames", "bytes")},
            ),
        ),
        (
            "boards",
            peers(
                "4 boards",
                cases={
                    "20 boards, from the start to `ready`": ("s",),
                    "20 boards, from a score to its diff": ("s",),
                },
            ),
        ),
    ],
)
def test_figures_are_json_lines_and_nothing_else_is_on_standard_output(
    name: str, compared: set[tuple[str, str, str]], bench: Callable[..., Bench]
) -> None:
    run = bench("--only", name, "--quick", "--rounds", "1")
    output, errors = run.process.communicate(timeout=COMMAND_SECONDS)
    assert run.process.returncode == 0, errors
    figures = [json.loads(line) for line in output.splitlines()]
    for figure in figures:
        assert list(figure) == ["bench", "case", "ours", "peer", "peer_name", "ratio", "unit"]
        assert figure["bench"] == name
    assert {(figure["case"], figure["peer_name"], figure["unit"]) for figure in figures} == compared
    assert len(figures) == len(compared)
    assert run.processes() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_stopped_half_way(
    number: signal.Signals, bench: Callable[..., Bench]
) -> None:
    run = bench("--only", "broadcaster", "--quick")
    until(lambda: len(run.processes()) >= 3)
    os.kill(run.process.pid, number)
    run.process.wait(COMMAND_SECONDS)
    until(lambda: run.processes() == [])
    assert run.process.returncode != 0
