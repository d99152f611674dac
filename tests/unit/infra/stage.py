"""Stages synthesized in this process, with a line for each function's code: zips have their own tests."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App
from aws_cdk import aws_lambda as lambda_

from infra.app import add_stacks
from infra.settings import StageSettings, load_settings

Template = dict[str, Any]

IMAGE = "sha256:" + "0" * 64


def a_line(_: str) -> dict[str, Any]:
    """What stands for a function's zip."""
    return {
        "code": lambda_.Code.from_inline("def handler(event, context): pass"),
        "handler": "index.handler",
        "runtime": lambda_.Runtime.PYTHON_3_13,
    }


@cache
def templates(stage: str) -> dict[str, Template]:
    """The templates of a stage's stacks, by their names without the prefix. Fails where cdk-nag objects."""
    return synthesize(load_settings(stage), IMAGE)


def synthesize(settings: StageSettings, image: str | None) -> dict[str, Template]:
    """The templates for any settings, with an image for the portraits or without; as `templates`."""
    with TemporaryDirectory() as folder:
        app = App(outdir=folder)
        add_stacks(app, settings, a_line, image)
        app.synth()
        return {
            path.name.removeprefix(settings.prefix).removesuffix(".template.json"): json.loads(
                path.read_text()
            )
            for path in Path(folder).glob("*.template.json")
        }


def resources(stage: str, kind: str) -> list[dict[str, Any]]:
    """Every resource of a type in a stage, with its properties, attributes and policies."""
    return [
        resource
        for template in templates(stage).values()
        for resource in template["Resources"].values()
        if resource["Type"] == kind
    ]


def properties(stage: str, kind: str) -> list[dict[str, Any]]:
    """The properties of every resource of a type in a stage."""
    return [resource["Properties"] for resource in resources(stage, kind)]


def text(value: Any) -> str:
    """A value of a template; what is known at deployment only is `<name>`."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(text, parts))
        case {"Ref": name} | {"Fn::ImportValue": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    return str(value)


def as_list(value: Any) -> list[Any]:
    """The actions or resources of a statement, where one stands for a list of one."""
    return value if isinstance(value, list) else [value]
