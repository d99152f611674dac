"""PNG (W3C, third edition): chunks up to `IEND`. Further frames of an animated one have their own kind."""

import struct
from collections.abc import Iterator

from cv.errors import PictureError
from cv.formats import exif
from cv.formats.header import Header

MAGIC = b"\x89PNG\r\n\x1a\n"
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_HEADER_BYTES = 13
_ALPHA_TYPES = {4, 6}


def read(picture: bytes) -> Header:
    """The header of a PNG. Raises PictureError `truncated` without a proper first chunk, pixels or end."""
    orientation = exif.UPRIGHT
    names: set[bytes] = set()
    header = b""
    kept = [MAGIC]
    for name, content, whole in _chunks(picture):
        if not names:
            if name != b"IHDR" or len(content) != _HEADER_BYTES:
                raise PictureError("truncated")
            header = content
        names.add(name)
        if name == b"eXIf":
            orientation = exif.orientation(content)
        if name in _PIXELS:
            kept.append(whole)
    if b"IDAT" not in names:
        raise PictureError("truncated")
    width, height, _, colour_type = struct.unpack_from(">IIBB", header)
    alpha = colour_type in _ALPHA_TYPES or b"tRNS" in names
    return Header(width, height, orientation, alpha, b"".join(kept))


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, content and the whole chunk, `IEND` the last."""
    at = len(MAGIC)
    while at + 12 <= len(picture):
        length, name = struct.unpack_from(">I4s", picture, at)
        end = at + 12 + length
        if end > len(picture):
            break
        yield name, picture[at + 8 : end - 4], picture[at:end]
        if name == b"IEND":
            return
        at = end
    raise PictureError("truncated")
