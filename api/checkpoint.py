"""A checkpoint: what a game saves of itself, any JSON of a bounded size and depth."""

import json
from typing import Annotated

from pydantic import AfterValidator, JsonValue

from game.strict_json import depth

CHECKPOINT_LIMIT = 8 * 1024
"""Bytes of a checkpoint as JSON text in UTF-8."""
CHECKPOINT_DEPTH = 64
"""Arrays and objects within one another; pydantic writes no answer with more than some 250."""


def _small(checkpoint: JsonValue) -> JsonValue:
    text = json.dumps(checkpoint, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    size = len(text.encode())
    if size > CHECKPOINT_LIMIT:
        raise ValueError(f"must be at most {CHECKPOINT_LIMIT} bytes of JSON, not {size}")
    if depth(checkpoint) > CHECKPOINT_DEPTH:
        raise ValueError(f"must be nested at most {CHECKPOINT_DEPTH} deep")
    return checkpoint


Checkpoint = Annotated[JsonValue, AfterValidator(_small)]
