"""CodeBuild in small: runs a buildspec of version 0.2 as its documentation says, with this machine's bash.

phases    install, pre_build, build, post_build. A command that fails ends the commands of its phase, and
          `finally` runs all the same. A failed install or pre_build ends the build, a failed build is
          followed by post_build; `on-failure` changes that.
shells    "CodeBuild runs all build commands in the same instance of the default shell": Shells.ONE. Its agent
          has been seen to do another thing, Shells.EACH: a script for each command, which starts with the
          folder and the variables of the one before, all of them exported; functions and options are lost.
          A buildspec had better work both ways.
exports   `exported-variables` are read from the environment when the last phase has ended.

What else a buildspec may say (artifacts, caches, reports, secrets, `run-as`, retries) is refused by name.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
"""In the order in which they run."""
_BLOCKS = ("commands", "finally")
_KNOWN = {
    "buildspec": {"version", "env", "phases"},
    "env": {"shell", "variables", "exported-variables"},
    "phases": set(PHASES),
    # Which versions of languages there are is the build image's affair.
    "install": {*_BLOCKS, "on-failure", "runtime-versions"},
    **{name: {*_BLOCKS, "on-failure"} for name in PHASES[1:]},
}
_DRIVER = Path(__file__).with_suffix(".sh")


class BuildspecError(Exception):
    """A buildspec that CodeBuild would refuse, or that says what is not understood here."""


class Shells(Enum):
    """How many shells run the commands; the value is the option that they start with."""

    ONE = "+a"
    EACH = "-a"


@dataclass(frozen=True)
class Phase:
    """A phase that ran, with the exit status of each command that did, those of `finally` among them."""

    name: str
    statuses: tuple[int, ...]

    @property
    def succeeded(self) -> bool:
        """Whether every command did."""
        return not any(self.statuses)


@dataclass(frozen=True)
class Build:
    """What became of a build."""

    phases: tuple[Phase, ...]
    """Those that ran."""
    exported: Mapping[str, str]
    """The exported variables that have a value in the end."""
    log: str
    """Each command before it ran, and what it printed, to standard output and error."""

    @property
    def succeeded(self) -> bool:
        """Whether every phase did."""
        return all(phase.succeeded for phase in self.phases)


def read(path: Path) -> dict[str, Any]:
    """A buildspec's content. Raises BuildspecError, with every reason, when it cannot be run here."""
    spec: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    phases = spec.get("phases", {})
    sections = {"buildspec": spec, "env": spec.get("env", {}), "phases": phases, **phases}
    problems = [
        f"{name}: {key} is not understood"
        for name, section in sections.items()
        for key in section.keys() - _KNOWN.get(name, section.keys())
    ]
    if spec.get("version") != 0.2:
        problems.append("version must be 0.2")
    if sections["env"].get("shell") != "bash":
        problems.append("shell must be bash")
    for name, phase in phases.items():
        if phase.get("on-failure", "ABORT") not in ("ABORT", "CONTINUE"):
            problems.append(f"{name}: on-failure must be ABORT or CONTINUE")
        problems += [
            f"{name}: {command!r} is not a command, but what YAML makes of it"
            for block in _BLOCKS
            for command in phase.get(block, ())
            if not isinstance(command, str)
        ]
    if problems:
        raise BuildspecError(f"{path}: {'; '.join(problems)}")
    return spec


def commands(path: Path) -> list[str]:
    """Every command of a buildspec, in the order in which they would run. Raises BuildspecError."""
    phases = read(path)["phases"]
    return [
        command for name in PHASES for block in _BLOCKS for command in phases.get(name, {}).get(block, ())
    ]


def run(
    path: Path, environment: Mapping[str, str], work: Path, *, shells: Shells = Shells.ONE, options: str = ""
) -> Build:
    """Run a buildspec in the folder where it lies.

    `environment` is all the environment there is, `work` a folder for the runner's own notes. `options` are
    set in every bash, that of a script which a command starts too: `x` prints each command with its
    arguments, `u` refuses variables that have no value. Raises BuildspecError.
    """
    spec = read(path)
    # The project's variables go before the buildspec's own.
    variables = {**spec["env"].get("variables", {}), **environment, "CODEBUILD_BUILD_SUCCEEDING": "1"}
    if options:
        (work / "options").write_text(f"set -{options}\n", encoding="utf-8")
        variables["BASH_ENV"] = str(work / "options")
    with (
        (work / "log").open("wb") as log,
        _Shell(work, variables, path.parent, log, shells) as shell,
    ):
        phases = tuple(_run_phases(spec["phases"], shell))
    names = spec["env"].get("exported-variables", ())
    exported = {name: shell.environment[name] for name in names if shell.environment.get(name)}
    return Build(phases, exported, (work / "log").read_text(encoding="utf-8"))


def _run_phases(phases: Mapping[str, Any], shell: "_Shell") -> Iterator[Phase]:
    for name in PHASES:
        content = phases.get(name, {})
        phase = Phase(name, tuple(_run_commands(content, shell)))
        if content:
            yield phase
        if not phase.succeeded:
            shell.run("export CODEBUILD_BUILD_SUCCEEDING=0")
            if content.get("on-failure", "CONTINUE" if name == "build" else "ABORT") == "ABORT":
                return


def _run_commands(phase: Mapping[str, Any], shell: "_Shell") -> Iterator[int]:
    for block in _BLOCKS:
        for command in phase.get(block, ()):
            shell.say(f"Running command {command}")
            status = shell.run(command)
            yield status
            if status:
                shell.say(f"Command did not exit successfully {command} exit status {status}")
                break


class _Shell:
    """Bash, one or several after another, with the environment and the folder that the last command left.

    An exception ends it, and all that it runs.
    """

    def __init__(
        self, work: Path, environment: dict[str, str], folder: Path, log: IO[bytes], shells: Shells
    ) -> None:
        self.environment = environment
        self._work = work
        self._folder = folder
        self._log = log
        self._shells = shells
        self._process: subprocess.Popen[bytes] | None = None
        self._statuses: IO[str] | None = None

    def __enter__(self) -> "_Shell":
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error and self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.close()

    def say(self, line: str) -> None:
        """Print a line of CodeBuild's own."""
        self._log.write(f"[Container] {line}\n".encode())
        self._log.flush()

    def run(self, command: str) -> int:
        """Run a command; returns its exit status, or the shell's when it ended that."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert self._statuses is not None
        process.stdin.write(command.encode() + b"\0")
        process.stdin.flush()
        told = self._statuses.readline()
        if not told or self._shells is Shells.EACH:
            self.close()
        if told:
            self.environment = _variables((self._work / "environment").read_text(encoding="utf-8"))
            self._folder = Path((self._work / "folder").read_text(encoding="utf-8").removesuffix("\n"))
        return int(told) if told else process.returncode

    def close(self) -> None:
        """End the shell; the next command starts another one."""
        if self._process and self._process.stdin and self._statuses:
            self._process.stdin.close()
            self._statuses.close()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        told, telling = os.pipe()
        self._process = subprocess.Popen(
            ["bash", _DRIVER, self._work, str(telling), self._shells.value],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self.environment,
            cwd=self._folder,
            pass_fds=[telling],
            start_new_session=True,
        )
        os.close(telling)
        self._statuses = os.fdopen(told, encoding="utf-8")
        return self._process


def _variables(printed: str) -> dict[str, str]:
    """What `env -0` printed, without the functions that bash exports with the variables."""
    pairs = (entry.partition("=") for entry in printed.split("\0")[:-1])
    return {name: value for name, _, value in pairs if not name.startswith("BASH_FUNC_")}
