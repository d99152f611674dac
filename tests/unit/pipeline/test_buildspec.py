"""buildspec.yml runs for real, phase by phase, with stand-ins for `docker` and `aws`; cv/release by hand."""

import json
import subprocess
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from cv.processing import process
from cv.vision import Models
from store.portraits import PortraitBucket
from tests.unit.pipeline import aws_cli, codebuild, programs
from tests.unit.pipeline.build_scene import CHECKOUT, COMMIT, NEW, OLD, PROJECT, Desk, Ran, leaks
from tests.unit.pipeline.cloud import BASE, BASE_DIGEST, FUNCTION, HANDLERS, REGISTRY, Cloud, image
from tests.unit.pipeline.codebuild import Shells
from tests.unit.pipeline.programs import Answer

LOGIN = ["aws ecr get-login-password", "docker login"]
LOOK = ["aws ecr describe-images"]
BASE_LOOK = ["docker buildx"]
BUILD = [*BASE_LOOK, "docker build", "docker push", *LOOK]
LOGOUT = ["docker logout"]
PREVIOUS = ["aws lambda get-function"]
UPDATE = ["aws lambda update-function-code", "aws lambda wait"]
SMOKE = ["aws lambda invoke"]
IMAGE = [*LOGIN, *LOOK, *BUILD, *LOGOUT]
KEEP = [*LOOK, *2 * ["aws ecr batch-get-image"], "aws ecr put-image"]
TRIED = [*PREVIOUS, *UPDATE, *SMOKE]
RELEASE = [*TRIED, *KEEP]


@pytest.fixture
def build_image(desk: Desk) -> Callable[..., Ran]:
    """Runs buildspec.yml. Whatever becomes of it, the password is nowhere."""

    def build(cloud: Cloud, **options: Any) -> Ran:
        ran = desk.run("buildspec.yml", {"aws": cloud.aws, "docker": cloud.docker}, PROJECT, **options)
        assert leaks(cloud, ran, desk.folder) == []
        return ran

    return build


def released(**rest: Any) -> Cloud:
    """An account whose function works, with OLD."""
    return Cloud(**{"running": OLD, "tags": {"old": OLD}, **rest})


@pytest.mark.parametrize("shells", Shells)
def test_image_is_built_pushed_and_released(build_image: Callable[..., Ran], shells: Shells) -> None:
    cloud = released()
    ran = build_image(cloud, shells=shells)
    assert ran.build.succeeded
    assert ran.steps == IMAGE + RELEASE
    assert ran.build.exported == {"IMAGE_DIGEST": NEW.digest}
    assert (cloud.tags[COMMIT], cloud.tags[NEW.released], cloud.running) == (NEW, NEW, NEW)
    assert cloud.bases == [f"{BASE}@{BASE_DIGEST}"]
    assert f"{FUNCTION} has {NEW.uri}" in ran.build.log


def test_base_that_has_no_digest_is_not_built_on(desk: Desk) -> None:
    cloud = released()
    ran = desk.run("buildspec.yml", {"aws": cloud.aws, "docker": lambda _: Answer()}, PROJECT)
    assert (ran.failed, ran.steps) == (["build"], [*LOGIN, *LOOK, *BASE_LOOK, *LOGOUT])
    assert f"{BASE} has no digest" in ran.build.log


def test_base_that_is_held_by_its_digest_is_looked_up_nowhere(desk: Desk) -> None:
    cloud, held = released(), f"{BASE}@sha256:{1:064}"
    project = {**PROJECT, "PODIUM_BASE": held}
    ran = desk.run("buildspec.yml", {"aws": cloud.aws, "docker": cloud.docker}, project)
    assert ran.build.succeeded
    assert "docker buildx" not in ran.steps
    assert cloud.bases == [held]


def test_image_is_marked_as_released_once(build_image: Callable[..., Ran]) -> None:
    cloud = released(tags={"old": OLD, COMMIT: NEW, NEW.released: NEW})
    ran = build_image(cloud)
    assert ran.build.succeeded
    assert ran.steps[-2:] == [*SMOKE, *LOOK]


def test_release_that_cannot_be_marked_fails_and_can_be_repeated(build_image: Callable[..., Ran]) -> None:
    cloud = released(failing={"aws ecr put-image": 1})
    assert build_image(cloud).failed == ["post_build"]
    assert cloud.running == NEW
    assert NEW.released not in cloud.tags
    assert build_image(cloud).build.succeeded
    assert cloud.tags[NEW.released] == NEW


def test_every_variable_is_given(build_image: Callable[..., Ran]) -> None:
    assert build_image(released(), options="u").build.succeeded


def test_password_goes_from_one_program_to_the_other(build_image: Callable[..., Ran]) -> None:
    cloud = released()
    assert build_image(cloud).call("docker login").stdin == f"{cloud.password}\n"


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("aws ecr get-login-password", "the log"),
        ("aws ecr get-login-password > kept", "source/kept"),
        (
            'docker logout "$(aws ecr get-login-password)"',
            "the arguments of docker logout",
        ),
        (
            "PASSWORD=$(aws ecr get-login-password) docker logout x",
            "the variables of docker logout",
        ),
        (
            "aws ecr get-login-password | docker login --username AWS --password-stdin " + REGISTRY,
            "home/.docker/config.json",
        ),
    ],
)
def test_password_would_be_found(desk: Desk, command: str, place: str) -> None:
    phases = {"build": {"commands": [command]}}
    (desk.source / "buildspec.yml").write_text(
        json.dumps({"version": 0.2, "env": {"shell": "bash"}, "phases": phases})
    )
    cloud = released()
    ran = desk.run("buildspec.yml", {"aws": cloud.aws, "docker": cloud.docker}, PROJECT)
    assert place in leaks(cloud, ran, desk.folder)


@pytest.mark.parametrize("builds", ["good", "raises"])
def test_trace_of_every_command_does_not_show_the_password(
    build_image: Callable[..., Ran], builds: str
) -> None:
    log = build_image(released(builds=builds), options="x").build.log
    assert "+ docker login --username AWS --password-stdin" in log
    assert "+ aws lambda update-function-code" in log


def test_commit_that_has_an_image_is_released_without_another(build_image: Callable[..., Ran]) -> None:
    there = image("built before")
    cloud = released(tags={"old": OLD, COMMIT: there})
    ran = build_image(cloud)
    assert ran.build.succeeded
    assert ran.steps == [*LOGIN, *LOOK, *LOGOUT, *RELEASE]
    assert cloud.tags[there.released] == there
    assert ran.build.exported == {"IMAGE_DIGEST": there.digest}
    assert cloud.running == there


def test_first_image_waits_for_the_deployment(build_image: Callable[..., Ran]) -> None:
    cloud = Cloud()
    ran = build_image(cloud)
    assert ran.build.succeeded
    assert ran.steps == [*IMAGE, *PREVIOUS, *KEEP]
    assert cloud.tags[NEW.released] == NEW, "twenty pushes later it still has to be there"
    assert ran.build.exported == {"IMAGE_DIGEST": NEW.digest}
    assert f"There is no function {FUNCTION} yet" in ran.build.log


STOPS: list[tuple[dict[str, int], list[str], str]] = [
    # Both ends of the pipe start.
    ({"aws ecr get-login-password": 1}, [*LOGIN, *LOGOUT], "build"),
    ({"docker login": 1}, [*LOGIN, *LOGOUT], "build"),
    ({"aws ecr describe-images": 1}, [*LOGIN, *LOOK, *LOGOUT], "build"),
    ({"docker buildx": 1}, [*LOGIN, *LOOK, *BUILD[:1], *LOGOUT], "build"),
    ({"docker build": 1}, [*LOGIN, *LOOK, *BUILD[:2], *LOGOUT], "build"),
    ({"docker push": 1}, [*LOGIN, *LOOK, *BUILD[:3], *LOGOUT], "build"),
    ({"aws ecr describe-images": 2}, IMAGE, "build"),
    ({"aws lambda get-function": 1}, [*IMAGE, *PREVIOUS], "post_build"),
    ({"aws lambda update-function-code": 1}, [*IMAGE, *PREVIOUS, *UPDATE[:1]], "post_build"),
]


@pytest.mark.parametrize(
    ("failing", "steps", "phase"), STOPS, ids=[next(iter(failing)) for failing, *_ in STOPS]
)
@pytest.mark.parametrize("shells", Shells)
def test_build_stops_at_the_step_that_fails(
    build_image: Callable[..., Ran],
    failing: dict[str, int],
    steps: list[str],
    phase: str,
    shells: Shells,
) -> None:
    cloud = released(failing=failing)
    ran = build_image(cloud, shells=shells)
    assert ran.failed == [phase]
    assert ran.build.phases[-1].name == phase
    assert ran.steps == steps
    assert "the test wants it so" in ran.build.log.lower()
    assert "IMAGE_DIGEST: ECR does not know" not in ran.build.log
    assert cloud.running == OLD


def test_login_needs_a_password_whatever_docker_says(desk: Desk) -> None:
    cloud = released(failing={"aws ecr get-login-password": 1})
    ran = desk.run("buildspec.yml", {"aws": cloud.aws, "docker": lambda _: Answer()}, PROJECT)
    assert (ran.failed, ran.steps) == (["build"], [*LOGIN, *LOGOUT])


def test_push_that_the_registry_does_not_know_is_not_released(desk: Desk) -> None:
    cloud = released()
    held = {**PROJECT, "PODIUM_BASE": f"{BASE}@{BASE_DIGEST}"}
    ran = desk.run("buildspec.yml", {"aws": cloud.aws, "docker": lambda _: Answer()}, held)
    assert (ran.failed, ran.steps) == (["build"], [step for step in IMAGE if step not in BASE_LOOK])
    assert "IMAGE_DIGEST: ECR does not know what was pushed" in ran.build.log
    assert ran.build.exported == {}


def test_logout_that_fails_leaves_the_password_to_docker_alone(desk: Desk) -> None:
    cloud = released(failing={"docker logout": 1})
    ran = desk.run("buildspec.yml", {"aws": cloud.aws, "docker": cloud.docker}, PROJECT)
    assert (ran.failed, ran.steps) == (["build"], IMAGE)
    assert leaks(cloud, ran, desk.folder) == ["home/.docker/config.json"]


def test_image_that_lambda_does_not_take_changes_nothing(build_image: Callable[..., Ran]) -> None:
    index = image("an index", supported=False)
    cloud = released(tags={"old": OLD, COMMIT: index})
    ran = build_image(cloud)
    assert ran.failed == ["post_build"]
    assert "is not supported" in ran.build.log
    assert f"AWS refused the update: {FUNCTION} still has {OLD.uri}" in ran.build.log
    assert cloud.running == OLD


@pytest.mark.parametrize("handler", sorted(HANDLERS.keys() - {"good"}))
def test_image_that_does_not_work_is_rolled_back(build_image: Callable[..., Ran], handler: str) -> None:
    cloud = released(builds=handler)
    ran = build_image(cloud)
    assert ran.failed == ["post_build"]
    assert ran.steps == [*IMAGE, *TRIED, *UPDATE, *SMOKE]
    assert cloud.running == OLD
    assert [tag for tag in cloud.tags if tag.startswith("released-")] == []
    assert f"{NEW.uri} does not work: back to {OLD.uri}" in ran.build.log
    assert f"{FUNCTION} has {OLD.uri} again\n" in ran.build.log


@pytest.mark.parametrize(
    ("failing", "steps"),
    [
        ("aws lambda wait", [*PREVIOUS, *UPDATE, *UPDATE, *SMOKE]),
        ("aws lambda invoke", [*TRIED, *UPDATE, *SMOKE]),
    ],
    ids=["wait", "invoke"],
)
def test_update_that_cannot_be_seen_to_work_is_rolled_back(
    build_image: Callable[..., Ran], failing: str, steps: list[str]
) -> None:
    cloud = released(failing={failing: 1})
    ran = build_image(cloud)
    assert ran.failed == ["post_build"]
    assert ran.steps == IMAGE + steps
    assert cloud.running == OLD
    assert f"{FUNCTION} has {OLD.uri} again\n" in ran.build.log


@pytest.mark.parametrize("failing", UPDATE)
def test_rollback_that_fails_is_said(build_image: Callable[..., Ran], failing: str) -> None:
    cloud = released(builds="raises", failing={failing: 2})
    ran = build_image(cloud)
    assert ran.failed == ["post_build"]
    assert ran.steps[-1] == failing
    assert f"ROLLBACK FAILED: {FUNCTION} may have been left with {NEW.uri}" in ran.build.log
    assert "again" not in ran.build.log
    assert cloud.running is not None
    assert cloud.running.uri == NEW.uri


def test_previous_image_that_does_not_work_either_is_said(build_image: Callable[..., Ran]) -> None:
    broken = image("what runs so far", "raises")
    cloud = released(builds="raises", running=broken, tags={"old": broken})
    ran = build_image(cloud)
    assert ran.failed == ["post_build"]
    assert cloud.running == broken
    assert f"{FUNCTION} has {broken.uri} again, which does not work either" in ran.build.log


async def test_smoke_is_an_upload_that_is_gone_and_no_player_hears_of_it(
    build_image: Callable[..., Ran],
) -> None:
    class Empty:
        async def get_object(self, **_: str) -> None:
            response: Any = {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(response, "GetObject")

    async def load(_: str) -> None:
        """No such player was deleted, and none has a profile."""

    async def finish(*_: object) -> None:
        pytest.fail("A player would have been told")

    cloud = released()
    ran = build_image(cloud)
    (event,) = cloud.events
    result = await process(
        event,
        bucket=PortraitBucket(cast(Any, Empty()), "bucket"),
        models=cast(Models, None),
        load=load,
        finish=finish,
    )
    assert (result, None) == HANDLERS["good"](event)
    invocation = aws_cli.parse(ran.call("aws lambda invoke"))
    assert invocation.parameters["InvocationType"] == "RequestResponse"


def release_by_hand(desk: Desk, cloud: Cloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    with programs.running(desk.folder / "programs", {"aws": cloud.aws}):
        return subprocess.run(
            ["bash", desk.source / "cv" / "release", *arguments],
            env=desk.environment(),
            cwd=desk.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def test_release_by_hand(desk: Desk) -> None:
    cloud = released(tags={"old": OLD, COMMIT: NEW})
    done = release_by_hand(desk, cloud, FUNCTION, NEW.uri, OLD.uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert cloud.running == NEW
    assert cloud.tags[NEW.released] == NEW


def test_release_by_hand_of_an_image_that_there_is_not(desk: Desk) -> None:
    cloud = released()
    done = release_by_hand(desk, cloud, FUNCTION, NEW.uri, OLD.uri)
    assert done.returncode == 1
    assert f"Source image {NEW.uri} does not exist" in done.stderr
    assert cloud.running == OLD


def test_release_by_hand_says_how_it_is_used(desk: Desk) -> None:
    done = release_by_hand(desk, released(), FUNCTION)
    assert (done.returncode, done.stderr) == (2, "usage: cv/release FUNCTION IMAGE PREVIOUS\n")


@pytest.mark.parametrize(
    "name", ["buildspec.yml", "buildspec-deploy.yml", "cv/base", "cv/find", "cv/keep", "cv/release"]
)
def test_shell_code_parses(name: str) -> None:
    path = CHECKOUT / name
    scripts = codebuild.commands(path) if path.suffix == ".yml" else [path.read_text(encoding="utf-8")]
    for script in scripts:
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), script
