"""Rules that every frame of the WebSocket keeps to, in the store and on the wire."""

import json

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
FRAME_LIMIT = 32 * 1024
"""Bytes of UTF-8 in one frame, either way. API Gateway closes a connection that sends more (1009)."""


def fits(text: str) -> bool:
    """Return whether the text goes into one frame."""
    return len(text.encode()) <= FRAME_LIMIT


def check(text: str) -> str:
    """Return the text of a frame. Raises ValueError for one that is no JSON object, or does not fit."""
    if not fits(text):
        raise ValueError(f"a frame has at most {FRAME_LIMIT} bytes, not {len(text.encode())}")
    try:
        frame = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("a frame has fewer levels than this") from error
    if not isinstance(frame, dict):
        raise ValueError("a frame must be a JSON object")
    return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
