"""Why a picture cannot become a portrait."""

from typing import Literal

MAX_BYTES = 5 * 1024 * 1024
"""Bytes of an upload: the limit of the presigned POST."""
MAX_PIXELS = 40_000_000
"""Width times height: four times a phone's camera; decoded, 120 MB."""
MAX_SIDE = 12_000
"""Pixels."""
MIN_SIDE = 64
"""Pixels: below, an eye is a dot."""

Reason = Literal["not_an_image", "too_small", "too_large", "truncated", "unsupported_type"]

_SENTENCES: dict[Reason, str] = {
    "not_an_image": "The file is not a picture. Send a JPEG, PNG or WebP file.",
    "too_small": f"The picture is too small: it must be at least {MIN_SIDE} pixels wide and high.",
    "too_large": (
        f"The picture is too large: at most {MAX_BYTES // 1024**2} MB, "
        f"{MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE} pixels a side."
    ),
    "truncated": "The picture is incomplete or damaged. Send it again, or another one.",
    "unsupported_type": "This kind of picture is not supported. Send an ordinary JPEG, PNG or WebP file.",
}


class PictureError(Exception):
    """The picture is refused; `str()` is one sentence for the player, `reason` the word for programs."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason
