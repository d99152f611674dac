"""Stages synthesized in this process, without the functions' code: zips have their own tests."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App

from infra.app import add_stacks
from infra.code import left_out
from infra.settings import StageSettings, load_settings

Template = dict[str, Any]

IMAGE = "sha256:" + "0" * 64


@cache
def templates(stage: str) -> dict[str, Template]:
    """The templates of a stage's stacks, by their names without the prefix. Fails where cdk-nag objects."""
    return synthesize(load_settings(stage), IMAGE)


def synthesize(settings: StageSettings, image: str | None) -> dict[str, Template]:
    """Return the templates for any settings, with an image for the portraits or without; as `templates`."""
    with TemporaryDirectory() as folder:
        app = App(outdir=folder)
        add_stacks(app, settings, left_out, image)
        app.synth()
        return {
            path.name.removeprefix(settings.prefix).removesuffix(".template.json"): json.loads(
                path.read_text()
            )
            for path in Path(folder).glob("*.template.json")
        }


def resources(stage: str, kind: str) -> list[dict[str, Any]]:
    """Return every resource of a type in a stage, with its properties, attributes and policies."""
    return [
        resource
        for template in templates(stage).values()
        for resource in template["Resources"].values()
        if resource["Type"] == kind
    ]


def properties(stage: str, kind: str) -> list[dict[str, Any]]:
    """Return the properties of every resource of a type in a stage."""
    return [resource["Properties"] for resource in resources(stage, kind)]


def text(value: Any) -> str:
    """Return a value of a template; what is known at deployment only is `<name>`."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(text, parts))
        case {"Ref": name} | {"Fn::ImportValue": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    return str(value)
