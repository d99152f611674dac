"""`POST|GET|DELETE /@connections/{connectionId}`: how a backend reaches its WebSocket clients.

Paths, statuses and errors are those that the SDKs and the AWS CLI understand:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import unquote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

_log = logging.getLogger(__name__)
# A request that is no HTTP is answered with a 400; it is not our error, and no traceback is needed.
_log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))


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
    r"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/[^/,\s]+/execute-api/aws4_request,\s*"
    r"SignedHeaders=[^,\s]+,\s*Signature=[0-9a-f]{64}"
)


def serve_connections(connections: Mapping[str, PushTarget], *, stage: str, payload_bytes: int) -> web.Server:
    """An HTTP/1.1 server over `connections` (by connection id, may change at any time).

    Call the returned object to get the asyncio protocol of one TCP connection. `payload_bytes` is the largest
    message that is pushed; a larger one is answered with 413. The path may begin with the stage's name.
    """
    path = re.compile(rf"(?:/{re.escape(stage)})?/(?:@|%40)connections/(?P<id>[^/]+)")
    methods: dict[str, Callable[[web.BaseRequest, str], Awaitable[web.Response]]]

    async def post(request: web.BaseRequest, connection_id: str) -> web.Response:
        body = await _read(request, payload_bytes)
        if body is None:
            return _error(413, "PayloadTooLargeException", f"The data exceeds {payload_bytes} bytes.")
        # Nothing is awaited from here to the push, so that frames leave in the order of their requests.
        connection = connections.get(connection_id)
        if connection is None or not connection.push(body):
            return _gone()
        return web.Response()

    async def get(_request: web.BaseRequest, connection_id: str) -> web.Response:
        connection = connections.get(connection_id)
        if connection is None or not connection.is_open:
            return _gone()
        return web.json_response(
            {
                "connectedAt": _iso8601(connection.connected_at),
                "identity": connection.identity,
                "lastActiveAt": _iso8601(connection.last_active_at),
            }
        )

    async def delete(_request: web.BaseRequest, connection_id: str) -> web.Response:
        connection = connections.get(connection_id)
        if connection is None or not connection.is_open:
            return _gone()
        # Code and reason as API Gateway logs them: https://github.com/boto/boto3/issues/3789
        connection.close(1000, "Connection Closed Normally")
        return web.Response(status=204)

    async def handle(request: web.BaseRequest) -> web.Response:
        # Decoded once: an id may itself contain a percent sign.
        match = path.fullmatch(request.raw_path.partition("?")[0])
        method = methods.get(request.method)
        if match is None or method is None:
            return _missing_token()
        return _check_signed(request) or await method(request, unquote(match["id"]))

    methods = {"POST": post, "GET": get, "DELETE": delete}
    return web.Server(handle, access_log=None, logger=_log)


async def _read(request: web.BaseRequest, limit: int) -> bytes | None:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _check_signed(request: web.BaseRequest) -> web.Response | None:
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return _missing_token()
    if not _SIGNATURE.fullmatch(authorization) or "X-Amz-Date" not in request.headers:
        message = "Sign the request with Signature Version 4 for the service execute-api, with an X-Amz-Date."
        return _error(403, "IncompleteSignatureException", message)
    return None


def _missing_token() -> web.Response:
    # API Gateway says the same of a path that it does not know and of a request that is not signed.
    return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def _gone() -> web.Response:
    return _error(410, "GoneException", "The connection with the provided id no longer exists.")


def _error(status: int, error_type: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": error_type})


def _iso8601(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
