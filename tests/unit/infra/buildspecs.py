"""The buildspecs, read as CodeBuild reads them; what they do not use of its syntax is refused.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

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

CODEBUILD = {"AWS_REGION": "us-east-1", "CODEBUILD_RESOLVED_SOURCE_VERSION": "4f1d0f7c"}
"""The variables that CodeBuild sets by itself, of those that the buildspecs use."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Env(_Part):
    """`env`: the shell and the variables."""

    # In another shell than bash a pipe's status would be the last program's.
    shell: Literal["bash"]
    variables: dict[str, str] = {}
    exported_variables: list[str] = Field([], alias="exported-variables")


class Phase(_Part):
    """One phase. A command that fails ends the phase, after `finally`."""

    runtime_versions: dict[str, str] = Field({}, alias="runtime-versions")
    commands: list[str]
    finally_: list[str] = Field([], alias="finally")
    on_failure: Literal["ABORT", "CONTINUE"] = Field("CONTINUE", alias="on-failure")


class Phases(_Part):
    """The phases, in CodeBuild's order. Only `build` is followed by another phase when it fails."""

    install: Phase
    pre_build: Phase
    build: Phase
    post_build: Phase | None = None


class Buildspec(_Part):
    """The whole file."""

    version: float = Field(ge=0.2, le=0.2)
    env: Env
    phases: Phases

    def script(self, *names: str) -> str:
        """Return the commands of some phases, or of all, in CodeBuild's order."""
        phases = {name: getattr(self.phases, name) for name in names or Phases.model_fields}
        used = [phase for phase in phases.values() if phase]
        return "\n".join(line for phase in used for line in [*phase.commands, *phase.finally_])


def read(name: str) -> Buildspec:
    """Read one of the two. Raises ValidationError for what is not understood."""
    return Buildspec.model_validate(yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8")))
