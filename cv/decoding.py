"""From a file that may be hostile to upright pixels.

The magic bytes decide what it is, the header is held against the limits before a pixel is decoded, and the
decoder (OpenCV's) is given only the parts that pixels need.
"""

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from cv2.typing import MatLike

from cv.errors import MAX_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE, PictureError
from cv.formats import jpeg, png, webp
from cv.formats.header import Header

Pixels: TypeAlias = MatLike
"""Height by width by blue, green, red; 8 bits each."""

_OTHER_PICTURES = (
    *(b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0", b"<svg", b"8BPS", b"\0\0\0\x0cjP"),
    *(b"\0\0\0\x0cJXL", b"\xff\x0a", b"qoif", b"\x76\x2f\x31\x01"),
)
_BOX_BRANDS = {b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1"}
_SNIFFED_BYTES = 1024
_SAMPLED = 256
"""Rows, and columns, of a transparent picture that are looked at to choose what stands behind it."""
_PALE = 224
"""The least of red, green and blue, 0 to 255, in a colour that is hardly seen on white."""
_GREY = 96
"""The other backing: white stands out from it six to one, black three to one (WCAG's contrast)."""
_TURNS: dict[int, Callable[[MatLike], MatLike]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: lambda pixels: cv2.transpose(pixels),
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.flip(cv2.transpose(pixels), -1),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def decode(picture: bytes) -> Pixels:
    """The picture upright, as EXIF says, in 8-bit colour whatever it was stored in.

    Transparent parts are on white, or on grey where more than half of what is seen is nearly white. Of an
    animated picture it is the first frame. A colour profile is dropped, not applied. Raises PictureError.
    """
    header = read_header(picture)
    flags = cv2.IMREAD_UNCHANGED if header.alpha else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        stored = cv2.imdecode(np.frombuffer(header.essence, np.uint8), flags)
    except cv2.error as error:
        raise PictureError("truncated") from error
    if stored is None or stored.shape[:2] != (header.height, header.width):
        raise PictureError("truncated")
    upright = _TURNS.get(header.orientation)
    pixels = _opaque(stored)
    return pixels if upright is None else np.ascontiguousarray(upright(pixels))


def read_header(picture: bytes) -> Header:
    """The header of a JPEG, PNG or WebP within the limits. Raises PictureError."""
    if len(picture) > MAX_BYTES:
        raise PictureError("too_large")
    header = _read(picture)
    if max(header.width, header.height) > MAX_SIDE or header.width * header.height > MAX_PIXELS:
        raise PictureError("too_large")
    if min(header.width, header.height) < MIN_SIDE:
        raise PictureError("too_small")
    return header


def _read(picture: bytes) -> Header:
    if picture.startswith(jpeg.MAGIC):
        return jpeg.read(picture)
    if picture.startswith(png.MAGIC):
        return png.read(picture)
    if webp.is_webp(picture):
        return webp.read(picture)
    start = picture[:_SNIFFED_BYTES].lstrip()
    is_box = picture[4:8] == b"ftyp" and picture[8:12] in _BOX_BRANDS
    is_svg = start.startswith(b"<?xml") and b"<svg" in start
    if start.startswith(_OTHER_PICTURES) or is_box or is_svg:
        raise PictureError("unsupported_type")
    raise PictureError("not_an_image")


def _opaque(stored: MatLike) -> Pixels:
    """8-bit colour on its backing; one channel at a time, to keep the largest picture within memory."""
    if stored.ndim == 2:
        return cv2.cvtColor(_8_bits(stored), cv2.COLOR_GRAY2BGR)
    if stored.shape[2] == 3:
        return _8_bits(stored)
    alpha = _8_bits(cv2.extractChannel(stored, 3))
    behind = cv2.convertScaleAbs(cv2.bitwise_not(alpha), alpha=_backing(stored) / 255)
    pixels = np.empty((*stored.shape[:2], 3), np.uint8)
    for channel in range(3):
        colour = _8_bits(cv2.extractChannel(stored, channel))
        cv2.insertChannel(cv2.add(cv2.multiply(colour, alpha, scale=1 / 255), behind), pixels, channel)
    return pixels


def _backing(stored: MatLike) -> int:
    """Return the grey, 0 to 255, behind a picture: white, unless most of what is seen would vanish on it."""
    size = (min(stored.shape[1], _SAMPLED), min(stored.shape[0], _SAMPLED))
    sampled = _8_bits(cv2.resize(stored, size, interpolation=cv2.INTER_NEAREST))
    seen = sampled[..., 3].astype(np.int64)
    pale = seen[sampled[..., :3].min(axis=2) >= _PALE].sum()
    return _GREY if 2 * pale > seen.sum() else 255


def _8_bits(values: MatLike) -> MatLike:
    return cv2.convertScaleAbs(values, alpha=1 / 257) if values.dtype == np.uint16 else values
