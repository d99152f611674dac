"""What the pipeline gives to the buildspecs, and what they take: variables, rights, the image."""

import json
from typing import Any

import pytest

from infra import images
from infra.settings import load_settings
from tests.unit.infra import buildspecs
from tests.unit.infra.account import COMMIT, FUNCTION, NEW, REPOSITORY, Account, release_of_a_push
from tests.unit.infra.policies import allowed
from tests.unit.infra.stage import properties, synthesize, text

PUSH = {
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
}
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html"""
UPDATE = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
"""For the caller that gives a function an image. https://docs.aws.amazon.com/lambda/latest/dg/images-create.html"""


def project(name: str) -> dict[str, Any]:
    """Return a CodeBuild project of prod, by the end of its name."""
    (found,) = [one for one in properties("prod", "AWS::CodeBuild::Project") if one["Name"].endswith(name)]
    return found


def actions() -> dict[str, dict[str, Any]]:
    """Return the pipeline's actions by their stages, of which each has one."""
    (pipeline,) = properties("prod", "AWS::CodePipeline::Pipeline")
    return {stage["Name"]: action for stage in pipeline["Stages"] for action in stage["Actions"]}


@pytest.mark.parametrize(
    ("name", "buildspec", "docker"),
    [("image", "buildspec.yml", True), ("deploy", "buildspec-deploy.yml", False)],
)
def test_projects_have_their_buildspec_and_its_variables(name: str, buildspec: str, docker: bool) -> None:
    found = project(name)
    assert found["Source"]["BuildSpec"] == buildspec
    assert found["Environment"]["PrivilegedMode"] == docker
    given = {one["Name"]: one["Value"] for one in found["Environment"]["EnvironmentVariables"]}
    assert given == buildspecs.PROJECT | {"AWS_ACCOUNT_ID": {"Ref": "AWS::AccountId"}}


def test_image_goes_from_one_stage_to_the_other() -> None:
    made = actions()
    (given,) = json.loads(made["Deploy"]["Configuration"]["EnvironmentVariables"])
    assert (given["name"], given["value"]) == ("PODIUM_IMAGE", "#{image.IMAGE_DIGEST}")
    assert made["Image"]["Namespace"] == "image"
    assert buildspecs.read("buildspec.yml")["env"]["exported-variables"] == ["IMAGE_DIGEST"]


def test_image_project_may_do_what_it_does_and_no_more() -> None:
    account = Account()
    release_of_a_push(account)
    ecr, functions = account.client("ecr"), account.client("lambda")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "_docker", lambda *_, **__: "")
        images.build(ecr, REPOSITORY, COMMIT, platform="linux/arm64", base=f"base@sha256:{0:064x}")
    images.release(ecr, functions, FUNCTION, NEW)
    account.check()
    called = {"ecr:GetAuthorizationToken", *account.calls}
    role = project("image")["ServiceRole"]["Fn::GetAtt"][0]
    granted = {
        action
        for policy in properties("prod", "AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for action, _ in allowed(policy["PolicyDocument"])
    }
    of_services = {action for action in granted if action.startswith(("ecr:", "lambda:"))}
    assert of_services == called | PUSH | UPDATE


def test_deploy_project_may_ask_whether_the_catalogue_is_true_to_the_rows() -> None:
    role = project("deploy")["ServiceRole"]["Fn::GetAtt"][0]
    granted = {
        (action, text(resource).rpartition("/")[2])
        for policy in properties("prod", "AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for action, resource in allowed(policy["PolicyDocument"])
        if action.startswith("dynamodb:")
    }
    assert granted == {
        ("dynamodb:GetItem", "podium-prod-Leaderboards"),
        ("dynamodb:Query", "podium-prod-Scores"),
        ("dynamodb:Scan", "podium-prod-Scores"),
        ("dynamodb:Scan", "podium-prod-UserProgress"),
    }


def test_pipeline_of_a_trial_goes_away_with_its_artifacts() -> None:
    pipeline = load_settings("prod").pipeline
    trial = load_settings("dev").model_copy(update={"pipeline": pipeline, "stage": "trial"})
    made = synthesize(trial, image=None)["pipeline"]["Resources"]
    assert "Custom::S3AutoDeleteObjects" in [one["Type"] for one in made.values()]
    (emptier,) = [one for one in made.values() if one["Type"] == "AWS::Lambda::Function"]
    logs = made[emptier["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]
    assert (logs["Type"], logs["DeletionPolicy"]) == ("AWS::Logs::LogGroup", "Delete")
