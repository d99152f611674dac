"""What functions asked of AWS, and what their roles let them: both as pairs of an action and a resource."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from game.functions import BROADCASTER, PORTRAITS, RANKER
from local.settings import REGION
from tests.e2e.backend import CHECKOUT, whole_lines
from tests.e2e.deployment import ACCOUNT, STAGE, Deployment
from tests.unit.infra import policies

RECORDER = CHECKOUT / "tests" / "e2e" / "recorder"

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
        """Return whether this, of a policy, allows that."""
        return fnmatchcase(other.action, self.action) and fnmatchcase(other.resource, self.resource)


Permissions = Mapping[str, set[Permission]]
"""By the function's name without the stage's prefix."""


def _each(actions: str, resource: str) -> list[Permission]:
    return [Permission(action, resource) for action in actions.split()]


_STREAM = [
    *_each("dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator", "*/stream/*"),
    *_each("dynamodb:ListStreams", "*"),
    *_each("sqs:SendMessage sqs:GetQueueAttributes sqs:GetQueueUrl", "*-dead-letters"),
]
# What Lambda does in a function's name, before and after the function's own code: read the stream, keep what
# was given up (the CDK grants more than it takes to send), take an asynchronous invocation's outcome to its
# destination.
_LAMBDA_ITSELF = {
    BROADCASTER.name: _STREAM,
    RANKER.name: _STREAM,
    PORTRAITS.name: [
        *_each("lambda:InvokeFunction", "*-avatar-outcome"),
        *_each("lambda:InvokeFunction", "*-avatar-outcome:[*]"),
    ],
}


def _logs_and_traces(function: str) -> list[Permission]:
    return [
        *_each("logs:CreateLogStream logs:PutLogEvents", f"*:log-group:/aws/lambda/*-{function}:[*]"),
        *_each("xray:PutTraceSegments xray:PutTelemetryRecords", "*"),
    ]


def recording_variables(folder: Path) -> dict[str, str]:
    """Return what an emulator's environment needs for its functions to be recorded in a folder."""
    return {"PYTHONPATH": str(RECORDER), "RECORDED_CALLS": str(folder)}


def recorded(folder: Path, prefix: str, api: str) -> Permissions:
    """Return what each function of a stage has needed so far.

    prefix: of the stage; api: the id of its WebSocket API.
    """
    needed: dict[str, set[Permission]] = defaultdict(set)
    for file in folder.glob("*.jsonl"):
        for line in whole_lines(file.read_text()).splitlines():
            call = json.loads(line)
            needed[call["function"].removeprefix(prefix)] |= set(_needed(call, api))
    return needed


async def granted(deployment: Deployment) -> Permissions:
    """Return what the role of each function of a stage allows, but for what Lambda itself does with it.

    Fails where a role has rights that are not read here: of managed policies, or under a condition.
    """
    prefix = deployment.settings.prefix
    allowed: dict[str, set[Permission]] = {}
    async with deployment.client("lambda") as functions, deployment.client("iam") as iam:
        async for page in functions.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                if function["FunctionName"].startswith(prefix):
                    name = function["FunctionName"].removeprefix(prefix)
                    lambdas = [*_logs_and_traces(name), *_LAMBDA_ITSELF.get(name, ())]
                    allowed[name] = {
                        may
                        async for may in _allowed(iam, function["Role"].rpartition("/")[2])
                        if not any(its.covers(may) for its in lambdas)
                    }
    return allowed


async def _allowed(iam: Any, role: str) -> AsyncIterator[Permission]:
    managed = (await iam.list_attached_role_policies(RoleName=role))["AttachedPolicies"]
    assert managed == [], f"{role} has managed policies: {managed}"
    for name in (await iam.list_role_policies(RoleName=role))["PolicyNames"]:
        policy = (await iam.get_role_policy(RoleName=role, PolicyName=name))["PolicyDocument"]
        for statement in policy["Statement"]:
            assert set(statement) == {"Effect", "Action", "Resource"}, f"{role}: {statement}"
        for action, resource in policies.allowed(policy):
            yield Permission(action, resource)


def unused(allowed: Permissions, needed: Permissions) -> Permissions:
    """Return what functions may do and did not."""
    left = {
        function: {may for may in permissions if not any(map(may.covers, needed.get(function, ())))}
        for function, permissions in allowed.items()
    }
    return {function: permissions for function, permissions in left.items() if permissions}


def beyond(allowed: Permissions, needed: Permissions) -> Permissions:
    """Return what functions did and may not."""
    left = {
        function: {one for one in did if not any(may.covers(one) for may in allowed[function])}
        for function, did in needed.items()
    }
    return {function: permissions for function, permissions in left.items() if permissions}


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
        case "cognito-idp":
            arn = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{parameters['UserPoolId']}"
            yield Permission(f"cognito-idp:{call['operation']}", arn)
        case "secretsmanager":
            yield Permission(f"secretsmanager:{call['operation']}", parameters["SecretId"])
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
            # Without this S3 does not say that there is nothing, but that it is none of the caller's
            # business.
            yield Permission("s3:ListBucket", bucket)
        case "CopyObject":
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
            source = parameters["CopySource"]
            place = source if isinstance(source, str) else f"{source['Bucket']}/{source['Key']}"
            yield Permission("s3:GetObject", f"arn:aws:s3:::{unquote(place)}")
            yield Permission("s3:ListBucket", bucket)
            yield Permission("s3:PutObject", f"{bucket}/{parameters['Key']}")
        case _:
            yield Permission(f"s3:{operation}", f"{bucket}/{parameters['Key']}")


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
