"""A client's WebSocket: picows, with the handshake of Podium, and with a short name for each way to fail.

The tester runs beside the backend that it measures, so it takes from the backend what a frame costs itself:
docs/load-test.md has the figures. Added to picows here are messages in parts and a limit for them. A server
that breaks the protocol is reported to the receiver, and not in the log.
"""

import asyncio
import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import urlsplit

from picows import (
    WSCloseCode,
    WSFrame,
    WSHandshakeError,
    WSInvalidHeaderError,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    ws_connect,
)

from game.live import SUBPROTOCOL
from loadtest.errors import LoadTestError

if TYPE_CHECKING:
    from picows.picows import WSCloseHandshake

HANDSHAKE_SECONDS = 10.0
"""A handshake that is not answered by then has failed."""

_PROTOCOL_HEADER = "Sec-WebSocket-Protocol"
# A board of 100 entries takes less than a fiftieth of this.
_MESSAGE_BYTES = 1024 * 1024
# Grows with the largest frame. A diff fits.
_BUFFER_BYTES = 2048
_CLOSE_SECONDS = 2.0
_ENDED = "connection ended"
# Looked up once: it is asked for with every frame.
_CONTINUATION = WSMsgType.CONTINUATION

_silent = logging.getLogger("loadtest.wire")
_silent.disabled = True
# Of a plain logger picows makes one more for each connection.
_LOG = logging.LoggerAdapter(_silent, {})


class WireError(Exception):
    """There is no connection; the message is a short name of the reason, always the same for the same one."""


class Receiver(Protocol):
    """The owner of a connection."""

    def received(self, payload: bytes) -> None:
        """Take a message."""

    def lost(self, reason: str) -> None:
        """Hear that the connection is gone, not by `leave` or `vanish`; `reason` as in WireError."""


@dataclass(frozen=True)
class Address:
    """The server to connect to; `tls` is None for a plain connection."""

    url: str
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str) -> "Address":
        """Return the address in a `ws://` or `wss://` URL. Raises LoadTestError for any other."""
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise LoadTestError(f"{url!r} is not the address of a WebSocket")
        return cls(url, ssl.create_default_context() if parts.scheme == "wss" else None)


async def connect(address: Address, token: str | None, receiver: Receiver) -> "WebSocket":
    """Return an open connection: a player's, or a spectator's without a token. Raises WireError or OSError.

    Cancelled, it leaves a connection that is dropped when the handshake is answered, or its time is over.
    """
    socket = WebSocket(receiver)
    offered = SUBPROTOCOL if token is None else f"{SUBPROTOCOL}, {token}"

    def accept(_: WSUpgradeRequest, response: WSUpgradeResponse) -> WSListener:
        if response.headers.get(_PROTOCOL_HEADER) != SUBPROTOCOL:
            raise WireError("handshake without the subprotocol")
        return socket

    try:
        _, accepted = await ws_connect(
            accept,
            address.url,
            ssl_context=address.tls,
            websocket_handshake_timeout=HANDSHAKE_SECONDS,
            logger_name=_LOG,
            max_frame_size=_MESSAGE_BYTES,
            extra_headers={_PROTOCOL_HEADER: offered, "User-Agent": "podium-loadtest"},
            max_redirects=0,
            read_buffer_init_size=_BUFFER_BYTES,
            # The event loop's own transports are as quick here, and smaller.
            use_aiofastnet=False,
        )
    except WSHandshakeError as error:
        raise WireError(_refusal(error)) from error
    except BaseException:
        socket.vanish()
        raise
    # picows returns no listener where the server hung up before it answered.
    if cast(WSListener | None, accepted) is None:
        raise WireError(_ENDED)
    socket.open()
    return socket


def _refusal(error: WSHandshakeError) -> str:
    if isinstance(error, WSInvalidHeaderError):
        return f"handshake without its {error.name}"
    if isinstance(error, WSInvalidStatusError) and error.response:
        return f"handshake {error.response.status:d}"
    return "handshake unreadable"


class WebSocket(WSListener):
    """One connection. The parts of a message that is not whole yet wait in `_parts`."""

    __slots__ = ("_ended", "_is_open", "_lost", "_parts", "_receiver", "_transport")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver: Receiver | None = receiver
        self._transport: WSTransport | None = None
        self._parts: list[bytes] | None = None
        self._is_open = False
        self._lost = ""

    def open(self) -> None:
        """Tell the receiver of a loss from now on. Raises WireError when the connection is lost already."""
        if self._lost:
            raise WireError(self._lost)
        self._is_open = True

    def send(self, text: str) -> None:
        """Send a text message. Nothing happens when the connection is closing."""
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, text)

    def leave(self) -> None:
        """Say goodbye, and close once the server has answered. Nothing is received from now on."""
        self._receiver = None
        if self._transport is not None:
            self._transport.send_close(WSCloseCode.OK)
            asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self._transport.disconnect, False)

    def vanish(self) -> None:
        """Drop the TCP connection, as a phone in a tunnel does. Nothing is received from now on."""
        self._receiver = None
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Hear from picows that the handshake is over."""
        self._transport = transport
        if self._receiver is None:
            self.vanish()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame from picows that is no ping."""
        kind = frame.msg_type
        if kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code)
            transport.disconnect()
        elif kind is not WSMsgType.PONG and not transport.is_close_frame_sent:
            if frame.rsv1 or frame.rsv2 or frame.rsv3 or (kind is _CONTINUATION) != (self._parts is not None):
                raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "bad frame")
            payload = frame.get_payload_as_bytes()
            if not frame.fin or self._parts is not None:
                self._take_part(payload, last=frame.fin)
            elif self._receiver is not None:
                self._receiver.received(payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Hear from picows that the connection is gone."""
        self._lost = self._reason(transport)
        receiver, self._receiver = self._receiver, None
        if receiver is not None and self._is_open:
            receiver.lost(self._lost)

    def _take_part(self, payload: bytes, *, last: bool) -> None:
        parts = [*(self._parts or ()), payload]
        if sum(map(len, parts)) > _MESSAGE_BYTES:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "message too long")
        self._parts = None if last else parts
        if last and self._receiver is not None:
            self._receiver.received(b"".join(parts))

    def _reason(self, transport: WSTransport) -> str:
        closing = cast("WSCloseHandshake | None", transport.close_handshake)
        if closing is None:
            return _ENDED
        if closing.recv is not None and closing.recv_then_sent:
            code = closing.recv.code
            return "closed" if code == WSCloseCode.NO_INFO else f"closed {code:d}"
        # picows keeps the error for those who wait for the end. asyncio logs one that is never asked for.
        self._ended = asyncio.ensure_future(_ignore_bad_frames(transport))
        return "bad frame"


async def _ignore_bad_frames(transport: WSTransport) -> None:
    # The receiver has been told. Any other error is a bug of the receiver's.
    with suppress(WSProtocolError):
        await transport.wait_disconnected()
