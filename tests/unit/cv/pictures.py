"""Test pictures: two public-domain portraits that ship in Python packages, and what can be done to them.

`astronaut`: Eileen Collins, NASA, in scikit-image. `admiral`: Grace Hopper, US Navy, in matplotlib.
"""

import io
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import skimage
from PIL import Image, ImageOps

from cv.decoding import Pixels

ORIENTATION_TAG = 0x0112
BEST: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "HEIF": {"quality": -1, "chroma": 444},
    "TIFF": {},
}
"""How each kind is saved with the least loss."""


@dataclass(frozen=True)
class Subject:
    """A picture of a person, and where the pupils are: found by eye, not by a detector."""

    pixels: Pixels
    left: tuple[float, float]
    right: tuple[float, float]

    @property
    def eye_angle(self) -> float:
        """Degrees clockwise from level."""
        return math.degrees(math.atan2(self.right[1] - self.left[1], self.right[0] - self.left[0]))


@cache
def astronaut() -> Subject:
    """512 by 512, the face a sixth of the width, its middle at (222, 120)."""
    path = Path(skimage.__file__).parent / "data" / "astronaut.png"
    return Subject(_read(path), (203.4, 101.1), (246.6, 103.7))


@cache
def admiral() -> Subject:
    """512 by 600, the face a quarter of the width, with glasses and a cap."""
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return Subject(_read(path), (222.1, 190.4), (305.0, 187.3))


def _read(path: Path) -> Pixels:
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return pixels


def mirrored(subject: Subject) -> Subject:
    """Left for right."""
    width = subject.pixels.shape[1]
    (left, left_y), (right, right_y) = subject.left, subject.right
    return Subject(cv2.flip(subject.pixels, 1), (width - 1 - right, right_y), (width - 1 - left, left_y))


def scaled(subject: Subject, factor: float) -> Subject:
    """Return every length times the factor."""
    pixels = cv2.resize(subject.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    left, right = ((x * factor, y * factor) for x, y in (subject.left, subject.right))
    return Subject(pixels, left, right)


def turned(subject: Subject, degrees: float) -> Subject:
    """Turned clockwise around its middle, on a canvas that holds all of it."""
    height, width = subject.pixels.shape[:2]
    side = math.ceil(math.hypot(width, height))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    pixels = cv2.warpAffine(subject.pixels, matrix, (side, side), borderValue=(128, 128, 128))
    left, right = (
        (float(x), float(y)) for x, y in (matrix @ (*at, 1) for at in (subject.left, subject.right))
    )
    return Subject(pixels, left, right)


def framed(subject: Subject, margin: int) -> Subject:
    """Return the subject with `margin` grey pixels around it."""
    pixels = np.pad(subject.pixels, ((margin, margin), (margin, margin), (0, 0)), constant_values=128)
    left, right = ((x + margin, y + margin) for x, y in (subject.left, subject.right))
    return Subject(pixels, left, right)


def grey(subject: Subject) -> Subject:
    """Without colour."""
    pixels = cv2.cvtColor(cv2.cvtColor(subject.pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return Subject(pixels, subject.left, subject.right)


def oriented(pixels: Pixels, orientation: int) -> Pixels:
    """Return the pixels as a camera stores them that writes this EXIF orientation."""
    # Each of Pillow's turns undoes itself, but for the quarter turns, which undo each other.
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    upright = Image.open(io.BytesIO(picture_file(pixels, orientation=inverse)))
    return cv2.cvtColor(np.asarray(ImageOps.exif_transpose(upright)), cv2.COLOR_RGB2BGR)


def picture_file(pixels: Pixels, kind: str = "PNG", orientation: int | None = None, **options: Any) -> bytes:
    """Blue, green, red as a file, with EXIF where an orientation is given."""
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = orientation
        options["exif"] = exif.tobytes()
    picture = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    if kind == "HEIF" and "exif" in options:
        # From here pillow-heif takes what it stores as a turn (`irot`) and a mirror (`imir`).
        picture.info["exif"] = options.pop("exif")
    return saved(picture, kind, **options)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Pillow's picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
