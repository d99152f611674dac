"""Programs of a benchmark: spoken to in lines, kept to a core, stopped whatever they think of it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from bench import processes
from bench.processes import ProcessError, aws_environment, cores, running
from tests.support.waiting import patience

ECHO = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(line, end="", flush=True)
"""


def program(source: str) -> list[str]:
    return [sys.executable, "-c", source]


def lives(pid: int) -> bool:
    """Whether it runs. One that has ended may still wait to be reaped by the process that adopted it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended before it was opened, or before it was read
        return False
    return "\nState:\tZ" not in status


async def test_process_answers_orders_and_ends_when_told() -> None:
    async with running(program(ECHO)) as echo:
        assert await echo.read() == {"ready": True}
        assert await echo.ask("add", first=1, second="ü") == {"do": "add", "first": 1, "second": "ü"}
        assert lives(echo.pid)
    assert not lives(echo.pid)


async def test_program_runs_only_on_the_given_core() -> None:
    source = "import json, os; print(json.dumps({'cores': list(os.sched_getaffinity(0))}), flush=True)"
    core = cores().measured
    async with running(program(source), core=core) as pinned:
        assert await pinned.read() == {"cores": [core]}


async def test_a_program_that_ends_is_reported_with_what_it_said() -> None:
    async with running(program("import sys; sys.exit('out of cheese')")) as broken:
        with pytest.raises(ProcessError, match="out of cheese"):
            await broken.read()
        with pytest.raises(ProcessError, match="out of cheese"):
            await broken.ask("anything")


async def test_a_program_that_is_silent_is_reported_too() -> None:
    async with running(program("import time; time.sleep(60)")) as silent:
        with pytest.raises(ProcessError, match="said nothing"):
            await silent.read(within=0.1)
    assert not lives(silent.pid)


async def test_a_program_that_will_not_end_is_killed_with_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.2)
    source = """
import json, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(json.dumps({"child": child.pid}), flush=True)
time.sleep(60)
"""
    async with running(program(source)) as stubborn:
        child = (await stubborn.read())["child"]
        assert lives(child)
    assert not lives(stubborn.pid)
    # It is no child of ours, so its end was not waited for.
    async with patience():
        while lives(child):  # noqa: ASYNC110 -- there is nothing to wait on
            await asyncio.sleep(0.01)


def test_peers_see_made_up_credentials_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("PODIUM_HTTP_PORT", "1")
    environment = aws_environment("http://127.0.0.1:9")
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert environment.keys().isdisjoint({"AWS_PROFILE", "AWS_SESSION_TOKEN", "PODIUM_HTTP_PORT"})


def test_peers_on_node_that_are_not_installed_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "CHECKOUT", tmp_path)
    with pytest.raises(ProcessError, match="run `npm ci`"):
        processes.node("push.mjs")
