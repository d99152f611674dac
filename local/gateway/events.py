"""The events that API Gateway hands to the authorizer and the routes of a WebSocket API, and route selection.

Shapes: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
and the WebSocket models of Powertools, which the tests validate these events with. Times are in milliseconds
since the epoch. A field that API Gateway leaves out (`queryStringParameters` without a query, `headers` of a
message) is left out here too, so that a handler which forgets that fails on the laptop already.
"""

import base64
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from game import strict_json

Event = dict[str, Any]

# What API Gateway would call this API: https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
_API_ID = "local"
_API_ARN = f"arn:aws:execute-api:us-east-1:000000000000:{_API_ID}"


@dataclass(frozen=True, kw_only=True)
class Client:
    """The data of a client from its handshake, the same for the connection's whole life."""

    connection_id: str
    connected_at: float  # seconds since the epoch
    stage: str
    source_ip: str
    headers: Sequence[tuple[str, str]]
    query: Sequence[tuple[str, str]]

    def header(self, name: str) -> str | None:
        """Return the last value of a header, whatever its case; `None` when it was not sent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[-1] if values else None

    @property
    def identity(self) -> dict[str, str]:
        """The caller, as in `requestContext.identity` and in the answer of `get-connection`."""
        user_agent = self.header("User-Agent")
        return {"sourceIp": self.source_ip} | ({"userAgent": user_agent} if user_agent else {})

    @property
    def method_arn(self) -> str:
        """The resource that an authorizer's policy allows or denies."""
        return f"{_API_ARN}/{self.stage}/$connect"


def new_id() -> str:
    """Return a connection, message or request id: 16 characters of base64, its last one `=`, as API
    Gateway's.

    The `+` and `/` of the standard alphabet are rarer in AWS; here they are kept so that a caller of
    `@connections` which forgets to percent-encode the id is found out early.
    """
    return base64.b64encode(secrets.token_bytes(11)).decode()


def authorizer_event(client: Client, now: float) -> Event:
    """Return the event of a REQUEST authorizer; `now` in seconds since the epoch, as everywhere here."""
    return {
        "type": "REQUEST",
        "methodArn": client.method_arn,
        **_multi("headers", "multiValueHeaders", client.headers),
        **_multi("queryStringParameters", "multiValueQueryStringParameters", client.query),
        "stageVariables": {},
        "requestContext": _request_context(client, "$connect", "CONNECT", now),
    }


def connect_event(client: Client, authorizer: dict[str, str], now: float) -> Event:
    """Return the event of the `$connect` route."""
    query = _multi("queryStringParameters", "multiValueQueryStringParameters", client.query)
    return {
        **_multi("headers", "multiValueHeaders", client.headers),
        **(query if client.query else {}),
        "requestContext": _request_context(client, "$connect", "CONNECT", now, authorizer=authorizer),
        "isBase64Encoded": False,
    }


def message_event(
    client: Client, authorizer: dict[str, str], route_key: str, message: str | bytes, now: float
) -> Event:
    """Return the event of one message; a binary one comes as base64."""
    context = _request_context(client, route_key, "MESSAGE", now, authorizer=authorizer, messageId=new_id())
    binary = isinstance(message, bytes)
    body = base64.b64encode(message).decode() if isinstance(message, bytes) else message
    return {"requestContext": context, "body": body, "isBase64Encoded": binary}


def disconnect_event(client: Client, authorizer: dict[str, str], code: int, reason: str, now: float) -> Event:
    """Return the event of the `$disconnect` route, with the WebSocket close code and reason."""
    host = [("Host", client.header("Host") or "")]
    return {
        **_multi("headers", "multiValueHeaders", host),
        "requestContext": _request_context(
            client,
            "$disconnect",
            "DISCONNECT",
            now,
            authorizer=authorizer,
            disconnectStatusCode=code,
            disconnectReason=reason,
        ),
        "isBase64Encoded": False,
    }


def select_route(message: str | bytes, route_keys: Iterable[str]) -> str:
    """Return a message's route by `$request.body.action`: `$default` where that is no custom route."""
    if isinstance(message, bytes):
        return "$default"
    try:
        body = strict_json.parse(message)
    except ValueError:
        return "$default"
    action = body.get("action") if isinstance(body, dict) else None
    # The predefined routes are not for clients to call.
    custom = {key for key in route_keys if not key.startswith("$")}
    return action if isinstance(action, str) and action in custom else "$default"


def _request_context(
    client: Client, route_key: str, event_type: str, now: float, **more: object
) -> dict[str, object]:
    request_id = new_id()
    return {
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "messageDirection": "IN",
        "stage": client.stage,
        "connectedAt": int(client.connected_at * 1000),
        "requestTimeEpoch": int(now * 1000),
        "identity": client.identity,
        "requestId": request_id,
        "domainName": client.header("Host") or "",
        "connectionId": client.connection_id,
        "apiId": _API_ID,
        **more,
    }


def _multi(single: str, multiple: str, pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {single: {name: each[-1] for name, each in values.items()}, multiple: values}
