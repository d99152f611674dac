"""The JavaScript modules that are generated from the code: facts that the web client and the server share.

clients/web/podium/constants.js   limits and names of game/
"""

import json
from collections.abc import Sequence
from typing import Any

from game.guests import GUESTS_BUSY, GUESTS_OFF
from game.headers import IDEMPOTENCY_KEY, RETRY_AFTER
from game.idempotency import OFFLINE_SECONDS
from game.live import BOARDS_LIMIT, PING_SECONDS, SPREAD_SECONDS, SUBPROTOCOL
from game.merge import GUESTS_LIMIT
from game.pictures import MIN_SIDE

Export = tuple[str, str, Any]
"""A constant: its name, what it is, and its value."""

_CONSTANTS: tuple[Export, ...] = (
    (
        "PING_MS",
        "Milliseconds from ping to ping: half of API Gateway's idle limit of 10 minutes.",
        PING_SECONDS * 1000,
    ),
    ("BOARDS_LIMIT", "Boards that a connection may be subscribed to at once.", BOARDS_LIMIT),
    (
        "SPREAD_SECONDS",
        "Seconds within which clients ask that have the same reason, where no snapshot says more.",
        SPREAD_SECONDS,
    ),
    ("SUBPROTOCOL", "The WebSocket subprotocol; the token travels beside it.", SUBPROTOCOL),
    ("IDEMPOTENCY_KEY", "The header of an action's key: the same key, the same action.", IDEMPOTENCY_KEY),
    ("RETRY_AFTER", "The header that says when to come back, in seconds.", RETRY_AFTER),
    (
        "OFFLINE_MS",
        "Milliseconds that a score waits to be sent; the server knows its key for longer.",
        OFFLINE_SECONDS * 1000,
    ),
    (
        "GUESTS_BUSY",
        "The code of a guest's refusal: more come than the stage takes in a minute.",
        GUESTS_BUSY,
    ),
    ("GUESTS_LIMIT", "Guests that an account takes over in its life.", GUESTS_LIMIT),
    ("GUESTS_OFF", "The code of a guest's refusal: the stage takes none.", GUESTS_OFF),
    ("MIN_SIDE", "Pixels that each side of a picture must have.", MIN_SIDE),
)


def modules() -> dict[str, str]:
    """Return the text of each module by its path in the checkout."""
    return {
        "clients/web/podium/constants.js": _module("game/", _CONSTANTS),
    }


def _module(source: str, exports: Sequence[Export]) -> str:
    lines = [f"/** Generated from {source} by `make docs`: do not edit. */"]
    for name, what, value in exports:
        lines += ["", f"/** {what} */", f"export const {name} = {json.dumps(value, ensure_ascii=False)};"]
    return "\n".join(lines) + "\n"
