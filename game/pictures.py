"""The limits of a picture that a player sends: for the API, the bucket, the container and the clients."""

from typing import Literal, get_args

MAX_BYTES = 20 * 1024 * 1024
"""Bytes of an upload: what a phone's camera writes at 50 megapixels, with room."""
MAX_PIXELS = 64 * 1024 * 1024
"""Width times height. A camera's "64 megapixels" are a few more than 64 million (9,280 by 6,944: 64.4)."""
MAX_SIDE = 16_384
"""Pixels: as wide as a phone's panorama is, and as WebP can be."""
MIN_SIDE = 64
"""Pixels: in a smaller picture an eye is a dot."""

ContentType = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/heic",
    "image/heif",
    "image/avif",
    "image/gif",
    "image/bmp",
    "image/tiff",
]
"""Content types that an upload may name. The container judges by what is in the file."""
CONTENT_TYPES: tuple[ContentType, ...] = get_args(ContentType)

COLOUR = r"#[0-9a-fA-F]{6}"
"""A background's colour, as a regular expression."""

PortraitSize = Literal["48", "128", "512"]
"""Pixels a side of a finished portrait, as an address names them: board, dense screen, profile page."""

NAMES = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF"
"""The accepted kinds, as a sentence names them."""


def megabytes(count: int) -> str:
    """Return bytes as a sentence says them: `20 MB`."""
    return f"{count / 1024**2:.0f} MB"


def megapixels(count: int) -> str:
    """Return pixels as a sentence says them: `64 megapixels`."""
    return f"{count / 1024**2:.0f} megapixels"
