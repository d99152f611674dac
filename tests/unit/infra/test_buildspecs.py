"""The buildspecs: a linter for their commands, and what these call, with what and in which order."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from infra import images
from infra.packaging.bundle import CHECKOUT
from tests.e2e import browser
from tests.support import programs
from tests.support.programs import Answer, Call, Program
from tests.support.waiting import COMMAND_SECONDS
from tests.unit.infra import buildspecs
from tests.unit.infra.account import NEW_DIGEST, REGISTRY, REPOSITORY

NAMES = ("buildspec.yml", "buildspec-deploy.yml")
PYTHON = ".venvs/lambda/bin/python"
PASSWORD = "the-registry's-password"


def run(
    folder: Path, script: str, stand_ins: dict[str, Program], **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[Call]]:
    """Run commands in bash, up to the first that fails, among stand-ins for the programs that they call."""
    bin_ = folder / "bin"
    bin_.mkdir()
    (folder / PYTHON).parent.mkdir(parents=True)
    (folder / PYTHON).symlink_to(bin_ / "python")
    with programs.running(bin_, stand_ins) as calls:
        done = subprocess.run(
            ["bash", "-euxc", script],
            cwd=folder,
            env={"PATH": f"{bin_}:/usr/bin:/bin", **buildspecs.PROJECT, **buildspecs.CODEBUILD, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    return done, calls


def image_programs(failing: str = "") -> dict[str, Program]:
    """Stand-ins for what buildspec.yml calls. The one that fails is named by a word of its arguments."""

    def answer(output: str = "") -> Program:
        return lambda call: Answer(1) if failing in call.argv else Answer(output=output)

    return {
        "aws": answer(f"{PASSWORD}\n"),
        "docker": answer(),
        "make": answer(),
        "python": answer(f"{NEW_DIGEST}\n"),
    }


def steps(calls: list[Call]) -> list[str]:
    """Return the calls, each by the word that tells it from the others."""
    words = ("make", "get-login-password", "login", "build", "logout", "release")
    return [next(word for word in words if word in call.argv) for call in calls]


@pytest.mark.parametrize("name", [*NAMES, "tests/install-packages"])
def test_linter_finds_nothing_in_shell_code(name: str) -> None:
    is_buildspec = name.endswith(".yml")
    script = buildspecs.script(name) if is_buildspec else (CHECKOUT / name).read_text(encoding="utf-8")
    # In another shell than bash a pipe's status would be the last program's.
    assert not is_buildspec or buildspecs.read(name)["env"]["shell"] == "bash"
    done = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), "--shell=bash", "-"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_variables_that_are_given_are_those_that_are_used() -> None:
    used, known = set[str](), set[str]()
    for name in NAMES:
        script = buildspecs.script(name)
        used |= set(re.findall(r"\$\{?([A-Z_]+)", script))
        known |= (
            set(re.findall(r"\b([A-Z_]+)=", script))
            | buildspecs.read(name)["env"].get("variables", {}).keys()
        )
    # The deployment's action gives PODIUM_IMAGE (test_pipeline.py).
    assert used == (buildspecs.PROJECT | buildspecs.CODEBUILD).keys() | (known & used) | {"PODIUM_IMAGE"}


@pytest.mark.parametrize("name", NAMES)
def test_make_has_what_is_asked_of_it(name: str) -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    known |= {f".venvs/{lock.stem}/.synced" for lock in CHECKOUT.glob("requirements/*.txt")}
    targets = re.findall(r"make (\S+)", buildspecs.script(name))
    assert targets
    assert set(targets) <= known


def test_image_stage_installs_what_its_module_imports() -> None:
    script = buildspecs.script("buildspec.yml")
    assert set(re.findall(r"[\w./]+/python -m \S+", script)) == {f"{PYTHON} -m infra.images"}
    assert buildspecs.script("buildspec.yml", "install") == f"make {Path(PYTHON).parents[1]}/.synced"
    lock = (CHECKOUT / "requirements" / "lambda.txt").read_text(encoding="utf-8")
    locked = {name.replace("-", "_") for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    others = [
        module
        for module, found in packages_distributions().items()
        if not locked & {name.lower().replace("-", "_") for name in found}
    ]
    assert "aws_cdk" in others
    # A module that is None cannot be imported.
    script = "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import infra.images"
    done = subprocess.run(
        [sys.executable, "-c", script, *others],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_image_stage_builds_and_releases_one_image(tmp_path: Path) -> None:
    exported = buildspecs.read("buildspec.yml")["env"]["exported-variables"]
    done, calls = run(tmp_path, buildspecs.script("buildspec.yml"), image_programs())
    assert done.returncode == 0, done.stderr
    assert steps(calls) == ["make", "get-login-password", "login", "build", "logout", "release"]
    build, release = (images.parser().parse_args(call.argv[3:]) for call in calls if "-m" in call.argv)
    given = buildspecs.PROJECT | buildspecs.CODEBUILD
    assert (build.repository, build.tag) == (REPOSITORY, given["CODEBUILD_RESOLVED_SOURCE_VERSION"])
    assert (build.platform, build.base) == (given["PODIUM_PLATFORM"], given["PODIUM_BASE"])
    assert (release.function, release.image) == (given["PODIUM_FUNCTION"], f"{REPOSITORY}@{NEW_DIGEST}")
    assert release.or_keep
    assert all(call.argv[-1] == REGISTRY for call in calls if call.argv[0] == "docker")
    assert [calls[-1].environment[name] for name in exported] == [NEW_DIGEST]


@pytest.mark.parametrize(
    ("failing", "done_before"),
    [
        ("get-login-password", ["make", "get-login-password", "login"]),
        ("login", ["make", "get-login-password", "login"]),
        ("build", ["make", "get-login-password", "login", "build"]),
        ("release", ["make", "get-login-password", "login", "build", "logout", "release"]),
    ],
)
def test_image_stage_stops_at_the_command_that_fails(
    tmp_path: Path, failing: str, done_before: list[str]
) -> None:
    done, calls = run(tmp_path, buildspecs.script("buildspec.yml"), image_programs(failing))
    assert done.returncode == 1
    assert steps(calls) == done_before


def test_image_stage_releases_nothing_after_a_failed_build_and_logs_out_in_any_case() -> None:
    build = buildspecs.read("buildspec.yml")["phases"]["build"]
    assert (build["on-failure"], build["finally"]) == ("ABORT", ['docker logout "$REGISTRY"'])


def test_password_of_the_registry_goes_from_one_program_to_the_other_alone(tmp_path: Path) -> None:
    done, calls = run(tmp_path, buildspecs.script("buildspec.yml"), image_programs())
    (login,) = [call for call in calls if "login" in call.argv]
    assert login.stdin == f"{PASSWORD}\n"
    # The trace of every command is in standard error.
    assert "docker login" in done.stderr
    variables = [value for call in calls for value in call.environment.values()]
    assert not [text for text in (done.stdout, done.stderr, *map(str, calls), *variables) if PASSWORD in text]


@pytest.mark.parametrize("name", NAMES)
def test_stages_have_the_same_python(name: str) -> None:
    assert buildspecs.read(name)["phases"]["install"]["runtime-versions"]["python"] == "3.13"


def test_deployment_follows_the_tests_with_the_stage_and_the_image(tmp_path: Path) -> None:
    phases = buildspecs.read("buildspec-deploy.yml")["phases"]
    # A failed pre_build ends the build.
    assert phases["pre_build"]["commands"] == ["make test"]
    done, calls = run(
        tmp_path,
        "\n".join(phases["build"]["commands"]),
        {"make": lambda _: Answer()},
        PODIUM_IMAGE=NEW_DIGEST,
    )
    assert done.returncode == 0
    assert [call.argv for call in calls] == [("make", "deploy", "stage=prod", f"image={NEW_DIGEST}")]
    assert "post_build" not in phases


@pytest.mark.parametrize("image", [{}, {"PODIUM_IMAGE": ""}])
def test_deployment_without_an_image_fails(tmp_path: Path, image: dict[str, str]) -> None:
    script = buildspecs.script("buildspec-deploy.yml", "build")
    done, calls = run(tmp_path, script, {"make": lambda _: Answer()}, **image)
    assert done.returncode != 0
    assert "PODIUM_IMAGE: the image stage gives its digest" in done.stderr
    assert calls == []


def test_deployment_starts_what_its_zip_forgot_to_be_a_program() -> None:
    command = buildspecs.script("buildspec-deploy.yml", "install")
    assert command == "chmod +x tests/install-packages"
    assert "\n\t@tests/install-packages\n" in (CHECKOUT / "Makefile").read_text(encoding="utf-8")


def test_browser_tests_are_switched_off_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = buildspecs.read("buildspec-deploy.yml")["env"]["variables"]
    monkeypatch.setenv("PODIUM_BROWSER_TESTS", variables["PODIUM_BROWSER_TESTS"])
    assert "PODIUM_BROWSER_TESTS=off" in (browser.why_skipped() or "")
