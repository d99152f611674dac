"""What comes with a score besides points and tie-break: any JSON of a bounded size, shown with the entry.

It travels in frames, so its bytes are those that a frame has of it; in tables it is one text.
"""

from typing import Any

import pydantic_core
from pydantic import JsonValue

from game import strict_json

METADATA_LIMIT = 4096
"""Bytes that a designer may allow. Each write of a row costs a unit per 1 KB."""
METADATA_DEPTH = 16
"""Arrays and objects within one another; the parser of published boards takes some 200."""


def to_text(content: JsonValue) -> str:
    """Return metadata as JSON text, with the bytes that a frame has of it.

    Raises ValueError for what is no JSON, as half of a surrogate pair.
    """
    return pydantic_core.to_json(content, inf_nan_mode="constants").decode()


def from_text(text: str) -> Any:
    """Return the metadata behind a JSON text. Raises ValueError."""
    return strict_json.parse(text)


def check_text(text: str) -> str:
    """Return a stored text of metadata. Raises ValueError where a board could not show it."""
    if found := metadata_fault(from_text(text), METADATA_LIMIT):
        raise ValueError(found)
    return text


def metadata_fault(content: JsonValue, limit: int) -> str | None:
    """Return what is wrong with metadata of which `limit` bytes are allowed; None if nothing is."""
    if strict_json.depth(content) > METADATA_DEPTH:
        return f"must be nested at most {METADATA_DEPTH} deep"
    try:
        text = to_text(content)
        strict_json.parse(text)
    except ValueError as error:
        return f"must be JSON: {error}"
    if (size := len(text.encode())) > limit:
        return f"must be at most {limit} bytes of JSON, not {size},"
    return None
