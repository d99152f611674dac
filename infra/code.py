"""The zips of the functions, made when the app is synthesized."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import aws_lambda as lambda_

from infra.bundle import TARGETS, build_all
from infra.functions import FUNCTIONS

CodeOf = Callable[[str], dict[str, Any]]
"""A function's name to what a Lambda function of it needs: `code`, `handler`, `runtime`, `architecture`."""

ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


def bundled(architecture: str, out: Path) -> CodeOf:
    """The real zips, in `out`. Raises BundleError."""
    target = TARGETS[architecture]
    zips = {package.name: bundle.zip for package, bundle in build_all(target, out).items()}
    functions = {function.name: function for function in FUNCTIONS}

    def code(name: str) -> dict[str, Any]:
        function = functions[name]
        return {
            "code": lambda_.Code.from_asset(str(zips[function.package.name])),
            "handler": function.handler,
            "runtime": lambda_.Runtime(f"python{target.python}", lambda_.RuntimeFamily.PYTHON),
            "architecture": ARCHITECTURES[architecture],
        }

    return code
