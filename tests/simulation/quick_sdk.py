"""The SDK's client of DynamoDB without what takes longest between it and an answer inside the process.

It checks parameters, repeats requests, and makes errors of answers as ever. But it signs nothing, and reads
rows without bytes as the JSON that they are.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiobotocore.endpoint import AioEndpoint
from botocore.awsrequest import AWSPreparedRequest, HeadersDict

from tests.simulation import quick_moto

Respond = Callable[[AWSPreparedRequest], Awaitable[tuple[int, bytes]]]


class Response:
    """What aiobotocore reads of an HTTP response."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status_code = status
        self.headers = HeadersDict({"x-amzn-requestid": "simulated"})
        self._body = body
        self.raw = None

    @property
    async def content(self) -> bytes:
        return self._body

    @property
    async def text(self) -> str:
        return self._body.decode()


def shorten(client: Any, respond: Respond) -> None:
    """Give a client of DynamoDB's an endpoint whose every request, retries included, goes to `respond`."""
    client._endpoint = _Endpoint(client._endpoint, respond)
    # Neither its name nor where DynamoDB is depends on the request.
    client._user_agent_creator = _UserAgent()
    client._ruleset_resolver = None


class _UserAgent:
    def to_string(self) -> str:
        return "simulated"


class _Endpoint(AioEndpoint):
    def __init__(self, real: Any, respond: Respond) -> None:
        super().__init__(
            real.host,
            real._endpoint_prefix,
            real._event_emitter,
            real._response_parser_factory,
            real.http_session,
        )
        self._respond = respond

    async def create_request(self, params: Any, operation_model: Any = None) -> AWSPreparedRequest:
        headers: Any = HeadersDict(params["headers"])
        return AWSPreparedRequest(params["method"], params["url"], headers, params["body"], False)

    async def _get_response(self, request: Any, operation_model: Any, context: Any) -> tuple[Any, Any]:
        try:
            status, body = await self._respond(request)
        except Exception as error:  # noqa: BLE001  # The SDK decides what becomes of it.
            return None, error
        response = Response(status, body)
        if status == 200 and operation_model.name in quick_moto.ROWS and not quick_moto.has_bytes(body):
            metadata = {
                "RequestId": response.headers["x-amzn-requestid"],
                "HTTPStatusCode": status,
                "HTTPHeaders": dict(response.headers),
            }
            return (response, json.loads(body) | {"ResponseMetadata": metadata}), None
        request.answer = response
        read: tuple[Any, Any] = await super()._get_response(request, operation_model, context)  # type: ignore[misc]
        return read

    async def _send(self, request: Any) -> Response:
        answer: Response = request.answer
        return answer
