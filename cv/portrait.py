"""From an uploaded picture to a portrait: decode, find the face, level the eyes, cut, encode."""

from dataclasses import dataclass
from typing import get_args

import cv2
import numpy as np

from cv.background import Background, replace_background, shows_face
from cv.decoding import Pixels, decode
from cv.errors import PictureError
from cv.framing import Frame, draw, frame_face, frame_middle
from cv.search import find_face
from cv.vision import Face, Models
from game.pictures import PortraitSize

__all__ = ["SIZES", "Background", "Models", "PictureError", "Portrait", "make_portrait"]

SIZES = tuple(sorted(map(int, get_args(PortraitSize)), reverse=True))
"""Pixels, the largest first."""
QUALITY = 88
"""WebP's, 0 to 100: 20 to 40 KB for the largest."""
_SIZE = SIZES[0]


@dataclass(frozen=True)
class Portrait:
    """The finished pictures.

    `images` maps the size in pixels to a WebP file without metadata; `face_box` is left, top, width and
    height of the face in the 512-pixel picture.
    """

    images: dict[int, bytes]
    face: bool
    face_box: tuple[float, float, float, float] | None


def make_portrait(picture: bytes, *, background: Background = "none", models: Models) -> Portrait:
    """Return the portrait from a file of any kind that is accepted; the same bytes for the same file.

    The largest face is cut out with its eyes level. Without one, the portrait is the square of
    `frame_middle`, `face` is False, and the background stays, for no person stands before it. It stays too
    where the mask of the person misses the face. Raises PictureError.
    """
    pixels = decode(picture)
    height, width = pixels.shape[:2]
    face = find_face(pixels, models)
    if face is None:
        return Portrait(_encode(draw(pixels, frame_middle(width, height), _SIZE)), face=False, face_box=None)
    frame = frame_face(face, width, height)
    square = draw(pixels, frame, _SIZE)
    box = _box(face, frame)
    if background != "none":
        person = models.person(square)
        if shows_face(person, box):
            square = replace_background(square, person, background)
    return Portrait(_encode(square), face=True, face_box=box)


def _box(face: Face, frame: Frame) -> tuple[float, float, float, float]:
    x, y = frame.from_picture(face.x, face.y, _SIZE)
    size = face.size / frame.side * _SIZE
    return x - size / 2, y - size / 2, size, size


def _encode(square: Pixels) -> dict[int, bytes]:
    images = {}
    for size in SIZES:
        scaled = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".webp", scaled, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        images[size] = np.asarray(encoded).tobytes()
    return images
