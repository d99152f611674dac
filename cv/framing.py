"""Which square of the picture becomes the portrait, and its pixels."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from cv.decoding import Pixels
from cv.vision import Face

ROOM = 2.8
"""The square's side in face sizes: hair and shoulders, with a little air."""
COMFORT = 2.1
"""What the square may shrink to around a face near the picture's edge, before the face leaves its middle."""
MIN_ROOM = 1.25
"""The least, for a face that fills the picture: brows to chin."""
_THUMBNAIL = 128
"""Pixels of the shorter side in which detail is looked for."""
_CENTRE_PULL = 0.5
"""How much less detail counts at the picture's ends than at its middle, 0 to 1."""
_MARGIN = 4
"""Pixels around the cut, for the interpolation at its edge."""


@dataclass(frozen=True)
class Frame:
    """A square in the picture: its centre and side in pixels, its turn in degrees clockwise."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    @property
    def reach(self) -> float:
        """Half the side of the upright square around this one."""
        angle = math.radians(self.angle)
        return self.side / 2 * (abs(math.cos(angle)) + abs(math.sin(angle)))

    def to_picture(self, x: float, y: float, size: int) -> tuple[float, float]:
        """The picture's point under a point of the frame drawn `size` pixels wide."""
        angle = math.radians(self.angle)
        right = (x / size - 0.5) * self.side
        down = (y / size - 0.5) * self.side
        return (
            self.x + right * math.cos(angle) - down * math.sin(angle),
            self.y + right * math.sin(angle) + down * math.cos(angle),
        )

    def from_picture(self, x: float, y: float, size: int) -> tuple[float, float]:
        """The inverse of `to_picture`."""
        angle = math.radians(self.angle)
        right, down = x - self.x, y - self.y
        return (
            ((right * math.cos(angle) + down * math.sin(angle)) / self.side + 0.5) * size,
            ((down * math.cos(angle) - right * math.sin(angle)) / self.side + 0.5) * size,
        )


def frame_face(face: Face, width: int, height: int) -> Frame:
    """The square around a face, its eyes level, inside a picture of this size.

    Near an edge it first shrinks around the face, down to COMFORT, then slides along; in a picture too small
    for that it shrinks on, down to MIN_ROOM. It never slides off the face: where a turned face fills the
    picture or lies in its corner, the square's corners reach over the edge instead.
    """
    spread = Frame(0, 0, 2, face.angle).reach
    edge = max(0.0, min(face.x, face.y, width - face.x, height - face.y))
    side = max(min(ROOM * face.size, 2 * edge / spread), COMFORT * face.size)
    side = max(min(side, min(width, height) / spread), MIN_ROOM * face.size)
    around = Frame(face.x, face.y, side, face.angle)
    right, down = around.from_picture(*_within(around, width, height), 1)
    # What is cut off by the picture's edge need not be kept in the square.
    slack = 0.5 - min(face.size / 2, edge) / side
    x, y = around.to_picture(_near(right, slack), _near(down, slack), 1)
    return replace(around, x=x, y=y)


def _within(frame: Frame, width: int, height: int) -> tuple[float, float]:
    """The centre nearest to the frame's where it lies inside the picture."""
    x, y = (
        min(max(centre, frame.reach), max(frame.reach, length - frame.reach))
        for centre, length in ((frame.x, width), (frame.y, height))
    )
    return x, y


def _near(position: float, slack: float) -> float:
    """A position across the frame, 0 to 1, kept within so much of its middle."""
    return min(max(position, 0.5 - slack), 0.5 + slack)


def frame_detail(pixels: Pixels) -> Frame:
    """The largest square of a picture without a face, along the longer side where most happens.

    What happens is the sum of the brightness gradient, weighted down linearly away from the middle, so that a
    picture with even detail gives the centre.
    """
    height, width = pixels.shape[:2]
    side = min(width, height)
    scale = _THUMBNAIL / side
    longer = max(_THUMBNAIL, round(max(width, height) * scale))
    landscape = width >= height
    size = (longer, _THUMBNAIL) if landscape else (_THUMBNAIL, longer)
    grey = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    across, down = cv2.spatialGradient(grey)
    detail = (np.abs(across.astype(np.int64)) + np.abs(down.astype(np.int64))).sum(axis=0 if landscape else 1)
    start = _busiest(detail, _THUMBNAIL) / scale
    along = min(max(start + side / 2, side / 2), max(width, height) - side / 2)
    return Frame(along, height / 2, side) if landscape else Frame(width / 2, along, side)


def _busiest(detail: npt.NDArray[np.int64], window: int) -> float:
    """The start of the window of most detail; of equal ones, the nearest to the middle."""
    sums = np.convolve(detail, np.ones(window, np.int64), mode="valid")
    starts = np.arange(len(sums))
    middle = (len(sums) - 1) / 2
    distance = np.abs(starts - middle) / max(middle, 1)
    # One more than the sum, so that the middle wins where nothing happens at all.
    worth = (sums + 1) * (1 - _CENTRE_PULL * distance)
    best = np.flatnonzero(worth == worth.max())
    return float(best[np.argmin(distance[best])])


def draw(pixels: Pixels, frame: Frame, size: int) -> Pixels:
    """The frame's content, `size` pixels wide and high; beyond the picture's edge, its outermost pixels."""
    height, width = pixels.shape[:2]
    left, top = (max(0, math.floor(at - frame.reach - _MARGIN)) for at in (frame.x, frame.y))
    right = min(width, math.ceil(frame.x + frame.reach + _MARGIN))
    bottom = min(height, math.ceil(frame.y + frame.reach + _MARGIN))
    cut = pixels[top:bottom, left:right]
    shrink = min(1.0, size / frame.side)
    if shrink < 1:
        wanted = (max(1, round(cut.shape[1] * shrink)), max(1, round(cut.shape[0] * shrink)))
        cut = cv2.resize(cut, wanted, interpolation=cv2.INTER_AREA)
    scale_x, scale_y = cut.shape[1] / (right - left), cut.shape[0] / (bottom - top)
    corners = [frame.to_picture(x, y, size) for x, y in ((0, 0), (size, 0), (0, size))]
    source = np.array([((x - left) * scale_x, (y - top) * scale_y) for x, y in corners], np.float32)
    target = np.array([(0, 0), (size, 0), (0, size)], np.float32)
    # Pixel centres lie half a pixel in, in both.
    matrix = cv2.getAffineTransform(target - np.float32(0.5), source - np.float32(0.5))
    return cv2.warpAffine(
        cut,
        matrix,
        (size, size),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
