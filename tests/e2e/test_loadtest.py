"""The load test as a person runs it: against the real backend, and against one that breaks its promise."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtest.result import read_result
from tests.e2e.backend import CHECKOUT, BackendProcess, environment
from tests.e2e.lying_gateway import Frame, lying_gateway
from tests.support.clients import get
from tests.support.waiting import COMMAND_SECONDS

BOARDS = ("forest", "sprint", "global")
OPTIONS = ("--players", "6", "--rate", "8", "--boards", ",".join(BOARDS), "--ramp", "1")


async def launch(target: object | None, out: Path, *options: str) -> Process:
    there = () if target is None else ("--target", str(target))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "loadtest", *there, "--out", str(out), *OPTIONS, *options),
        cwd=CHECKOUT,
        env=environment(),
        stdout=PIPE,
        stderr=PIPE,
    )


async def outcome(process: Process) -> tuple[int | None, str, str]:
    """Return the exit status, and what was said; nothing is left running in any case."""
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode(), err.decode()


def players_left(backend: BackendProcess) -> list[Any]:
    """Entries on the boards."""
    return [
        entry
        for board in BOARDS
        for entry in get(f"{backend.rest_url}/leaderboard", params={"gameArea": board, "limit": 50}).json()[
            "entries"
        ]
    ]


async def test_loadtest_reports_that_the_promise_holds(plain_backend: BackendProcess, tmp_path: Path) -> None:
    target = f"{plain_backend.rest_url}/client-config.json"
    process = await launch(
        target, tmp_path, *("--spectators", "14", "--duration", "10", "--churn", "300", "--seed", "5")
    )
    status, said, complained = await outcome(process)
    assert (status, complained) == (0, ""), said
    assert "The promise held: 20 clients show the server's 3 boards" in said
    assert "10 s: clients" in said

    run = read_result(tmp_path)
    assert run.verdict.held
    assert (run.verdict.clients, run.verdict.boards, run.verdict.broken) == (20, 3, ())
    assert run.scores.improved > 0
    assert run.scores.unanswered == run.scores.failed == 0
    assert sum(row.frames for row in run.seconds) == run.totals["frames"] > 0
    assert run.score_to_screen.count > 0
    assert 0 < run.score_to_screen.p50 <= run.score_to_screen.p99 <= run.score_to_screen.max
    # A screen shows a score after it was sent, and never because of luck: each is accounted for.
    assert run.request.min > 0
    for board in run.boards:
        assert board.versions > 0
        assert board.shown > 0
        assert board.unsettled == 0
    [forest, sprint, everything] = run.boards
    # Both areas' bests are on their boards, and the forest's alone make the global one.
    accepted = [board.shown + board.outdone + board.below for board in (forest, sprint)]
    assert sum(accepted) == run.scores.improved
    assert everything.shown + everything.outdone + everything.below == accepted[0]
    assert run.totals["left"] + run.totals["vanished"] > 0
    assert run.totals["opened"] > 20
    assert "connection lost" not in json.dumps(run.errors)
    assert run.tester.left_behind == 0
    assert players_left(plain_backend) == []

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)\s*=\s*["']?\s*(https?:)?//""", page)
    assert "<script" not in page
    assert page.count("<svg") == 4


async def test_loadtest_crosses_seasons_with_runs_and_prizes(tmp_path: Path) -> None:
    """On a backend that the load test starts, and ends: two boundaries at least."""
    process = await launch(
        None,
        tmp_path,
        *("--season", "4s", "--duration", "10", "--boards", "forest,gauntlet,forest-week"),
        *("--spectators", "14", "--seed", "5"),
    )
    status, said, complained = await outcome(process)
    assert (status, complained) == (0, ""), said
    assert "The promise held: 20 clients show the server's 3 boards" in said

    run = read_result(tmp_path)
    assert run.scores.failed == run.scores.unanswered == run.unjudged == 0
    assert len(run.seasons) >= 3
    assert {season.board for season in run.seasons} == {"forest-week"}
    assert all(0 < season.players <= season.scores for season in run.seasons)
    # Each client turned at both boundaries, but for those that came later than the first.
    assert run.totals["turns"] >= 20
    assert 0 < run.totals["runs spent"] <= run.totals["runs begun"]
    # At least the first season has been closed, and the best of our players has won it.
    assert run.totals["prizes given"] >= 1
    assert run.totals["claims refused: claimed"] >= 4 * run.totals["prizes given"]
    assert run.totals["claims refused: in review"] >= 1
    assert f"of {len(run.seasons)} seasons" in (tmp_path / "report.html").read_text(encoding="utf-8")


def swallowed(frame: Frame) -> Frame:
    return frame | {"changes": []}


def rewritten(frame: Frame) -> Frame:
    """Change the score of the player who scored against the server's."""
    changes = [
        change | {"score": change["score"] + 1} if change["op"] == "set" else change
        for change in frame["changes"]
    ]
    return frame | {"changes": changes}


def kept_back(_: Frame) -> None:
    """With nothing after it, a client cannot know that a frame is missing."""


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        (swallowed, r"version \d+ of epoch \d+ is not the same on all screens"),
        (rewritten, r"show another board in version \d+ than the server in \d+: at rank"),
        (kept_back, r"show another board in version \d+ than the server in \d+: at rank"),
    ],
)
async def test_loadtest_finds_a_broken_promise(
    lie: Callable[[Frame], Frame | None], told: str, plain_backend: BackendProcess, tmp_path: Path
) -> None:
    async with lying_gateway(plain_backend.config()["webSocketUrl"], lie) as address:
        target = tmp_path / "client-config.json"
        target.write_text(json.dumps(plain_backend.config() | {"webSocketUrl": address}))
        process = await launch(
            target, tmp_path, *("--spectators", "4", "--duration", "5", "--churn", "0", "--settle", "2")
        )
        status, said, complained = await outcome(process)
    assert (status, complained) == (1, ""), said
    assert "The promise was BROKEN" in said
    assert re.search(told, said), said
    run = read_result(tmp_path)
    assert not run.verdict.held
    assert run.verdict.quiet_after is None
    assert "The promise was BROKEN" in (tmp_path / "report.html").read_text(encoding="utf-8")


async def test_ctrl_c_ends_the_play_and_judges_what_was_played(
    plain_backend: BackendProcess, tmp_path: Path
) -> None:
    target = f"{plain_backend.rest_url}/client-config.json"
    process = await launch(target, tmp_path, *("--spectators", "4", "--duration", "600"))
    assert process.stdout
    async with asyncio.timeout(COMMAND_SECONDS):
        while b"5 s: clients" not in await process.stdout.readline():
            pass
    os.kill(process.pid, signal.SIGINT)
    status, said, complained = await outcome(process)
    assert (status, complained) == (0, ""), said
    run = read_result(tmp_path)
    assert run.interrupted
    assert run.verdict.held
    assert run.scores.improved > 0
    assert players_left(plain_backend) == []
