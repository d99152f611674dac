"""The WebSocket subprotocols of a connection request. A token may travel there, beside our own name."""

from collections.abc import Mapping
from typing import Any

_HEADER = "sec-websocket-protocol"
Event = Mapping[str, Any]


def offered_subprotocols(event: Event) -> list[str]:
    """Return what the client offered in `Sec-WebSocket-Protocol`, in its order.

    The header may come in several lines, which count as one list: `multiValueHeaders` has them all, `headers`
    only the last. https://www.rfc-editor.org/rfc/rfc6455#section-11.3.4
    """
    lines = [
        line
        for name, values in (event.get("multiValueHeaders") or {}).items()
        if name.lower() == _HEADER
        for line in values
    ] or [value for name, value in (event.get("headers") or {}).items() if name.lower() == _HEADER]
    return [part.strip() for part in ",".join(lines).split(",")]
