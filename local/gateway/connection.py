"""One WebSocket client, from the moment that `$connect` let it in until `$disconnect` has run."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import OPEN

from local.gateway.connections_api import Push
from local.gateway.events import Client, Event, disconnect_event, message_event, select_route
from local.gateway.frames import FrameCache

Handler = Callable[[Event], Awaitable[Mapping[str, Any] | None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """API Gateway's limits, and three of our own. Durations are in seconds.

    Source, unless it says otherwise:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    """

    message_bytes: int = 128 * 1024
    """A longer message closes the connection with 1009; a longer push is answered with 413.

    API Gateway also closes with 1009 at a single frame above 32 KB. Here such a frame reaches the handler, as
    it would in several frames, because to answer an oversize message is the handler's job.
    """
    handler_seconds: float = 29.0
    """A handler that takes longer has failed."""
    idle_seconds: float = 10 * 60.0
    """Without a message in either direction for this long, the connection is closed with 1001."""
    connection_seconds: float = 2 * 60 * 60.0
    """However busy, a connection is closed with 1001 at this age."""
    close_seconds: float = 2.0
    """Ours: how long a client may take to answer a close frame before the TCP connection is dropped."""
    write_buffer_bytes: int = 256 * 1024
    """Ours: with more than this waiting for a client to read it, a push is answered with 429.

    API Gateway has such a bound too, and does not say where.
    """
    unread_seconds: float = 30.0
    """Ours: a client that leaves what it is sent unread for this long is closed with 1008."""


class IntegrationError(Exception):
    """A handler raised or took too long; `str()` is its exception's message, Lambda's `errorMessage`."""


async def invoke(handler: Handler, event: Event, seconds: float) -> Mapping[str, Any] | None:
    """Run a handler as Lambda would. Raises `IntegrationError`."""
    try:
        async with asyncio.timeout(seconds):
            return await handler(event)
    except Exception as error:
        raise IntegrationError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The part that all connections of a gateway have in common."""

    routes: Mapping[str, Handler]
    limits: Limits
    now_s: Callable[[], float]
    frames: FrameCache


class GatewayConnection:
    """A client connection that is routed, pushed to, expired and closed.

    Messages of one connection run one after another, in the order received, and a client that sends faster
    than they run is slowed down. API Gateway gives no such order; here it makes what happens repeatable.
    """

    __slots__ = ("_authorizer", "_client", "_closing", "_gateway", "_websocket", "last_active_at")

    def __init__(
        self,
        websocket: ServerConnection,
        client: Client,
        authorizer: dict[str, str],
        gateway: Surroundings,
    ) -> None:
        self._websocket = websocket
        self._client = client
        self._authorizer = authorizer
        self._gateway = gateway
        self._closing: asyncio.Task[None] | None = None
        self.last_active_at = client.connected_at

    @property
    def connection_id(self) -> str:
        """The id that `@connections` knows it by."""
        return self._client.connection_id

    @property
    def connected_at(self) -> float:
        """The time at which its handshake began, in seconds since the epoch."""
        return self._client.connected_at

    @property
    def identity(self) -> dict[str, str]:
        """The caller's identity."""
        return self._client.identity

    @property
    def expires_at(self) -> float:
        """The time at which it will be idle for too long or too old, in seconds since the epoch."""
        limits = self._gateway.limits
        return min(self.connected_at + limits.connection_seconds, self.last_active_at + limits.idle_seconds)

    @property
    def is_open(self) -> bool:
        """Whether a push can reach the client: the handshake is done and neither side has begun to close."""
        websocket = self._websocket
        return (
            self._closing is None
            and websocket.protocol.state is OPEN
            and not websocket.transport.is_closing()
        )

    def push(self, data: bytes) -> Push:
        """Send one frame, text when `data` is UTF-8 and else binary; return what became of it.

        It does not wait: the frame is queued behind the earlier ones, unless there are too many of them.
        """
        if not self.is_open:
            return Push.GONE
        transport = self._websocket.transport
        if transport.get_write_buffer_size() > self._gateway.limits.write_buffer_bytes:
            return Push.BUFFER_FULL
        # What `websockets.broadcast` does, but for the frame, which is made once for all. `websockets` holds
        # back nothing that it has begun to send, unless it sends a message in fragments, which Podium never
        # does.
        transport.write(self._gateway.frames.frame(data))
        self.last_active_at = self._gateway.now_s()
        return Push.SENT

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; drop the TCP connection of a client that takes no part in it."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code, reason))

    def expire(self) -> None:
        """Close it because its time is over."""
        self.close(CloseCode.GOING_AWAY, "Going away")

    async def run(self) -> None:
        """Route messages until the connection is closed from any side, then run `$disconnect`."""
        try:
            while self._closing is None:
                await self._dispatch(await self._websocket.recv())
        except ConnectionClosed:
            pass
        await self._websocket.wait_closed()
        code, reason = self._close_status()
        log.info("%s disconnected (%d)", self._client.connection_id, code)
        event = disconnect_event(self._client, self._authorizer, code, reason, self._gateway.now_s())
        try:
            await invoke(self._gateway.routes["$disconnect"], event, self._gateway.limits.handler_seconds)
        except IntegrationError as error:
            log.error("$disconnect failed for %s", self._client.connection_id, exc_info=error.__cause__)

    async def _dispatch(self, message: str | bytes) -> None:
        self.last_active_at = self._gateway.now_s()
        route = select_route(message, self._gateway.routes)
        event = message_event(self._client, self._authorizer, route, message, self.last_active_at)
        try:
            # An answer's body goes nowhere: that would take a route response, and no route has one.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
            await invoke(self._gateway.routes[route], event, self._gateway.limits.handler_seconds)
        except IntegrationError as error:
            log.error("%s failed for %s", route, self._client.connection_id, exc_info=error.__cause__)
            answer = {
                "message": "Internal server error",
                "connectionId": self._client.connection_id,
                "requestId": event["requestContext"]["requestId"],
            }
            self.push(json.dumps(answer).encode())

    async def _close(self, code: int, reason: str) -> None:
        try:
            # close() has a timeout of its own, but not for a client whose write buffer stays full.
            async with asyncio.timeout(self._gateway.limits.close_seconds):
                await self._websocket.close(code, reason)
        except TimeoutError:
            self._websocket.transport.abort()

    def _close_status(self) -> tuple[int, str]:
        protocol = self._websocket.protocol
        # The frame of the side that closed first; the other one only echoes it.
        frame = protocol.close_rcvd if protocol.close_rcvd_then_sent else protocol.close_sent
        if frame is None:
            return CloseCode.ABNORMAL_CLOSURE, ""
        if frame.code == CloseCode.NO_STATUS_RCVD:
            return frame.code, "Client-side close frame status not set"
        return frame.code, frame.reason
