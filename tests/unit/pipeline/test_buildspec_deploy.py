"""buildspec-deploy.yml runs for real, phase by phase, with a stand-in for `make`."""

from collections.abc import Callable

import pytest

from tests.e2e import browser
from tests.unit.pipeline import programs
from tests.unit.pipeline.build_scene import NEW, PROJECT, Desk, Ran
from tests.unit.pipeline.programs import Answer, Call


@pytest.fixture
def deploy(desk: Desk) -> Callable[..., Ran]:
    """Runs buildspec-deploy.yml, where one target of `make` may fail."""

    def make(failing: str) -> programs.Program:
        def answer(call: Call) -> Answer:
            # `make test` starts it.
            runs = (desk.source / "tests" / "install-packages").stat().st_mode & 0o100
            return Answer(0 if runs and call.argv[1] != failing else 2)

        return answer

    def run(image: str | None, failing: str = "") -> Ran:
        project = PROJECT if image is None else {**PROJECT, "PODIUM_IMAGE": image}
        return desk.run("buildspec-deploy.yml", {"make": make(failing)}, project)

    return run


def test_stacks_are_deployed_with_the_image_after_the_tests(deploy: Callable[..., Ran]) -> None:
    ran = deploy(NEW.digest)
    assert ran.build.succeeded
    assert [call.argv for call in ran.calls] == [
        ("make", "test"),
        ("make", "deploy", "stage=prod", f"image={NEW.digest}"),
    ]


def test_browser_tests_are_switched_off_by_name(
    deploy: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = deploy(NEW.digest).call("make test").environment
    monkeypatch.setenv("PODIUM_BROWSER_TESTS", given["PODIUM_BROWSER_TESTS"])
    assert "PODIUM_BROWSER_TESTS=off" in (browser.why_skipped() or "")


def test_nothing_is_deployed_when_tests_fail(deploy: Callable[..., Ran]) -> None:
    ran = deploy(NEW.digest, failing="test")
    assert not ran.build.succeeded
    assert ran.steps == ["make test"]


@pytest.mark.parametrize("image", [None, ""])
def test_nothing_is_deployed_without_an_image(deploy: Callable[..., Ran], image: str | None) -> None:
    ran = deploy(image)
    assert not ran.build.succeeded
    assert ran.steps == ["make test"]
    assert "PODIUM_IMAGE: the image stage gives its digest" in ran.build.log


def test_deployment_that_fails_fails_the_build(deploy: Callable[..., Ran]) -> None:
    ran = deploy(NEW.digest, failing="deploy")
    assert ran.failed == ["build"]
