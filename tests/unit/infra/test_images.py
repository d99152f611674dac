"""`python -m infra.images`, with the SDK's stubber for AWS, and a stand-in program for `docker`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from cv.processing import process
from cv.vision import Models
from game.functions import PORTRAITS
from infra import images
from infra.packaging.bundle import CHECKOUT
from store.portraits import PortraitBucket
from tests.support import programs
from tests.support.programs import Answer, Call
from tests.unit.infra.account import COMMIT, FUNCTION, NEW, NEW_DIGEST, OLD, REPOSITORY, Account

BASE = "public.ecr.aws/lambda/python:3.12"
BASE_DIGEST = f"sha256:{3:064x}"
BUILD = ("build", REPOSITORY, COMMIT, "--platform", "linux/arm64")
RELEASE = ("release", FUNCTION, NEW)

BROKEN: dict[str, dict[str, Any]] = {
    "raises": {"payload": {"errorMessage": "libEGL.so.1"}, "error": "Unhandled"},
    "raises with the right word": {"payload": {"error": "gone"}, "error": "Unhandled"},
    "answers another word": {"payload": {"error": "too_small"}},
    "answers no object": {"payload": ["gone"]},
    "answers no JSON": {"raw": b'{"error": "gone'},
    "answers no text": {"raw": b"\xff"},
}
"""What images answer that do not work."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account()
    monkeypatch.setattr(boto3, "client", made.client)
    yield made
    made.check()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str, str]]:
    """Run a command; return its exit status or last words, and what it wrote."""

    def run_command(*arguments: str) -> tuple[object, str, str]:
        status: object = 0
        try:
            images.main(arguments)
        except SystemExit as stopped:
            status = stopped.code
        return status, *capfd.readouterr()

    return run_command


@pytest.fixture
def docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[list[Call]]]:
    """Put a `docker` on the PATH, of which one command may fail."""

    def stand_in(failing: str = "", digest: str = BASE_DIGEST) -> AbstractContextManager[list[Call]]:
        def answer(call: Call) -> Answer:
            if call.argv[1] == failing:
                return Answer(1, errors="the daemon refuses\n")
            return Answer(output=f"{digest}\n" if call.argv[1] == "buildx" else "progress\n")

        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return programs.running(tmp_path, {"docker": answer})

    return stand_in


def arguments(calls: list[Call]) -> list[tuple[str, ...]]:
    return [call.argv[1:] for call in calls]


def built_on(base: str) -> list[tuple[str, ...]]:
    """Return what Docker is told for an image on a base."""
    name = f"{REPOSITORY}:{COMMIT}"
    options = ("--platform", "linux/arm64", "--build-arg", f"BASE={base}", "-f", "cv/Dockerfile")
    return [("build", *options, "--provenance=false", "-t", name, "."), ("push", name)]


def test_build_pushes_an_image_on_todays_base(account: Account, docker: Any, run: Any) -> None:
    account.has_tag(None)
    account.has_tag(NEW_DIGEST)
    with docker() as calls:
        status, output, errors = run(*BUILD)
    # The pipeline takes standard output for the digest: what Docker prints may not be in it.
    assert (status, output) == (0, f"{NEW_DIGEST}\n")
    assert f"the base image is {BASE}@{BASE_DIGEST}" in errors
    look, *rest = arguments(calls)
    assert look == ("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", BASE)
    assert rest == built_on(f"{BASE}@{BASE_DIGEST}")
    assert {call.folder for call in calls} == {CHECKOUT}


def test_build_takes_a_base_by_its_digest_as_it_is(account: Account, docker: Any, run: Any) -> None:
    held = f"{BASE}@sha256:{4:064x}"
    account.has_tag(None)
    account.has_tag(NEW_DIGEST)
    with docker() as calls:
        status, *_ = run(*BUILD, "--base", held)
    assert status == 0
    assert arguments(calls) == built_on(held)


def test_build_of_a_commit_that_has_an_image_builds_no_other(account: Account, docker: Any, run: Any) -> None:
    account.has_tag(NEW_DIGEST)
    with docker() as calls:
        status, output, _ = run(*BUILD)
    assert (status, output, calls) == (0, f"{NEW_DIGEST}\n", [])


@pytest.mark.parametrize(
    ("failing", "steps"),
    [("buildx", ["buildx"]), ("build", ["buildx", "build"]), ("push", ["buildx", "build", "push"])],
)
def test_build_stops_at_the_docker_command_that_fails(
    account: Account, docker: Any, run: Any, failing: str, steps: list[str]
) -> None:
    account.has_tag(None)
    with docker(failing=failing) as calls:
        status, output, errors = run(*BUILD)
    assert (status, output) == (f"docker {failing} failed with status 1", "")
    assert "the daemon refuses" in errors
    assert [call.argv[1] for call in calls] == steps


@pytest.mark.parametrize("digest", ["", "sha256:", "<no value>"])
def test_base_without_a_digest_is_not_built_on(account: Account, docker: Any, run: Any, digest: str) -> None:
    account.has_tag(None)
    with docker(digest=digest) as calls:
        status, *_ = run(*BUILD)
    assert status == f"{BASE} has no digest: docker answers {digest!r}"
    assert [call.argv[1] for call in calls] == ["buildx"]


def test_build_fails_when_ecr_does_not_know_what_was_pushed(account: Account, docker: Any, run: Any) -> None:
    account.has_tag(None)
    account.has_tag(None)
    with docker():
        status, output, _ = run(*BUILD)
    assert (status, output) == (
        f"Docker pushed {REPOSITORY}:{COMMIT}, and ECR does not know it: push again",
        "",
    )


def test_build_fails_without_docker(
    account: Account, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    account.has_tag(None)
    status, *_ = run(*BUILD)
    assert str(status).startswith("docker does not start: ")


@pytest.mark.parametrize("code", ["AccessDeniedException", "RepositoryNotFoundException"])
def test_build_fails_when_ecr_refuses_to_look(account: Account, docker: Any, run: Any, code: str) -> None:
    account.refuses("ecr", "describe_images", code)
    with docker() as calls:
        status, *_ = run(*BUILD)
    assert code in str(status)
    assert calls == []


def test_image_that_works_is_released_and_kept(account: Account, run: Any) -> None:
    account.runs(OLD)
    account.tried(NEW)
    account.keeps()
    status, output, errors = run(*RELEASE)
    assert (status, output) == (0, "")
    assert f"{FUNCTION} has {NEW}\n" in errors


def test_smoke_outwaits_the_function_and_its_cold_start(account: Account, run: Any) -> None:
    account.runs(None)
    run(*RELEASE)
    assert account.configs["lambda"].read_timeout > PORTRAITS.seconds


@pytest.mark.parametrize("code", ["ImageAlreadyExistsException", "ImageTagAlreadyExistsException"])
def test_image_that_is_kept_already_is_released_again(account: Account, run: Any, code: str) -> None:
    account.runs(NEW)
    account.tried(NEW)
    account.keeps(refusal=code)
    status, _, errors = run(*RELEASE)
    assert status == 0
    assert f"{NEW} is marked already" in errors


def test_image_that_works_and_cannot_be_kept_fails_without_a_rollback(account: Account, run: Any) -> None:
    account.runs(OLD)
    account.tried(NEW)
    account.keeps(refusal="ServerException")
    status, *_ = run(*RELEASE)
    assert "ServerException" in str(status)


def test_first_image_is_kept_for_the_deployment(account: Account, run: Any) -> None:
    account.runs(None)
    account.keeps()
    status, _, errors = run(*RELEASE, "--or-keep")
    assert status == 0
    assert f"There is no function {FUNCTION} yet" in errors


def test_release_to_a_function_that_does_not_exist_fails(account: Account, run: Any) -> None:
    account.runs(None)
    status, *_ = run(*RELEASE)
    assert status == f"there is no function {FUNCTION}: nothing was released"


def test_release_fails_when_lambda_refuses_to_look(account: Account, run: Any) -> None:
    account.refuses("lambda", "get_function", "AccessDeniedException")
    status, *_ = run(*RELEASE, "--or-keep")
    assert "AccessDeniedException" in str(status)


@pytest.mark.parametrize("last_update", ["Successful", "Failed"])
def test_update_that_is_refused_changes_nothing(account: Account, run: Any, last_update: str) -> None:
    account.runs(OLD)
    account.refuses("lambda", "update_function_code", "InvalidParameterValueException")
    account.settles(last_update)
    account.runs(OLD)
    status, *_ = run(*RELEASE)
    assert str(status).startswith("AWS refused the update: ")
    assert "because of InvalidParameterValueException" in str(status)
    assert str(status).endswith(f"{FUNCTION} has {OLD}")


def test_update_of_which_the_answer_was_lost_is_tried(account: Account, run: Any) -> None:
    account.runs(OLD)
    # The SDK's second attempt finds the first one in progress.
    account.refuses("lambda", "update_function_code", "ResourceConflictException")
    account.settles()
    account.runs(NEW)
    account.settles()
    account.invoked()
    account.keeps()
    status, *_ = run(*RELEASE)
    assert status == 0


def test_refused_update_of_an_unknown_outcome_is_reported(account: Account, run: Any) -> None:
    account.runs(OLD)
    account.refuses("lambda", "update_function_code", "ServiceException")
    account.settles()
    account.refuses("lambda", "get_function", "ServiceException")
    status, *_ = run(*RELEASE)
    assert str(status).endswith(f"{FUNCTION} has an unknown image")


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_image_that_does_not_work_is_rolled_back(account: Account, run: Any, answer: dict[str, Any]) -> None:
    account.runs(OLD)
    account.tried(NEW, **answer)
    account.tried(OLD)
    status, _, errors = run(*RELEASE)
    assert status == f"{FUNCTION} has {OLD} again"
    assert f"{NEW} does not work: back to {OLD}" in errors


@pytest.mark.parametrize("failing", ["update", "invocation"])
def test_update_that_cannot_be_seen_to_work_is_rolled_back(account: Account, run: Any, failing: str) -> None:
    account.runs(OLD)
    account.updates(NEW)
    if failing == "update":
        account.settles("Failed")
    else:
        account.settles()
        account.refuses("lambda", "invoke", "AccessDeniedException")
    account.tried(OLD)
    assert run(*RELEASE)[0] == f"{FUNCTION} has {OLD} again"


@pytest.mark.parametrize("failing", ["update", "settle"])
def test_rollback_that_fails_is_reported(account: Account, run: Any, failing: str) -> None:
    account.runs(OLD)
    account.tried(NEW, **BROKEN["raises"])
    if failing == "update":
        account.refuses("lambda", "update_function_code", "AccessDeniedException")
    else:
        account.updates(OLD)
        account.settles("Failed")
    status, *_ = run(*RELEASE)
    assert str(status).startswith(f"ROLLBACK FAILED: {FUNCTION} may have been left with {NEW}: ")


def test_previous_image_that_does_not_work_either_is_told(account: Account, run: Any) -> None:
    account.runs(OLD)
    account.tried(NEW, **BROKEN["raises"])
    account.tried(OLD, **BROKEN["raises"])
    assert run(*RELEASE)[0] == f"{FUNCTION} has {OLD} again, which does not work either"


def test_broken_image_of_a_release_that_was_interrupted_is_told(account: Account, run: Any) -> None:
    account.runs(NEW)
    account.tried(NEW, **BROKEN["raises"])
    status, *_ = run(*RELEASE)
    assert status == f"{NEW} does not work, and {FUNCTION} had it before: release an image that works"


def test_keep_marks_an_image_as_released(account: Account, run: Any) -> None:
    account.keeps()
    assert run("keep", NEW) == (0, "", "")


def test_keep_of_an_image_that_the_repository_lacks_fails(account: Account, run: Any) -> None:
    account.lacks()
    status, *_ = run("keep", NEW)
    assert str(status).startswith(f"the repository does not have {NEW}: ")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((), "required: command"),
        (("release", FUNCTION), "required: image"),
        (("release", FUNCTION, f"{REPOSITORY}:{COMMIT}"), "give REGISTRY/NAME@sha256:…"),
        (("keep", NEW[:-1]), "give REGISTRY/NAME@sha256:…"),
        (("keep", f"podium@{NEW_DIGEST}"), "give REGISTRY/NAME@sha256:…"),
        (("build", f"{REPOSITORY}:{COMMIT}", COMMIT, "--platform", "linux/arm64"), "give REGISTRY/NAME"),
        (("build", REPOSITORY, COMMIT), "required: --platform"),
    ],
)
def test_wrong_arguments_are_explained(run: Any, command: tuple[str, ...], reason: str) -> None:
    status, output, errors = run(*command)
    assert (status, output) == (2, "")
    assert reason in errors


async def test_handler_answers_the_smoke_event_with_gone_and_pushes_no_frame() -> None:
    class Empty:
        async def get_object(self, **_: str) -> None:
            response: Any = {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(response, "GetObject")

    async def load(_: str) -> None:
        """No such player was deleted, and none has a profile."""

    async def finish(*_: object) -> None:
        pytest.fail("A player would have been told")

    result = await process(
        images.SMOKE_EVENT,
        bucket=PortraitBucket(cast(Any, Empty()), "bucket"),
        models=cast(Models, None),
        load=load,
        finish=finish,
    )
    assert result["error"] == "gone"
