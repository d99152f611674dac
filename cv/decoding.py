"""From a file that may be hostile to upright pixels in sRGB.

The first bytes decide what it is. A JPEG or PNG file may hold any number of parts: only those that a picture
needs reach Pillow. The header is checked against the limits, then Pillow decodes. Large pictures are made
smaller before anything else happens to them, for no portrait shows so much.

Files that are cut short are common: a download that broke off, a program that forgot the end. What counts is
how many rows of pixels there are. Pillow does not say. So a file that seems damaged is decoded a second time,
onto a colour that no row has. The rows that keep this colour are missing.
"""

import struct
import warnings
import zlib
from contextlib import suppress
from io import BytesIO
from typing import TypeAlias

import cv2
import numpy as np
import pillow_heif
from cv2.typing import MatLike
from PIL import Image, ImageFile

from cv.colour import find_nclx, nclx_profile, to_srgb
from cv.errors import PictureError, require_size, too_many_pixels
from cv.formats import jpeg, png
from cv.formats.kinds import kind_of
from game.pictures import MAX_BYTES

Pixels: TypeAlias = MatLike
"""Height by width by blue, green, red; 8 bits each."""

WORKING_PIXELS = 16 * 1024 * 1024
"""Pictures of more are made half as wide and high. A portrait of 512 pixels shows a face of 183: of the
smallest square that is halved, 9 percent of the side that is left. The portrait of a smaller face is scaled
up."""
MISSING_ROWS = 0.05
"""The share of the rows that a damaged picture may lack: a strip at the lower edge, where no face is."""

_SAMPLED = 256
"""Rows, and columns, of a transparent picture that are looked at to choose its backing."""
_PALE = 224
"""The least of red, green and blue, 0 to 255, in a colour that is hardly seen on white."""
_GREY = 96
"""The backing of nearly white pictures: white has a contrast of six to it, black of three (WCAG)."""
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_16_BITS = {"I;16", "I;16L", "I;16B", "I;16N"}
_DECODABLE_BY_ROWS = {"PNG", "BMP"}
_MARK = (1, 251, 3, 254)
"""A colour that no row of a picture has from end to end."""
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(RuntimeError, struct.error, zlib.error),
)
"""Exceptions of Pillow's plugins on files that they cannot read."""

# Nothing but the picture itself is asked of a HEIC file.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def decode(picture: bytes) -> Pixels:
    """Return the picture upright, in 8-bit sRGB whatever it was stored in, of at most WORKING_PIXELS.

    Transparent parts are on white, or on grey where more than half of what is seen is nearly white. Of an
    animation it is the first frame. Raises PictureError.
    """
    if len(picture) > MAX_BYTES:
        raise PictureError("too_large")
    kind = kind_of(picture)
    with warnings.catch_warnings():
        # Pillow warns of metadata, and of large pictures.
        warnings.simplefilter("ignore")
        try:
            loaded = _load_jpeg(picture) if kind == "JPEG" else _load(kind, picture)
            return _finish(loaded, _profile(loaded, picture))
        except _DAMAGE as error:
            raise PictureError("truncated") from error


def _load_jpeg(picture: bytes) -> Image.Image:
    essence = jpeg.read(picture)
    image = _open("JPEG", essence.file)
    image.load()
    if essence.in_bands and _rows_alike(image) > MISSING_ROWS * image.height:
        # A decoder that meets the end marker paints missing rows in one colour. Without the marker it stops,
        # and they keep the mark.
        _require_rows(_decode_onto_mark("JPEG", essence.without_end))
    return image


def _load(kind: str, picture: bytes) -> Image.Image:
    file = png.read(picture) if kind == "PNG" else picture
    image: Image.Image = _open(kind, file)
    try:
        image.load()
    except _DAMAGE:
        if kind not in _DECODABLE_BY_ROWS:
            raise
        image = _decode_onto_mark(kind, file)
        _require_rows(image)
    # A plugin may learn the size from the pixels.
    require_size(*image.size)
    return image


def _open(kind: str, file: bytes) -> ImageFile.ImageFile:
    """Return a picture within the limits, not decoded yet; a large JPEG's will be half as wide and high."""
    try:
        image = Image.open(BytesIO(file), formats=[kind])
    except Image.DecompressionBombError as error:
        # Pillow's own limit, far above ours.
        raise too_many_pixels() from error
    require_size(*image.size)
    if kind == "JPEG" and _is_large(image):
        image.draft(None, (image.width // 2, image.height // 2))
    return image


def _decode_onto_mark(kind: str, file: bytes) -> Image.Image:
    """Return a picture decoded onto the mark's colour, which its missing rows keep."""
    image = _open(kind, file)
    image.im = _blank(image.mode, image.size).im
    with suppress(*_DAMAGE):
        image.load()
    # Pillow must not try again: what is missing would raise.
    image.tile = []
    return image


def _blank(mode: str, size: tuple[int, int]) -> Image.Image:
    bands = Image.getmodebands(mode)
    return Image.new(mode, size, _MARK[0] if bands == 1 else _MARK[:bands])


def _require_rows(image: Image.Image) -> None:
    """Raise PictureError where too many rows have the mark's colour, and so are missing."""
    blank = _blank(image.mode, (image.width, 1)).tobytes()
    missing = sum(_row(image, y) == blank for y in range(image.height))
    if missing > MISSING_ROWS * image.height:
        raise PictureError("truncated")


def _rows_alike(image: Image.Image) -> int:
    """Return how many rows at the lower edge have one and the same colour from end to end."""
    last = _row(image, image.height - 1)
    pixel = len(last) // image.width
    if not pixel or last != last[:pixel] * image.width:
        return 0
    count = 1
    while count < image.height and _row(image, image.height - 1 - count) == last:
        count += 1
    return count


def _row(image: Image.Image, y: int) -> bytes:
    return image.crop((0, y, image.width, y + 1)).tobytes()


def _profile(image: Image.Image, picture: bytes) -> bytes | None:
    """Return the colour profile; where a file has numbers instead, the one that they stand for."""
    profile: bytes | None = image.info.get("icc_profile")
    if profile:
        return profile
    if image.format == "AVIF":
        return nclx_profile(find_nclx(picture))
    if nclx := image.info.get("nclx_profile"):
        return nclx_profile((nclx["color_primaries"], nclx["transfer_characteristics"]))
    return None


def _finish(image: Image.Image, profile: bytes | None) -> Pixels:
    """Return the pixels smaller, upright, in sRGB and opaque: done in this order, for the least memory."""
    orientation = _orientation(image)
    simple = _simple(image)
    if _is_large(simple):
        simple = simple.reduce(2)
    turn = _TURNS.get(orientation)
    upright = simple if turn is None else simple.transpose(turn)
    stored = np.asarray(to_srgb(upright, profile))
    order = cv2.COLOR_RGBA2BGRA if stored.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return _opaque(cv2.cvtColor(stored, order))


def _is_large(image: Image.Image) -> bool:
    return image.width * image.height > WORKING_PIXELS


def _orientation(image: Image.Image) -> int:
    """Return EXIF's 1 to 8 (Exif 2.32, section 4.6.4); 1 where Pillow or libheif has turned the pixels."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except _DAMAGE:
        return 1


def _simple(image: Image.Image) -> Image.Image:
    """Return the picture with 8 bits per channel: grey or RGB, perhaps with alpha, or CMYK."""
    if image.mode in _16_BITS:
        return Image.fromarray(cv2.convertScaleAbs(np.asarray(image, np.uint16), alpha=1 / 257))
    if "transparency" in image.info or image.mode in {"PA", "La", "RGBa"}:
        return image.convert("RGBA")
    if image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        return image
    if image.mode in {"1", "P", "RGBX", "YCbCr"}:
        return image.convert("L" if image.mode == "1" else "RGB")
    raise PictureError("unsupported_type")


def _opaque(stored: MatLike) -> Pixels:
    """Return the picture on its backing; one channel at a time, to keep the largest picture within memory."""
    if stored.shape[2] == 3:
        return stored
    alpha = cv2.extractChannel(stored, 3)
    behind = cv2.convertScaleAbs(cv2.bitwise_not(alpha), alpha=_backing(stored) / 255)
    pixels = np.empty((*stored.shape[:2], 3), np.uint8)
    for channel in range(3):
        colour = cv2.extractChannel(stored, channel)
        cv2.insertChannel(cv2.add(cv2.multiply(colour, alpha, scale=1 / 255), behind), pixels, channel)
    return pixels


def _backing(stored: MatLike) -> int:
    """Return the grey, 0 to 255, behind a picture: white, unless most of what is seen would vanish on it."""
    size = (min(stored.shape[1], _SAMPLED), min(stored.shape[0], _SAMPLED))
    sampled = cv2.resize(stored, size, interpolation=cv2.INTER_NEAREST)
    seen = sampled[..., 3].astype(np.int64)
    pale = seen[sampled[..., :3].min(axis=2) >= _PALE].sum()
    return _GREY if 2 * pale > seen.sum() else 255
