"""The script that installs what tests need, among stand-ins for the programs that it asks."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "install-packages"
LIBRARIES = "libEGL.so.1 libGLESv2.so.2"


class Machine:
    """A folder of programs, the only ones on the PATH, and what `apt-get` was asked there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked = folder / "asked"
        self._asked.touch()
        (folder / "bash").symlink_to(str(shutil.which("bash")))
        self.has("timeout", 'shift; exec "$@"')
        self.has("id", "echo 0")
        self.has("ldconfig", "")

    def has(self, name: str, script: str = "") -> None:
        program = self._folder / name
        program.write_text(f"#!{shutil.which('sh')}\n{script}\n")
        program.chmod(0o755)

    def has_apt(self, unknown: str = "nothing") -> None:
        note = f'echo "$*" >> {self._asked}'
        self.has(
            "apt-get", f'{note}\ncase "$*" in "install "*{unknown}*) echo E: unknown >&2; exit 100;; esac'
        )

    def run(self) -> subprocess.CompletedProcess[str]:
        command = [str(self._folder / "bash"), str(SCRIPT)]
        return subprocess.run(
            command, env={"PATH": str(self._folder)}, text=True, capture_output=True, check=False, timeout=60
        )

    @property
    def asked(self) -> list[str]:
        return self._asked.read_text().splitlines()

    @property
    def installed(self) -> list[str]:
        return [
            word
            for name, *words in map(str.split, self.asked)
            if name == "install" and "--simulate" not in words
            for word in words
            if not word.startswith("-")
        ]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_missing_packages_are_installed(machine: Machine) -> None:
    machine.has_apt()
    ran = machine.run()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert machine.installed == ["chromium", "libegl1", "libgles2"]


def test_package_that_the_system_does_not_have_is_named_and_the_others_are_installed(
    machine: Machine,
) -> None:
    machine.has_apt(unknown="chromium")
    ran = machine.run()
    assert ran.returncode == 0
    assert "no package of this system: chromium. THE TESTS THAT NEED THEM WILL BE SKIPPED." in ran.stderr
    assert machine.installed == ["libegl1", "libgles2"]


def test_installation_that_fails_fails(machine: Machine) -> None:
    machine.has_apt(unknown="-y")
    assert machine.run().returncode != 0


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser", "google-chrome"])
def test_nothing_is_asked_where_nothing_is_missing(machine: Machine, browser: str) -> None:
    machine.has_apt()
    machine.has("ldconfig", f"echo {LIBRARIES}")
    machine.has(browser)
    assert machine.run().returncode == 0
    assert machine.asked == []


@pytest.mark.parametrize(("user", "apt"), [("1000", True), ("0", False)])
def test_what_may_not_be_installed_is_named(machine: Machine, user: str, apt: bool) -> None:
    if apt:
        machine.has_apt()
    machine.has("id", f"echo {user}")
    ran = machine.run()
    assert ran.returncode == 0
    assert "chromium libegl1 libgles2. THE TESTS THAT NEED THEM WILL BE SKIPPED." in ran.stderr
    assert machine.asked == []
