"""A desk for builds: the source as CodeBuild gets it, and what surrounds it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.pipeline import codebuild, programs
from tests.unit.pipeline.cloud import (
    ACCOUNT,
    BASE,
    FUNCTION,
    PLATFORM,
    REGISTRY,
    REPOSITORY,
    Cloud,
    image,
    step,
)
from tests.unit.pipeline.codebuild import Build
from tests.unit.pipeline.programs import Call

CHECKOUT = Path(__file__).parents[3]
COMMIT = "4f1d0f7c6a2f4a0e9d6f1b1f0c5e7a9b3d2c1e0f"
OLD = image("what runs so far")
NEW = image(f"{REGISTRY}/{REPOSITORY}:{COMMIT}")
PROJECT = {
    "PODIUM_STAGE": "prod",
    "PODIUM_REPOSITORY": REPOSITORY,
    "PODIUM_FUNCTION": FUNCTION,
    "PODIUM_PLATFORM": PLATFORM,
    "PODIUM_BASE": BASE,
    "AWS_ACCOUNT_ID": ACCOUNT,
}
"""What the pipeline gives to its projects: tests/unit/infra/test_pipeline.py compares."""
CODEBUILD_ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "CODEBUILD_RESOLVED_SOURCE_VERSION": COMMIT,
}
"""What CodeBuild sets by itself."""


@dataclass(frozen=True)
class Ran:
    """A build, and what it called."""

    build: Build
    calls: list[Call]

    @property
    def steps(self) -> list[str]:
        """The calls without their particulars."""
        return [step(call) for call in self.calls]

    def call(self, name: str) -> Call:
        """The only call of a step."""
        (found,) = [call for call in self.calls if step(call) == name]
        return found

    @property
    def failed(self) -> list[str]:
        """The phases that did not succeed."""
        return [phase.name for phase in self.build.phases if not phase.succeeded]


def leaks(cloud: Cloud, ran: Ran, folder: Path) -> list[str]:
    """Where the registry's password is to be seen: in the log, in arguments, in variables, in files."""
    places = {"the log": ran.build.log}
    for call in ran.calls:
        places[f"the arguments of {step(call)}"] = str(call)
        places[f"the variables of {step(call)}"] = "\n".join(call.environment.values())
    for path in folder.rglob("*"):
        if path.is_file():
            places[str(path.relative_to(folder))] = path.read_text(encoding="utf-8")
    return [place for place, text in places.items() if any(secret in text for secret in cloud.secrets())]


class Desk:
    """Where builds run: the source, a home, and folders for programs, temporary files and notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("source/cv", "source/tests", "home", "programs", "temporary", "work"):
            (folder / name).mkdir(parents=True)
        for path in (
            *CHECKOUT.glob("buildspec*.yml"),
            *(path for path in CHECKOUT.glob("cv/*") if path.is_file()),
            CHECKOUT / "tests" / "install-packages",
        ):
            # As from CodePipeline's zip: nothing is executable.
            shutil.copyfile(path, self.source / path.relative_to(CHECKOUT))

    @property
    def source(self) -> Path:
        """The checkout."""
        return self.folder / "source"

    def environment(self) -> dict[str, str]:
        """What a build's programs find around them; this machine's own `docker` and `aws` are not there."""
        return {
            "PATH": f"{self.folder / 'programs'}:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "temporary"),
            **CODEBUILD_ENVIRONMENT,
        }

    def run(
        self, name: str, stand_ins: Mapping[str, programs.Program], project: Mapping[str, str], **options: Any
    ) -> Ran:
        """Run a buildspec."""
        environment = {**self.environment(), **project}
        with programs.running(self.folder / "programs", stand_ins) as calls:
            build = codebuild.run(self.source / name, environment, self.folder / "work", **options)
        assert list((self.folder / "temporary").iterdir()) == []
        return Ran(build, calls)
