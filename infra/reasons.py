"""Rules of cdk-nag that do not hold somewhere, each with the reason why."""

from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def excuse(construct: IConstruct, rule: str, reason: str, *findings: str) -> None:
    """Let a rule pass for a construct and what is in it; where a rule has several findings, name each."""
    for one in [f"{rule}[{finding}]" for finding in findings] or [rule]:
        Validations.of(construct).acknowledge(Acknowledgment(id=one, reason=reason))


def excuse_wildcard(construct: IConstruct, arn: str, reason: str) -> None:
    """Let a wildcard in a policy's resource pass, for this ARN alone."""
    excuse(construct, "AwsSolutions-IAM5", reason, f"Resource::{_plain(Stack.of(construct).resolve(arn))}")


def _plain(value: Any) -> str:
    """Return a resolved value as cdk-nag writes it: what is known at deployment only is `<name>`."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_plain, parts))
        case {"Fn::ImportValue": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
    raise TypeError(f"no known form of a value: {value!r}")
