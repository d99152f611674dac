"""The script that installs what tests need, among stand-ins for the programs that it asks."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.programs import Answer, Call, Program
from tests.support.waiting import COMMAND_SECONDS

SCRIPT = Path(__file__).parents[1] / "install-packages"
LIBRARIES = "libEGL.so.1 libGLESv2.so.2\n"

# Hands the limit on to the program, which so can tell of it.
TIMEOUT = """\
#!/bin/sh
export LIMIT="$1"
shift
exec "$@"
"""


@dataclass(frozen=True)
class Ran:
    """How the script ended, and what `apt-get` was asked."""

    status: int
    errors: str
    asked: list[Call]

    @property
    def installed(self) -> list[str]:
        """The packages that were installed."""
        return [word for call in self.installations() for word in call.argv[2:] if not word.startswith("-")]

    def installations(self, *, simulated: bool = False) -> list[Call]:
        """Return the calls that installed something, or only tried."""
        calls = [call for call in self.asked if call.argv[1] == "install"]
        return [call for call in calls if ("--simulate" in call.argv) == simulated]


Run = Callable[[Mapping[str, Program]], Ran]


def prints(output: str) -> Program:
    """Return a program that says one thing, whatever it is asked."""
    return lambda _: Answer(output=output)


def apt(unknown: str = "nothing") -> Program:
    """`apt-get` of a system that does not know a word."""
    return lambda call: Answer(100 if "install" in call.argv and unknown in call.argv else 0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the script, for root, where nothing is on the PATH but bash and what a test adds."""

    def run_among(stand_ins: Mapping[str, Program]) -> Ran:
        for name in ("tools", "programs"):
            (tmp_path / name).mkdir()
        (tmp_path / "tools" / "bash").symlink_to(str(shutil.which("bash")))
        (tmp_path / "tools" / "timeout").write_text(TIMEOUT)
        (tmp_path / "tools" / "timeout").chmod(0o755)
        bare = {"id": prints("0\n"), "ldconfig": prints("")}
        with programs.running(tmp_path / "programs", bare | dict(stand_ins)) as calls:
            done = subprocess.run(
                [tmp_path / "tools" / "bash", SCRIPT],
                env={"PATH": f"{tmp_path / 'programs'}:{tmp_path / 'tools'}"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=COMMAND_SECONDS,
            )
        return Ran(done.returncode, done.stderr, [call for call in calls if call.argv[0] == "apt-get"])

    return run_among


def test_missing_packages_are_installed(run: Run) -> None:
    ran = run({"apt-get": apt()})
    assert (ran.status, ran.errors) == (0, "")
    assert ran.installed == ["chromium", "libegl1", "libgles2"]


def test_dry_run_has_the_options_of_the_installation(run: Run) -> None:
    ran = run({"apt-get": apt()})

    def options(*, simulated: bool) -> set[str]:
        calls = ran.installations(simulated=simulated)
        return {word for call in calls for word in call.argv if word.startswith("-")}

    assert "--no-install-recommends" in options(simulated=False)
    assert options(simulated=True) - {"--simulate"} == options(simulated=False) - {"-y"}


def test_installation_has_a_time_limit(run: Run) -> None:
    asked = run({"apt-get": apt()}).asked
    assert [call.argv[1] for call in asked] == ["update", *["install"] * 4]
    assert all(int(call.environment["LIMIT"]) <= 900 for call in asked)


def test_package_that_the_system_does_not_have_is_named_and_the_others_are_installed(
    run: Run,
) -> None:
    ran = run({"apt-get": apt(unknown="chromium")})
    assert ran.status == 0
    assert "no package of this system: chromium. THE TESTS THAT NEED THEM WILL BE SKIPPED." in ran.errors
    assert ran.installed == ["libegl1", "libgles2"]


def test_installation_that_fails_fails(run: Run) -> None:
    assert run({"apt-get": apt(unknown="-y")}).status != 0


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser", "google-chrome"])
def test_installation_asks_nothing_where_nothing_is_missing(run: Run, browser: str) -> None:
    ran = run({"apt-get": apt(), "ldconfig": prints(LIBRARIES), browser: prints("")})
    assert (ran.status, ran.asked) == (0, [])


@pytest.mark.parametrize(("user", "more"), [("1000", {"apt-get": apt()}), ("0", {})])
def test_packages_that_may_not_be_installed_are_named(run: Run, user: str, more: dict[str, Program]) -> None:
    ran = run({"id": prints(f"{user}\n"), **more})
    assert (ran.status, ran.asked) == (0, [])
    assert "chromium libegl1 libgles2. THE TESTS THAT NEED THEM WILL BE SKIPPED." in ran.errors
