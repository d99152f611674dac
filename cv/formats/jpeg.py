"""JPEG (ITU-T T.81): segments up to the end-of-image marker."""

import re
import struct
from collections.abc import Iterator

from cv.errors import PictureError
from cv.formats import exif
from cv.formats.header import Header

MAGIC = b"\xff\xd8\xff"
MAX_SCANS = 64
"""Scans of a progressive picture: encoders write about ten. A scan of a few bytes makes the decoder pass over
every block again, so that thousands of them would keep it busy for minutes."""

_APP1, _APP14 = 0xE1, 0xEE
_EOI, _SOS = 0xD9, 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_DECODABLE_FRAMES = {0xC0, 0xC1, 0xC2}
_TABLES = {0xC4, 0xDB, 0xDD}
_MARKER = re.compile(rb"\xff++[^\xff]", re.DOTALL)
_MARKER_IN_SCAN = re.compile(rb"\xff[^\xff\x00\xd0-\xd7]", re.DOTALL)


def read(picture: bytes) -> Header:
    """The header of a baseline or progressive JPEG.

    Raises PictureError: `truncated` without its end, `unsupported_type` for lossless, arithmetic and 12-bit
    ones.
    """
    orientation = exif.UPRIGHT
    size: tuple[int, int] | None = None
    scans = 0
    kept = [MAGIC[:2]]
    for marker, segment, whole in _segments(picture):
        if marker == _APP1 and segment.startswith(exif.PREFIX):
            orientation = exif.orientation(segment)
        elif marker in _FRAMES:
            if size is not None:
                raise PictureError("unsupported_type")
            size = _frame_size(marker, segment)
        scans += marker == _SOS
        if scans > MAX_SCANS:
            raise PictureError("unsupported_type")
        if marker in _FRAMES or marker in _TABLES or marker in {_APP14, _SOS, _EOI}:
            kept.append(whole)
    if size is None or not scans:
        raise PictureError("truncated")
    return Header(*size, orientation, alpha=False, essence=b"".join(kept))


def _frame_size(marker: int, segment: bytes) -> tuple[int, int]:
    if len(segment) < 6:
        raise PictureError("truncated")
    precision, height, width = struct.unpack_from(">BHH", segment)
    if marker not in _DECODABLE_FRAMES or precision != 8 or not height:
        raise PictureError("unsupported_type")
    return width, height


def _segments(picture: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Marker, content, and the whole segment with the scan's data behind it; end-of-image comes last."""
    at = 2
    while (start := _MARKER.match(picture, at)) is not None:
        at = start.end() - 1
        marker = picture[at]
        if marker == _EOI:
            yield marker, b"", b"\xff\xd9"
            return
        length = int.from_bytes(picture[at + 1 : at + 3])
        end = at + 1 + length
        if length < 2 or end > len(picture):
            break
        content = picture[at + 3 : end]
        after = end
        if marker == _SOS:
            found = _MARKER_IN_SCAN.search(picture, end)
            if found is None:
                break
            after = found.start()
        yield marker, content, b"\xff" + picture[at:after]
        at = after
    raise PictureError("truncated")
