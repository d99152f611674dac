"""What passes the emulator's door, and what does not; signatures are made by the SDK."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.ministack import guard
from local.ministack.asgi import Message, Receive, Scope, Send
from local.ministack.guard import Guard

HOST = "127.0.0.1:4566"
SECRET = "the secret of this run"
ORIGIN = "https://evil.example"
FORM = "multipart/form-data; boundary=b"
SIGN_UP = "AWSCognitoIdentityProviderService.SignUp"
SCAN = "DynamoDB_20120810.Scan"

# As ministack's parser gives them; its own is asked in tests/integration.
Fields = Callable[[str, bytes], Mapping[str, str]]


def _json_fields(content_type: str, body: bytes) -> Mapping[str, str]:
    fields: dict[str, str] = json.loads(body or b"{}")
    return fields


class Emulator:
    """What lies behind the door: tells what has passed, with its body."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.guard = Guard(self, secret=SECRET, hosts={HOST}, form_fields=_json_fields)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(
        self,
        method: str = "POST",
        target: str = "/",
        *headers: tuple[str, str],
        body: bytes = b"",
        host: str | None = HOST,
    ) -> tuple[int, str]:
        """Return the status, and what a refusal says."""
        path, _, query = target.partition("?")
        first = [("host", host)] if host else []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in [*first, *headers]],
        }
        parts = [body[:10], body[10:]]
        sent: list[Message] = []

        async def receive() -> Message:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.guard(scope, receive, send)
        assert all(not name.startswith(b"access-control") for name, _ in sent[0]["headers"])
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()

    async def passes(self, *arguments: Any, **options: Any) -> bool:
        """Return whether a request is let through, whole."""
        status, _ = await self.ask(*arguments, **options)
        assert status in (200, 403)
        assert self.bodies == ([options.get("body", b"")] if status == 200 else [])
        self.bodies.clear()
        return status == 200


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


def signed(
    body: bytes = b"{}",
    *,
    secret: str = SECRET,
    target: str = SCAN,
    url: str = "/",
) -> list[tuple[str, str]]:
    """Return the headers of a request that the SDK has signed."""
    request = AWSRequest("POST", f"http://{HOST}{url}", {"X-Amz-Target": target}, body)
    SigV4Auth(Credentials("podium", secret), "dynamodb", "us-east-1").add_auth(request)
    return list(request.headers.items())


@cache
def s3(secret: str = SECRET) -> Any:
    """Return a client of the SDK that presigns."""
    session: Any = botocore.session.Session()
    session.set_credentials("podium", secret)
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    return session.create_client("s3", "us-east-1", endpoint_url=f"http://{HOST}", config=config)


def address(secret: str = SECRET) -> str:
    """Path and query of a presigned address."""
    parts = urlsplit(
        s3(secret).generate_presigned_url("get_object", {"Bucket": "pictures", "Key": "a b/ü.webp"})
    )
    return f"{parts.path}?{parts.query}"


def form(secret: str = SECRET) -> dict[str, str]:
    """Return the fields of a presigned form."""
    fields: dict[str, str] = s3(secret).generate_presigned_post("pictures", "uploads/a")["fields"]
    return fields


async def test_signed_request_passes(emulator: Emulator) -> None:
    body = json.dumps({"TableName": "Scores"}).encode()
    assert await emulator.passes("POST", "/", *signed(body), body=body)


async def test_key_may_name_any_account(emulator: Emulator) -> None:
    headers = dict(signed())
    headers["Authorization"] = headers["Authorization"].replace(
        "Credential=podium", "Credential=000000000042"
    )
    assert await emulator.passes("POST", "/", *headers.items(), body=b"{}")


async def test_request_signed_with_another_secret_is_refused(emulator: Emulator) -> None:
    status, text = await emulator.ask("POST", "/", *signed(secret="a guess"), body=b"{}")
    assert status == 403
    assert json.loads(text)["__type"] == "AccessDeniedException"
    assert "signature is not right" in json.loads(text)["message"]


async def test_signature_of_another_body_is_refused(emulator: Emulator) -> None:
    assert not await emulator.passes("POST", "/", *signed(b"{}"), body=b'{"more": 1}')


async def test_signature_of_another_operation_is_refused(emulator: Emulator) -> None:
    headers = dict(signed()) | {"X-Amz-Target": "DynamoDB_20120810.DeleteTable"}
    assert not await emulator.passes("POST", "/", *headers.items(), body=b"{}")


async def test_signature_for_another_path_is_refused(emulator: Emulator) -> None:
    assert not await emulator.passes("POST", "/_ministack/reset", *signed(), body=b"{}")
    assert await emulator.passes("POST", "/_ministack/reset", *signed(url="/_ministack/reset"), body=b"{}")


async def test_signed_request_from_a_page_is_refused(emulator: Emulator) -> None:
    status, text = await emulator.ask("POST", "/", *signed(), ("Origin", ORIGIN), body=b"{}")
    assert (status, "web pages" in text) == (403, True)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer token",
        "AWS podium:c2ln",
        "AWS4-HMAC-SHA256 Credential=podium/20250101/us-east-1/dynamodb/aws4",
    ],
)
async def test_authorization_of_another_kind_is_refused(emulator: Emulator, authorization: str) -> None:
    headers = dict(signed()) | {"Authorization": authorization}
    assert not await emulator.passes("POST", "/", *headers.items(), body=b"{}")


@pytest.mark.parametrize("drop", ["x-amz-date", "host"])
async def test_signature_that_leaves_out_a_required_header_is_refused(emulator: Emulator, drop: str) -> None:
    headers = dict(signed())
    headers["Authorization"] = headers["Authorization"].replace(f"{drop};", "")
    assert not await emulator.passes("POST", "/", *headers.items(), body=b"{}")


async def test_body_that_is_too_large_to_verify_is_refused(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_BYTES", 20)
    body = b" " * 21
    status, text = await emulator.ask("POST", "/", *signed(body), body=body)
    assert (status, "more than 20 bytes" in text) == (403, True)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]),
    path=st.sampled_from(
        ["/", "/_ministack/reset", "/_ministack/health", "/pictures", "/pictures/a", "/health"]
    ),
    query=st.sampled_from(["", "?list-type=2", "?Action=CreateUser", "?X-Amz-Signature=0", "?delete"]),
    headers=st.lists(
        st.sampled_from(
            [
                ("Origin", ORIGIN),
                ("Origin", "null"),
                ("Content-Type", "text/plain"),
                ("Content-Type", FORM),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("X-Amz-Target", SCAN),
                ("X-Amz-Target", "AWSCognitoIdentityProviderService.AdminAddUserToGroup"),
                ("Authorization", "AWS4-HMAC-SHA256 Credential=podium/20250101/us-east-1/s3/aws4_request"),
                ("X-Amz-Date", "20250101T000000Z"),
                ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
            ]
        ),
        unique=True,
    ),
    body=st.sampled_from([b"", b"{}"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_unsigned_request_is_refused(
    emulator: Emulator, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    assert not await emulator.passes(method, path + query, *headers, body=body)


@pytest.mark.parametrize(
    "operation",
    [
        *("SignUp", "ConfirmSignUp", "InitiateAuth", "RespondToAuthChallenge", "ForgotPassword"),
        *("ConfirmForgotPassword", "ResendConfirmationCode", "GetUser", "ChangePassword", "DeleteUser"),
        *("UpdateUserAttributes", "VerifyUserAttribute", "GlobalSignOut", "RevokeToken"),
    ],
)
async def test_public_operation_of_cognito_passes_from_any_page(emulator: Emulator, operation: str) -> None:
    headers = [("X-Amz-Target", f"AWSCognitoIdentityProviderService.{operation}"), ("Origin", ORIGIN)]
    assert await emulator.passes("POST", "/", *headers, body=b'{"ClientId": "game"}')


@pytest.mark.parametrize(
    "operation",
    ["AdminConfirmSignUp", "AdminAddUserToGroup", "AdminCreateUser", "ListUsers", "CreateUserPool"],
)
async def test_operation_of_cognito_that_takes_rights_is_refused_unsigned(
    emulator: Emulator, operation: str
) -> None:
    target = f"AWSCognitoIdentityProviderService.{operation}"
    assert not await emulator.passes("POST", "/", ("X-Amz-Target", target))


@pytest.mark.parametrize("target", ["/_ministack/reset", "/pictures", "/?Action=CreateUser", "//"])
async def test_public_operation_opens_no_other_path(emulator: Emulator, target: str) -> None:
    assert not await emulator.passes("POST", target, ("X-Amz-Target", SIGN_UP))


async def test_public_operation_does_not_hide_another(emulator: Emulator) -> None:
    headers = [("X-Amz-Target", SIGN_UP), ("X-Amz-Target", SCAN)]
    for targets in (headers, headers[::-1]):
        assert not await emulator.passes("POST", "/", *targets)


@pytest.mark.parametrize("name", ["jwks.json", "openid-configuration"])
async def test_public_keys_pass(emulator: Emulator, name: str) -> None:
    path = f"/us-east-1_Podium123/.well-known/{name}"
    assert await emulator.passes("GET", path, ("Origin", ORIGIN))
    assert not await emulator.passes("POST", path)
    assert not await emulator.passes("GET", path, ("X-Amz-Target", SCAN))
    assert not await emulator.passes("GET", f"/_ministack/health/..{path}")


async def test_presigned_address_passes_as_it_is(emulator: Emulator) -> None:
    assert await emulator.passes("GET", address(), ("Origin", ORIGIN))


@pytest.mark.parametrize(
    "changed",
    [
        lambda method, target: ("DELETE", target),
        lambda method, target: (method, target.replace("/a%20b/", "/b%20b/")),
        lambda method, target: (method, f"{target}&delete"),
        lambda method, target: (method, target.replace("X-Amz-Expires=3600", "X-Amz-Expires=604800")),
        lambda method, target: (method, target.replace("X-Amz-Signature", "x-amz-signature")),
        lambda method, target: (method, f"{target}&X-Amz-Signature={'0' * 64}"),
        lambda method, target: (method, address("a guess")),
    ],
    ids=["method", "key", "query", "expiry", "lower case", "second signature", "secret"],
)
async def test_presigned_address_that_was_changed_is_refused(
    emulator: Emulator, changed: Callable[[str, str], tuple[str, str]]
) -> None:
    assert not await emulator.passes(*changed("GET", address()))


@pytest.mark.parametrize("header", ["X-Amz-Target", "X-Amz-Copy-Source"])
async def test_presigned_address_opens_no_other_operation(emulator: Emulator, header: str) -> None:
    assert not await emulator.passes("GET", address(), (header, SCAN))


async def test_id_of_the_key_in_an_address_is_not_enough(emulator: Emulator) -> None:
    credential = next(part for part in address().split("&") if part.startswith("X-Amz-Credential="))
    forged = [
        ("X-Amz-Target", SCAN),
        ("X-Amz-Date", "20250101T000000Z"),
        (
            "Authorization",
            f"AWS4-HMAC-SHA256 Credential={credential.partition('=')[2].replace('%2F', '/')}, "
            f"SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}",
        ),
    ]
    assert not await emulator.passes("POST", "/", *forged)


async def test_presigned_form_passes(emulator: Emulator) -> None:
    headers = [("Content-Type", FORM), ("Origin", ORIGIN)]
    assert await emulator.passes("POST", "/pictures", *headers, body=json.dumps(form()).encode())


async def _form_passes(
    emulator: Emulator, fields: Mapping[str, str], *headers: tuple[str, str], path: str = "/pictures"
) -> bool:
    body = json.dumps(fields).encode()
    return await emulator.passes("POST", path, ("Content-Type", FORM), *headers, body=body)


async def test_presigned_form_that_was_changed_is_refused(emulator: Emulator) -> None:
    policy = base64.b64encode(b'{"expiration": "2099-01-01T00:00:00Z", "conditions": []}').decode()
    assert not await _form_passes(emulator, form() | {"policy": policy})
    assert not await _form_passes(emulator, form("a guess"))
    assert not await _form_passes(emulator, form() | {"x-amz-credential": "podium"})
    for name in ("policy", "x-amz-signature", "x-amz-credential", "x-amz-date"):
        assert not await _form_passes(emulator, {key: value for key, value in form().items() if key != name})


async def test_presigned_form_opens_nothing_else(emulator: Emulator) -> None:
    assert await _form_passes(emulator, form())
    for path in ("/", "/_ministack/reset", "/other-bucket", "/pictures/a", "/pictures?delete"):
        assert not await _form_passes(emulator, form(), path=path)
    assert not await _form_passes(emulator, form(), ("X-Amz-Target", SCAN))


async def test_preflight_passes(emulator: Emulator) -> None:
    asked = [("Origin", ORIGIN), ("Access-Control-Request-Method", "POST")]
    assert await emulator.passes("OPTIONS", "/", *asked)
    assert not await emulator.passes("OPTIONS", "/_ministack/reset", *asked)
    assert not await emulator.passes("OPTIONS", "/")


@pytest.mark.parametrize(
    "host", ["evil.example:4566", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:4566", None]
)
async def test_request_for_another_host_is_refused(emulator: Emulator, host: str | None) -> None:
    status, text = await emulator.ask("POST", "/", ("X-Amz-Target", SIGN_UP), host=host)
    assert status == 403
    assert f"use {HOST}" in text
    assert not await emulator.passes("GET", address(), host=host)


async def test_request_with_two_hosts_is_refused(emulator: Emulator) -> None:
    assert not await emulator.passes("POST", "/", ("Host", HOST), ("X-Amz-Target", SIGN_UP))


async def test_refusal_for_s3_is_xml(emulator: Emulator) -> None:
    _, text = await emulator.ask("GET", f"/pictures?{urlencode({'list-type': 2})}")
    assert text.startswith("<Error><Code>AccessDenied</Code>")


async def test_web_socket_is_closed(emulator: Emulator) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await emulator.guard({"type": "websocket", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close"}]
    assert emulator.bodies == []
