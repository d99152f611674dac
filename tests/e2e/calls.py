"""What functions asked of AWS, and what their roles let them: both as pairs of an action and a resource."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from local.settings import REGION
from tests.e2e.backend import CHECKOUT
from tests.e2e.deployment import ACCOUNT, STAGE, Deployment

RECORDER = CHECKOUT / "tests" / "e2e" / "recorder"

# What Lambda does in a function's name, before and after the function's own code: read the stream, keep what
# was given up (the CDK grants more than it takes to send), write logs and traces.
_LAMBDA_ITSELF = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
    *("sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"),
}

# And where it takes the outcome of an asynchronous invocation.
_DESTINATION = re.compile(r":function:[\w-]+-avatar-outcome(:\*)?$")

_ITEM_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


class Permission(NamedTuple):
    """An action on a resource (its ARN); in a policy, either may be a pattern."""

    action: str
    resource: str

    def covers(self, other: "Permission") -> bool:
        """Whether this, of a policy, allows that."""
        return fnmatchcase(other.action, self.action) and fnmatchcase(other.resource, self.resource)


def variables(folder: Path) -> dict[str, str]:
    """What an emulator's environment needs for its functions to be recorded in a folder."""
    return {"PYTHONPATH": str(RECORDER), "RECORDED_CALLS": str(folder)}


def recorded(folder: Path, deployment: Deployment) -> dict[str, set[Permission]]:
    """What each function of a stage has needed so far, by its name without the stage's prefix."""
    prefix, api = deployment.settings.prefix, deployment.connections_url.rsplit("/", 2)[1]
    needed: dict[str, set[Permission]] = defaultdict(set)
    for file in folder.glob("*.jsonl"):
        # The last line may be half written.
        for line in file.read_text().rpartition("\n")[0].splitlines():
            call = json.loads(line)
            needed[call["function"].removeprefix(prefix)] |= set(_needed(call, api))
    return needed


async def granted(deployment: Deployment) -> dict[str, set[Permission]]:
    """What the role of each function of a stage allows, but for what Lambda itself does with it."""
    prefix = deployment.settings.prefix
    allowed: dict[str, set[Permission]] = {}
    async with deployment.client("lambda") as functions, deployment.client("iam") as iam:
        async for page in functions.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                if function["FunctionName"].startswith(prefix):
                    role = function["Role"].rpartition("/")[2]
                    allowed[function["FunctionName"].removeprefix(prefix)] = {
                        permission
                        for name in (await iam.list_role_policies(RoleName=role))["PolicyNames"]
                        for permission in _allowed(
                            (await iam.get_role_policy(RoleName=role, PolicyName=name))["PolicyDocument"]
                        )
                    }
    return allowed


def _allowed(policy: Mapping[str, Any]) -> Iterator[Permission]:
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in _list(statement["Action"]):
            for resource in _list(statement["Resource"]):
                if action not in _LAMBDA_ITSELF and not _DESTINATION.search(resource):
                    yield Permission(action, resource)


def _needed(call: Mapping[str, Any], api: str) -> Iterator[Permission]:
    parameters = call["parameters"]
    match call["service"]:
        case "dynamodb":
            yield from _tables(call["operation"], parameters)
        case "s3":
            yield from _objects(call["operation"], parameters)
        case "lambda":
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{parameters['FunctionName']}"
            yield Permission("lambda:InvokeFunction", arn)
        case "execute-api":
            method = {"DeleteConnection": "DELETE"}.get(call["operation"], call["operation"])
            arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{STAGE}/{method}/@connections/id"
            yield Permission("execute-api:ManageConnections", arn)
        case other:
            raise AssertionError(f"{other}: what this needs is not known here: {call}")


def _tables(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for item in parameters["TransactItems"]:
            for kind, request in item.items():
                yield Permission(f"dynamodb:{_ITEM_ACTIONS[kind]}", _table(request["TableName"]))
    elif operation.startswith("Batch"):
        for table in parameters["RequestItems"]:
            yield Permission(f"dynamodb:{operation}", _table(table))
    else:
        index = parameters.get("IndexName")
        yield Permission(
            f"dynamodb:{operation}", _table(parameters["TableName"]) + (f"/index/{index}" if index else "")
        )


def _objects(operation: str, parameters: Mapping[str, Any]) -> Iterator[Permission]:
    bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    match operation:
        case "ListObjectsV2":
            yield Permission("s3:ListBucket", bucket)
        case "DeleteObjects":
            for one in parameters["Delete"]["Objects"]:
                yield Permission("s3:DeleteObject", f"{bucket}/{one['Key']}")
        case "CreateBucket":
            # So botocore builds a presigned POST, whose key comes later.
            yield Permission("s3:PutObject", f"{bucket}/uploads/posted")
        case "GetObject" | "HeadObject":
            yield Permission("s3:GetObject", f"{bucket}/{parameters['Key']}")
            # Without this S3 does not say that there is nothing, but that it is nobody's business.
            yield Permission("s3:ListBucket", bucket)
        case _:
            yield Permission(f"s3:{operation}", f"{bucket}/{parameters['Key']}")


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
