"""The runner of buildspecs does what CodeBuild's documentation says."""

import json
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.codebuild import Build, BuildspecError, Shells, run


@pytest.fixture
def build(tmp_path: Path) -> Any:
    """Runs phases that a test writes down."""

    def build_phases(phases: dict[str, Any], *, shells: Shells = Shells.ONE, **rest: Any) -> Build:
        path = tmp_path / "source" / "buildspec.yml"
        path.parent.mkdir()
        env = {"shell": "bash", "exported-variables": ["MADE"], "variables": {"COLOUR": "red"}}
        path.write_text(json.dumps({"version": 0.2, "env": env, "phases": phases, **rest}))
        return run(path, {"PATH": "/usr/bin:/bin", "NAME": "podium"}, tmp_path, shells=shells)

    return build_phases


def output(build: Build) -> list[str]:
    """What commands printed."""
    return [line for line in build.log.splitlines() if not line.startswith("[Container]")]


def ran(build: Build) -> dict[str, tuple[int, ...]]:
    return {phase.name: phase.statuses for phase in build.phases}


@pytest.mark.parametrize(
    ("failing", "then"),
    [
        ("install", ["install"]),
        ("pre_build", ["install", "pre_build"]),
        ("build", ["install", "pre_build", "build", "post_build"]),
        ("post_build", ["install", "pre_build", "build", "post_build"]),
    ],
)
def test_only_a_failed_build_is_followed_by_another_phase(build: Any, failing: str, then: list[str]) -> None:
    phases = ("post_build", "build", "pre_build", "install")
    made = build({name: {"commands": ["false" if name == failing else "true"]} for name in phases})
    assert list(ran(made)) == then
    assert not made.succeeded


@pytest.mark.parametrize(("word", "then"), [("ABORT", ["build"]), ("CONTINUE", ["build", "post_build"])])
def test_on_failure_says_what_follows(build: Any, word: str, then: list[str]) -> None:
    phases = {"build": {"on-failure": word, "commands": ["false"]}, "post_build": {"commands": ["true"]}}
    assert list(ran(build(phases))) == then


def test_finally_runs_after_the_command_that_failed(build: Any) -> None:
    made = build({"pre_build": {"commands": ["exit 3", "echo skipped"], "finally": ["echo cleaned"]}})
    assert ran(made) == {"pre_build": (3, 0)}
    assert output(made) == ["cleaned"]


def test_finally_that_fails_fails_the_phase(build: Any) -> None:
    assert not build({"build": {"commands": ["true"], "finally": ["false"]}}).succeeded


def test_build_knows_whether_it_succeeds(build: Any) -> None:
    ask = "echo $CODEBUILD_BUILD_SUCCEEDING"
    made = build({"build": {"commands": [ask, "false"]}, "post_build": {"commands": [ask]}})
    assert output(made) == ["1", "0"]


@pytest.mark.parametrize("shells", Shells)
def test_variables_and_folder_outlast_a_command_and_a_phase(build: Any, shells: Shells) -> None:
    made = build(
        {
            "pre_build": {"commands": ["SIZE='a b'", "cd /", "echo $NAME $COLOUR >&2"]},
            "build": {"commands": ['echo "$SIZE" $PWD']},
        },
        shells=shells,
    )
    assert output(made) == ["podium red", "a b /"]


@pytest.mark.parametrize(("shells", "status"), [(Shells.ONE, 0), (Shells.EACH, 127)])
def test_functions_outlast_a_command_where_there_is_one_shell(
    build: Any, shells: Shells, status: int
) -> None:
    made = build({"build": {"commands": ["greet() { echo hello; }", "greet"]}}, shells=shells)
    assert ran(made) == {"build": (0, status)}


def test_block_is_one_command_whose_last_line_decides(build: Any) -> None:
    made = build({"build": {"commands": ["false\necho on", "set -e\nfalse\necho never"]}})
    assert ran(made) == {"build": (0, 1)}
    assert "on" in output(made)
    assert "never" not in output(made)


@pytest.mark.parametrize("shells", Shells)
def test_exported_variables_are_those_of_the_end(build: Any, shells: Shells) -> None:
    made = build(
        {"build": {"commands": ["export MADE=early"]}, "post_build": {"commands": ["export MADE='the end'"]}},
        shells=shells,
    )
    assert made.exported == {"MADE": "the end"}


def test_variable_that_is_not_in_the_environment_is_not_exported(build: Any) -> None:
    assert build({"build": {"commands": ["MADE=here"]}}).exported == {}


def test_commands_stand_in_the_log_with_what_they_print(build: Any) -> None:
    made = build({"build": {"commands": ["echo one; echo two >&2"]}})
    assert made.log.splitlines() == ["[Container] Running command echo one; echo two >&2", "one", "two"]


class StopError(Exception):
    """The test is stopped from outside."""


@pytest.fixture
def stopped_by_signal() -> Iterator[None]:
    """SIGUSR1 raises StopError."""

    def stop(*_: object) -> None:
        raise StopError

    before = signal.signal(signal.SIGUSR1, stop)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("stopped_by_signal")
@pytest.mark.parametrize("shells", Shells)
def test_nothing_of_a_build_that_is_stopped_runs_on(build: Any, tmp_path: Path, shells: Shells) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    with os.fdopen(os.open(held, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        with pytest.raises(StopError):
            build(
                {"build": {"commands": [f"exec 9>{held}; sleep 30 & kill -USR1 $PPID; wait"]}}, shells=shells
            )
        assert select.select([reader], [], [], 10)[0], "somebody still has the pipe"


@pytest.mark.parametrize(
    ("phases", "rest", "reason"),
    [
        ({"build": {"commands": ["true"], "run-as": "nobody"}}, {}, "build: run-as"),
        ({"deploy": {"commands": ["true"]}}, {}, "phases: deploy"),
        ({"build": {"commands": [{"echo": "yes"}]}}, {}, "not a command"),
        ({"build": {"commands": ["true"], "on-failure": "RETRY"}}, {}, "on-failure"),
        ({"build": {"commands": ["true"]}}, {"artifacts": {"files": ["x"]}}, "buildspec: artifacts"),
        ({"build": {"commands": ["true"]}}, {"version": 0.1}, "version"),
        ({"build": {"commands": ["true"]}}, {"env": {}}, "shell"),
    ],
)
def test_what_is_not_understood_is_refused(
    build: Any, phases: dict[str, Any], rest: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BuildspecError, match=reason):
        build(phases, **rest)
