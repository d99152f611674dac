"""`POST|GET|DELETE /@connections/{connectionId}`: how a backend reaches its WebSocket clients.

Paths, statuses and errors are those that the SDKs and the AWS CLI understand:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote_to_bytes

from local.gateway_http import RefusedError, Response


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
    def push(self, data: bytes) -> bool: ...
    def close(self, code: int, reason: str) -> None: ...


# The signature is not verified, for there is no secret to verify it with. That there is one is checked: a
# caller that forgets to sign would otherwise fail in AWS only.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
_SIGNATURE = re.compile(
    rb"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/[^/,\s]+/execute-api/aws4_request,\s*"
    rb"SignedHeaders=[^,\s]+,\s*Signature=[0-9a-f]{64}"
)


class ConnectionsApi:
    """`@connections` over `connections` (by connection id, may change at any time), for an `HttpServer`.

    `payload_bytes` is the largest message that is pushed; a larger one is answered with 413. The path may
    begin with the stage's name.
    """

    def __init__(self, connections: Mapping[str, PushTarget], *, stage: str, payload_bytes: int) -> None:
        self._connections = connections
        self._path = re.compile(
            rb"(?:/%b)?/(?:@|%%40)connections/([^/?]+)(?:\?.*)?" % re.escape(stage.encode())
        )
        self._methods = {b"POST": self._post, b"GET": self._get, b"DELETE": self._delete}
        self.body_bytes = payload_bytes
        self.too_large = _error(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "PayloadTooLargeException",
            f"The data exceeds {payload_bytes} bytes.",
        )

    def admit(
        self, method: bytes, target: bytes, headers: Mapping[bytes, bytes]
    ) -> Callable[[bytes], Response]:
        """See `Api`."""
        match = self._path.fullmatch(target)
        answer = self._methods.get(method)
        authorization = headers.get(b"authorization")
        if match is None or answer is None or authorization is None:
            raise RefusedError(_MISSING_TOKEN)
        if not _SIGNATURE.fullmatch(authorization) or b"x-amz-date" not in headers:
            raise RefusedError(_INCOMPLETE_SIGNATURE)
        # Decoded once: an id may itself contain a percent sign.
        return partial(answer, unquote_to_bytes(match[1]).decode(errors="replace"))

    def _post(self, connection_id: str, body: bytes) -> Response:
        connection = self._connections.get(connection_id)
        return _PUSHED if connection is not None and connection.push(body) else _GONE

    def _get(self, connection_id: str, _body: bytes) -> Response:
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

    def _delete(self, connection_id: str, _body: bytes) -> Response:
        connection = self._connections.get(connection_id)
        if connection is None or not connection.is_open:
            return _GONE
        # Code and reason as API Gateway logs them: https://github.com/boto/boto3/issues/3789
        connection.close(1000, "Connection Closed Normally")
        return _CLOSED


def _json(status: HTTPStatus, content: Mapping[str, object], **headers: str) -> Response:
    headers["Content-Type"] = "application/json; charset=utf-8"
    return Response(status, headers, json.dumps(content).encode())


def _error(status: HTTPStatus, error_type: str, message: str) -> Response:
    return _json(status, {"message": message}, **{"x-amzn-ErrorType": error_type})


def _iso8601(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_PUSHED = Response(HTTPStatus.OK)
_CLOSED = Response(HTTPStatus.NO_CONTENT)
_GONE = _error(HTTPStatus.GONE, "GoneException", "The connection with the provided id no longer exists.")
# API Gateway says the same of a path that it does not know and of a request that is not signed.
_MISSING_TOKEN = _error(
    HTTPStatus.FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token"
)
_INCOMPLETE_SIGNATURE = _error(
    HTTPStatus.FORBIDDEN,
    "IncompleteSignatureException",
    "Sign the request with Signature Version 4 for the service execute-api, with an X-Amz-Date.",
)
