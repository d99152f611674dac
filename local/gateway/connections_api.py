"""`POST|GET|DELETE /@connections/{connectionId}`: how a backend reaches its WebSocket clients.

Paths, statuses and errors are those that the SDKs and the AWS CLI understand:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from local.http_server import (
    BodyTooLargeError,
    ClientLeftError,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
)


class Push(Enum):
    """Outcomes of pushing a message to a client."""

    SENT = "sent"
    GONE = "gone"
    BUFFER_FULL = "buffer full"


class PushTarget(Protocol):
    """An open client connection, as far as `@connections` needs to know it."""

    @property
    def is_open(self) -> bool: ...
    @property
    def connected_at(self) -> float: ...
    @property
    def last_active_at(self) -> float: ...
    @property
    def identity(self) -> dict[str, str]: ...
    def push(self, data: bytes) -> Push: ...
    def close(self, code: int, reason: str) -> None: ...


# The signature is not verified, for there is no secret to verify it with. That there is one is checked: a
# caller that forgets to sign would otherwise fail in AWS only.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
_SIGNATURE = re.compile(
    rb"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/[^/,\s]+/execute-api/aws4_request,\s*"
    rb"SignedHeaders=[^,\s]+,\s*Signature=[0-9a-f]{64}"
)


class _Answer(NamedTuple):
    """The two messages that answer a request."""

    start: Message
    body: Message


class _CallRefusedError(Exception):
    def __init__(self, answer: _Answer) -> None:
        super().__init__(answer.start["status"])
        self.answer = answer


class ConnectionsApi:
    """`@connections` over `connections` (by connection id, may change at any time): an ASGI application.

    `payload_bytes` is the largest message that is pushed; a larger one is answered with 413. The path may
    begin with the stage's name.
    """

    def __init__(self, connections: Mapping[str, PushTarget], *, stage: str, payload_bytes: int) -> None:
        self._connections = connections
        self._path = re.compile(rb"(?:/%b)?/(?:@|%%40)connections/([^/]+)" % re.escape(stage.encode()))
        self._methods = {"POST": self._post, "GET": self._get, "DELETE": self._delete}
        self._payload_bytes = payload_bytes
        self._too_large = _error(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "PayloadTooLargeException",
            f"The data exceeds {payload_bytes} bytes.",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            answer = await self._serve(scope, receive)
        except _CallRefusedError as refusal:
            answer = refusal.answer
        except ClientLeftError:
            return
        await send(answer.start)
        await send(answer.body)

    async def _serve(self, scope: Scope, receive: Receive) -> _Answer:
        headers = dict(scope["headers"])
        match = self._path.fullmatch(scope["raw_path"])
        method = self._methods.get(scope["method"])
        authorization = headers.get(b"authorization")
        if match is None or method is None or authorization is None:
            raise _CallRefusedError(_MISSING_TOKEN)
        if not _SIGNATURE.fullmatch(authorization) or b"x-amz-date" not in headers:
            raise _CallRefusedError(_INCOMPLETE_SIGNATURE)
        try:
            body = await read_body(scope, receive, self._payload_bytes)
        except BodyTooLargeError:
            raise _CallRefusedError(self._too_large) from None
        # Decoded once: an id may itself contain a percent sign.
        return method(unquote_to_bytes(match[1]).decode(errors="replace"), body)

    def _post(self, connection_id: str, body: bytes) -> _Answer:
        connection = self._connections.get(connection_id)
        return _GONE if connection is None else _PUSHED[connection.push(body)]

    def _get(self, connection_id: str, _body: bytes) -> _Answer:
        connection = self._connections.get(connection_id)
        if connection is None or not connection.is_open:
            return _GONE
        return _json(
            HTTPStatus.OK,
            {
                "connectedAt": _iso8601(connection.connected_at),
                "identity": connection.identity,
                "lastActiveAt": _iso8601(connection.last_active_at),
            },
        )

    def _delete(self, connection_id: str, _body: bytes) -> _Answer:
        connection = self._connections.get(connection_id)
        if connection is None or not connection.is_open:
            return _GONE
        # Code and reason as API Gateway logs them: https://github.com/boto/boto3/issues/3789
        connection.close(1000, "Connection Closed Normally")
        return _CLOSED


def _json(status: HTTPStatus, content: Mapping[str, object], **headers: str) -> _Answer:
    headers["Content-Type"] = "application/json; charset=utf-8"
    return _answer(status, headers, json.dumps(content).encode())


def _answer(status: HTTPStatus, headers: Mapping[str, str], body: bytes = b"") -> _Answer:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    if status is not HTTPStatus.NO_CONTENT:
        pairs.append((b"content-length", str(len(body)).encode()))
    return _Answer(
        {"type": "http.response.start", "status": status.value, "headers": pairs},
        {"type": "http.response.body", "body": body},
    )


def _error(status: HTTPStatus, error_type: str, message: str) -> _Answer:
    return _json(status, {"message": message}, **{"x-amzn-ErrorType": error_type})


def _iso8601(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_CLOSED = _answer(HTTPStatus.NO_CONTENT, {})
_GONE = _error(HTTPStatus.GONE, "GoneException", "The connection with the provided id no longer exists.")
_PUSHED = {
    Push.SENT: _answer(HTTPStatus.OK, {}),
    Push.GONE: _GONE,
    # https://docs.aws.amazon.com/botocore/latest/reference/services/apigatewaymanagementapi/client/exceptions/LimitExceededException.html
    Push.BUFFER_FULL: _error(
        HTTPStatus.TOO_MANY_REQUESTS,
        "LimitExceededException",
        "The client does not read: its buffer is full. Try again later, or close the connection.",
    ),
}
# API Gateway says the same of a path that it does not know and of a request that is not signed.
_MISSING_TOKEN = _error(
    HTTPStatus.FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token"
)
_INCOMPLETE_SIGNATURE = _error(
    HTTPStatus.FORBIDDEN,
    "IncompleteSignatureException",
    "Sign the request with Signature Version 4 for the service execute-api, with an X-Amz-Date.",
)
