"""The buildspecs.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from typing import Any

import yaml

from infra.packaging.bundle import CHECKOUT
from tests.unit.infra.account import FUNCTION

PROJECT = {
    "PODIUM_STAGE": "prod",
    "PODIUM_REPOSITORY": "podium-prod-portraits",
    "PODIUM_FUNCTION": FUNCTION,
    "PODIUM_PLATFORM": "linux/arm64",
    "PODIUM_BASE": "public.ecr.aws/lambda/python:3.12",
    "AWS_ACCOUNT_ID": "111122223333",
}
"""The variables that the pipeline gives to its projects."""

_PHASES = ("install", "pre_build", "build", "post_build")

CODEBUILD = {"AWS_REGION": "us-east-1", "CODEBUILD_RESOLVED_SOURCE_VERSION": "4f1d0f7c"}
"""The variables that CodeBuild sets by itself, of those that the buildspecs use."""


def read(name: str) -> dict[str, Any]:
    """Return the content of one of the two."""
    content: dict[str, Any] = yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))
    return content


def script(name: str, *phases: str) -> str:
    """Return the commands of some phases, or of all, in CodeBuild's order."""
    found = read(name)["phases"]
    used = [found[phase] for phase in phases or _PHASES if phase in found]
    return "\n".join(line for phase in used for line in [*phase["commands"], *phase.get("finally", [])])
