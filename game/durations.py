"""Durations as a designer writes them: "30s", "10m", "2h", "7d"."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PATTERN = re.compile(r"([1-9][0-9]{0,8})([smhd])")
LIMIT_MS = 10 * 366 * _UNITS_MS["d"]
"""The longest duration: ten years."""


def to_ms(text: str) -> int:
    """Return a duration in milliseconds. Raises ValueError, which says how to write one."""
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f'must be a number and a unit (s, m, h or d), as in "30s" or "7d", not {text!r:.40}')
    return int(found[1]) * _UNITS_MS[found[2]]


def to_text(milliseconds: int) -> str:
    """Return a duration of whole seconds as a designer could have written it."""
    return f"{milliseconds // 1000}s"


def _read(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError('must be a text, as in "30s" or "7d"')
    return to_ms(value)


Duration = Annotated[
    int, BeforeValidator(_read), Field(ge=1, le=LIMIT_MS, strict=True), PlainSerializer(to_text)
]
"""Milliseconds, read from a text, and written as one."""
