"""The WebSocket subprotocols of a connection request. A token may travel there, beside our own name."""

from collections.abc import Mapping
from typing import Any

SUBPROTOCOL = "podium"
Event = Mapping[str, Any]


def offered_subprotocols(event: Event) -> list[str]:
    """What the client offered in `Sec-WebSocket-Protocol`, in its order."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return [part.strip() for part in headers.get("sec-websocket-protocol", "").split(",")]
