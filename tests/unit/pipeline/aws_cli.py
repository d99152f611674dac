"""The AWS CLI without a service behind it: what it makes of its arguments, and what it prints of an answer.

Both are held against botocore's description of the services, and `--query` is left to the library that the
CLI itself uses: who asks for what there is not is told so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from botocore import xform_name
from botocore.model import OperationModel, Shape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator

from tests.unit.pipeline.programs import Answer, Call

_SDK = get_session()
_OF_EVERY_COMMAND = {"query", "output", "region", "cli-read-timeout"}


class UsageError(Exception):
    """The program does not understand its arguments."""


@dataclass(frozen=True)
class Command:
    """A command: the operation behind it, with its parameters, and what is for the CLI itself."""

    service: str
    name: str
    operation: OperationModel
    parameters: Mapping[str, Any]
    options: Mapping[str, str]
    arguments: tuple[str, ...]

    @property
    def action(self) -> str:
        """What IAM calls the operation."""
        operation = self.operation.name
        return f"{self.service}:{'InvokeFunction' if operation == 'Invoke' else operation}"


def parse(call: Call) -> Command:
    """Read a call of `aws`. Raises UsageError for what the CLI would not take."""
    _, service, name, *rest = call.argv
    model = _SDK.get_service_model(service)
    if name == "wait":
        waiters = _SDK.get_waiter_model(service)
        operation = waiters.get_waiter(_known(waiters.waiter_names, rest.pop(0))).operation
    elif name == "get-login-password":
        operation = "GetAuthorizationToken"
    else:
        operation = _known(model.operation_names, name)
    options, arguments = _split(rest)
    own = {option: options.pop(option) for option in options.keys() & _OF_EVERY_COMMAND}
    shape = _structure(model.operation_model(operation).input_shape)
    members = {option: _known(shape.members, option) for option in options}
    parameters = {
        member: _value(shape.members[member], options[option], call) for option, member in members.items()
    }
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise UsageError(f"Parameter validation failed:\n{report.generate_report()}")
    return Command(service, name, model.operation_model(operation), parameters, own, arguments)


def answer(command: Command, response: Mapping[str, Any]) -> Answer:
    """What the CLI prints of a response, which has to be one that the service could give."""
    report = ParamValidator().validate(response, _structure(command.operation.output_shape))
    assert not report.has_errors(), report.generate_report()
    found = jmespath.search(command.options.get("query", "@"), response)
    if command.options.get("output") == "text":
        assert not isinstance(found, (dict, list)), "what text makes of more than one value is not known here"
        return Answer(output=f"{found}\n")
    return Answer(output=f"{json.dumps(found, indent=4)}\n")


def _structure(shape: StructureShape | None) -> StructureShape:
    assert shape is not None
    return shape


def _known(names: Any, option: str) -> str:
    """The name that an option stands for: `FunctionName` for `function-name`."""
    for name in names:
        if xform_name(name, "-") == option:
            return str(name)
    raise UsageError(f"Unknown options: {option}")


def _split(words: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Options, each with the value that follows, and the other arguments."""
    options, arguments, rest = {}, [], iter(words)
    for word in rest:
        if word.startswith("--"):
            options[word.removeprefix("--")] = next(rest, "")
        else:
            arguments.append(word)
    return options, tuple(arguments)


def _value(shape: Shape, text: str, call: Call) -> Any:
    """What the CLI makes of an option's text."""
    if shape.type_name == "list":
        return [dict(pair.split("=", 1) for pair in text.split(","))]
    if shape.type_name == "blob":
        if not text.startswith("fileb://"):
            raise UsageError("versions 1 and 2 of the CLI read other bytes here")
        path = text.removeprefix("fileb://")
        return call.stdin.encode() if path == "/dev/stdin" else (call.folder / path).read_bytes()
    return text
