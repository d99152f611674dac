"""Which requests count as changes of the emulator's state."""

import pytest

from local.ministack.asgi import Message, Receive, Scope, Send
from local.ministack.changes import Changes

DYNAMODB = "DynamoDB_20120810"
COGNITO = "AWSCognitoIdentityProviderService"


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope.get("path") == "/fails":
        raise RuntimeError


async def _count(method: str, *targets: str, path: str = "/", kind: str = "http") -> int:
    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    changes = Changes(_app)
    headers = [(b"x-amz-target", target.encode()) for target in targets]
    scope = {"type": kind, "method": method, "path": path, "headers": headers}
    if path == "/fails":
        with pytest.raises(RuntimeError):
            await changes(scope, receive, send)
    else:
        await changes(scope, receive, send)
    return changes.count


@pytest.mark.parametrize(
    "target",
    [
        *(f"{DYNAMODB}.{name}" for name in ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan")),
        *(f"{DYNAMODB}.{name}" for name in ("DescribeTable", "ListTables")),
        *(f"DynamoDBStreams_20120810.{name}" for name in ("GetRecords", "GetShardIterator")),
        *(f"{COGNITO}.{name}" for name in ("GetUser", "ListUserPools", "DescribeUserPool")),
    ],
)
async def test_operation_that_reads_is_no_change(target: str) -> None:
    assert await _count("POST", target) == 0


@pytest.mark.parametrize(
    "target",
    [
        *(f"{DYNAMODB}.{name}" for name in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")),
        *(f"{DYNAMODB}.{name}" for name in ("BatchWriteItem", "CreateTable", "ExecuteStatement")),
        # They make and spend refresh tokens, or codes.
        *(f"{COGNITO}.{name}" for name in ("SignUp", "InitiateAuth", "GetTokensFromRefreshToken")),
        f"{COGNITO}.GetUserAttributeVerificationCode",
        "Unheard.Of",
    ],
)
async def test_operation_that_does_not_read_is_a_change(target: str) -> None:
    assert await _count("POST", target) == 1


async def test_reading_does_not_hide_a_change() -> None:
    assert await _count("POST", f"{DYNAMODB}.GetItem", f"{DYNAMODB}.PutItem") == 1


@pytest.mark.parametrize(
    ("method", "expected"), [("GET", 0), ("HEAD", 0), ("PUT", 1), ("POST", 1), ("DELETE", 1)]
)
async def test_method_decides_where_there_is_no_operation(method: str, expected: int) -> None:
    assert await _count(method) == expected


async def test_failed_request_may_have_changed_something() -> None:
    assert await _count("PUT", path="/fails") == 1


async def test_lifespan_event_is_no_change() -> None:
    assert await _count("", kind="lifespan") == 0
