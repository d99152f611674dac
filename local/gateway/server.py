"""The WebSocket API of API Gateway on one machine: the same contract towards clients and towards handlers.

A client's way through it:

    handshake -> authorizer -> $connect -> 101          a refusal of either is the handshake's HTTP status
    message   -> route by $request.body.action          custom routes, else $default
    close     -> $disconnect, once                      for any close, by either side

A backend reaches the clients through `@connections` on the same port (`local/gateway/connections_api.py`). A
connection after its handshake is `local/gateway/connection.py`; what handlers are given is
`local/gateway/events.py`. There is no compression and the server sends no pings, as in API Gateway.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from local.gateway.connection import (
    GatewayConnection,
    Handler,
    IntegrationError,
    Limits,
    Surroundings,
    invoke,
)
from local.gateway.connections_api import ConnectionsApi
from local.gateway.events import Client, Event, authorizer_event, connect_event, new_id
from local.gateway.expiry import Expiry
from local.gateway.frames import FrameCache
from local.gateway.listener import SharedPort
from local.gateway.policy import AuthorizerAnswerError, authorize
from local.http_server import HttpServer

__all__ = ["Event", "Gateway", "Handler", "Limits"]

log = logging.getLogger(__name__)
_websockets_log = logging.getLogger(f"{__name__}.websockets")
_websockets_log.setLevel(logging.WARNING)


# In place of those of a completed handshake.
_NO_HEADERS = Headers()


class _HandshakeRefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


_FAILED = _HandshakeRefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")


class Gateway:
    """A WebSocket API and its `@connections`, on one TCP port.

    `authorizer` is a Lambda REQUEST authorizer, asked before `$connect`. `routes` has the handlers of
    `$connect`, `$disconnect`, `$default` and of the custom routes; a handler gets the event of a Lambda proxy
    integration and answers as one. `now_s` gives seconds since the epoch, `sleep` waits for seconds,
    `id_source` makes the ids of connections.
    """

    def __init__(
        self,
        *,
        authorizer: Handler,
        routes: Mapping[str, Handler],
        stage: str = "local",
        limits: Limits | None = None,
        now_s: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        id_source: Callable[[], str] = new_id,
    ) -> None:
        self._authorizer = authorizer
        self._routes = routes
        self._stage = stage
        self._limits = limits or Limits()
        self._now_s = now_s
        self._id_source = id_source
        self._surroundings = Surroundings(
            routes=routes, limits=self._limits, now_s=now_s, frames=FrameCache()
        )
        self._connections: dict[str, GatewayConnection] = {}
        self._expiry = Expiry(self._connections, now_s=now_s, sleep=sleep)
        # The tasks of those whom $connect let in, until $disconnect has run; with the connection as long as
        # its handshake is not complete.
        self._tasks: dict[asyncio.Task[Any], GatewayConnection | None] = {}

    async def start(self, host: str, port: int) -> None:
        """Start to listen; port 0 takes a free one. Raises `OSError` when the port is taken."""
        self._http = HttpServer(
            ConnectionsApi(self._connections, stage=self._stage, payload_bytes=self._limits.message_bytes)
        )
        self._shared_port = SharedPort(self._http, unread_seconds=self._limits.unread_seconds)
        self._server: Server = await serve(
            self._run,
            host,
            port,
            create_connection=cast(type[ServerConnection], self._shared_port),
            process_response=self._admit,
            server_header=None,
            compression=None,
            ping_interval=None,
            # The handlers of a handshake have limits of their own.
            open_timeout=None,
            close_timeout=self._limits.close_seconds,
            max_size=self._limits.message_bytes,
            logger=_websockets_log,
        )
        self._host = host
        self._port: int = self._server.sockets[0].getsockname()[1]

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._port

    @property
    def url(self) -> str:
        """The address for a WebSocket client; with `http` for `ws`, the endpoint of `@connections`."""
        return f"ws://{self._host}:{self._port}"

    async def stop(self) -> None:
        """Stop listening, close every connection with 1001 and wait for the `$disconnect` of each."""
        self._server.close(code=CloseCode.GOING_AWAY, reason="Going away")
        for connection in self._connections.values():
            connection.close(CloseCode.GOING_AWAY, "Going away")
        await self._finish()
        # Only now, because a $disconnect handler may have wanted to push.
        self._expiry.stop()
        self._shared_port.abort_undecided()
        await self._http.stop(self._limits.close_seconds)
        await self._server.wait_closed()
        # Of those whose handshake was under way.
        await self._finish()

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _admit(
        self, websocket: ServerConnection, request: Request, response: Response
    ) -> Response | None:
        """Complete a handshake: return a refusal, or nothing when `response` accepts the client."""
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return None
        client = Client(
            connection_id=self._id_source(),
            connected_at=self._now_s(),
            stage=self._stage,
            source_ip=websocket.remote_address[0],
            headers=list(request.headers.raw_items()),
            query=parse_qsl(request.path.partition("?")[2], keep_blank_values=True),
        )
        try:
            if len(request.headers.get_all("Host")) != 1:
                raise _HandshakeRefusedError(HTTPStatus.BAD_REQUEST, "Bad request")
            authorizer = await self._authorize(client)
            headers = await self._connect(client, authorizer)
        except _HandshakeRefusedError as refusal:
            return _refuse(websocket, refusal, client)

        subprotocol = headers.get("sec-websocket-protocol")
        if subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
            websocket.protocol.subprotocol = Subprotocol(subprotocol)
        # From here on the client counts as connected, even if it left meanwhile: $connect has run, so must
        # $disconnect.
        log.info("%s connected from %s", client.connection_id, client.source_ip)
        task = cast(asyncio.Task[Any], asyncio.current_task())
        self._tasks[task] = GatewayConnection(websocket, _remembered(client), authorizer, self._surroundings)
        task.add_done_callback(self._ended)
        return None

    async def _run(self, websocket: ServerConnection) -> None:
        """Look after a client whose handshake is complete, in the task that `websockets` made for it."""
        task = cast(asyncio.Task[Any], asyncio.current_task())
        connection = cast(GatewayConnection, self._tasks[task])
        self._tasks[task] = None
        # The handshake, its token above all, would take kilobytes for as long as the connection lasts.
        request = cast(Request, websocket.request)
        request.path, request.headers, websocket.response = "", _NO_HEADERS, None
        self._connections[connection.connection_id] = connection
        self._expiry.add(connection.connection_id)
        try:
            await connection.run()
        finally:
            del self._connections[connection.connection_id]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        connection = self._tasks.pop(task)
        if connection is not None:
            # The client left before its handshake was complete.
            late = asyncio.create_task(connection.run())
            self._tasks[late] = None
            late.add_done_callback(self._ended)

    async def _authorize(self, client: Client) -> dict[str, str]:
        event = authorizer_event(client, self._now_s())
        try:
            answer = await invoke(self._authorizer, event, self._limits.handler_seconds)
            authorizer = authorize(answer, client.method_arn)
        except IntegrationError as error:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
            if str(error) == "Unauthorized":
                raise _HandshakeRefusedError(HTTPStatus.UNAUTHORIZED, "Unauthorized") from None
            log.error("the authorizer failed", exc_info=error.__cause__)
            raise _FAILED from None
        except AuthorizerAnswerError as error:
            log.error("the authorizer's answer is unusable: %s", error)
            raise _FAILED from None
        if authorizer is None:
            raise _HandshakeRefusedError(
                HTTPStatus.FORBIDDEN, "User is not authorized to access this resource"
            )
        return authorizer

    async def _connect(self, client: Client, authorizer: dict[str, str]) -> dict[str, str]:
        """Return the headers of `$connect`'s answer, their names in lower case."""
        event = connect_event(client, authorizer, self._now_s())
        try:
            answer = await invoke(self._routes["$connect"], event, self._limits.handler_seconds)
        except IntegrationError as error:
            log.error("$connect failed for %s", client.connection_id, exc_info=error.__cause__)
            raise _FAILED from None
        status = _status(answer)
        if status is None or answer is None:
            log.error("$connect answered without a statusCode that HTTP knows")
            raise _FAILED
        if not 200 <= status < 300:
            raise _HandshakeRefusedError(status, status.phrase)
        return {name.lower(): str(value) for name, value in (answer.get("headers") or {}).items()}


def _remembered(client: Client) -> Client:
    """Return what the events after `$connect` need of a client."""
    headers = [header for header in client.headers if header[0].lower() in ("host", "user-agent")]
    return replace(client, headers=headers, query=())


def _status(answer: Mapping[str, Any] | None) -> HTTPStatus | None:
    try:
        return HTTPStatus((answer or {})["statusCode"])
    except (KeyError, TypeError, ValueError):
        return None


def _refuse(websocket: ServerConnection, refusal: _HandshakeRefusedError, client: Client) -> Response:
    body = {"message": refusal.message, "connectionId": client.connection_id, "requestId": new_id()}
    response = websocket.respond(refusal.status, json.dumps(body))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response
