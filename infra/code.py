"""The zip of the functions, made when the app is synthesized for a command that takes it along."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import App
from aws_cdk import aws_lambda as lambda_

from game.functions import ZIPPED
from infra.packaging.bundle import TARGETS, build

CodeOf = Callable[[str], dict[str, Any]]
"""A function's name to what a Lambda function of it needs: `code`, `handler`, `runtime`, `architecture`."""

ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


# What the CDK's command line sets: nothing is to be bundled for `cdk destroy`, `cdk list` or `cdk bootstrap`.
_BUNDLED_STACKS = "aws:cdk:bundling-stacks"


def code_for(app: App, architecture: str, out: Path) -> CodeOf:
    """Return the functions' code for the command that the app is synthesized for. Raises BundleError."""
    if app.node.try_get_context(_BUNDLED_STACKS) == []:
        return left_out
    return bundled(architecture, out)


def bundled(architecture: str, out: Path) -> CodeOf:
    """Return the real zip, in `out`. Raises BundleError."""
    target = TARGETS[architecture]
    made = build(target, out)
    handlers = {function.name: function.handler for function in ZIPPED}

    def code(name: str) -> dict[str, Any]:
        return {
            "code": lambda_.Code.from_asset(str(made.zip)),
            "handler": handlers[name],
            "runtime": lambda_.Runtime(f"python{target.python}", lambda_.RuntimeFamily.PYTHON),
            "architecture": ARCHITECTURES[architecture],
        }

    return code


def left_out(_: str) -> dict[str, Any]:
    """Return placeholder code for CDK commands that do not bundle (destroy, list)."""
    return {
        "code": lambda_.Code.from_inline("raise NotImplementedError('synthesized without code')"),
        "handler": "index.handler",
        "runtime": lambda_.Runtime.PYTHON_3_13,
    }
