"""Which square of the picture becomes the portrait, and its pixels."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cv.decoding import Pixels
from cv.vision import Face

ROOM = 2.8
"""The square's side in face sizes: hair and shoulders, with a little air."""
HEAD = 1.7
"""Crown to chin, in face sizes."""
LIFT = 0.2
"""How far the middle of the head lies above the middle of the face, in face sizes."""
SNUG = ROOM - 2 * LIFT
"""The smallest side with as much above the face as ROOM has, in face sizes: around the head's middle."""
_HIGH = 1 / 8
"""The share of a tall picture's surplus height that lies above the square: heads are near the top."""
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
        """Return the picture's point under a point of the frame drawn `size` pixels wide."""
        angle = math.radians(self.angle)
        right = (x / size - 0.5) * self.side
        down = (y / size - 0.5) * self.side
        return (
            self.x + right * math.cos(angle) - down * math.sin(angle),
            self.y + right * math.sin(angle) + down * math.cos(angle),
        )

    def from_picture(self, x: float, y: float, size: int) -> tuple[float, float]:
        """Return the inverse of `to_picture`."""
        angle = math.radians(self.angle)
        right, down = x - self.x, y - self.y
        return (
            ((right * math.cos(angle) + down * math.sin(angle)) / self.side + 0.5) * size,
            ((down * math.cos(angle) - right * math.sin(angle)) / self.side + 0.5) * size,
        )


def frame_face(face: Face, width: int, height: int) -> Frame:
    """Return the square around a face, its eyes level, in a picture of this size in pixels.

    Its side is ROOM, or less where the picture is too small. Near an edge it first shrinks around the face,
    to SNUG at the least, then slides away from the edge. A tilted square cannot slide into every corner:
    there it shrinks on, to HEAD. It leaves the picture only to keep a tilted head whole, and is never larger
    than the picture's shorter side.
    """
    spread = Frame(0, 0, 2, face.angle).reach
    edge = max(0.0, min(face.x, face.y, width - face.x, height - face.y))
    shorter = min(width, height)
    most = max(shorter / spread, min(HEAD * face.size, shorter))
    around = min(ROOM * face.size, 2 * edge / spread)
    frame = _slid(face, min(max(around, SNUG * face.size), most), edge, width, height)
    if _is_inside(frame, width, height):
        return frame
    return _slid(face, min(max(around, HEAD * face.size), most), edge, width, height)


def _slid(face: Face, side: float, edge: float, width: int, height: int) -> Frame:
    """Return the square of this side around a face, slid into the picture.

    `edge` is how many pixels inside the picture the middle of the face is.
    """
    around = Frame(face.x, face.y, side, face.angle)
    lifted = _moved(around, 0.5, 0.5 - _lift(face.size / side))
    right, down = around.from_picture(*_within(lifted, width, height), 1)
    # What is cut off by the picture's edge need not be kept in the square.
    slack = 0.5 - min(face.size / 2, edge) / side
    return _moved(around, _clamped(right, slack), _clamped(down, slack))


def _is_inside(frame: Frame, width: int, height: int) -> bool:
    least = frame.reach * (1 - 1e-9)
    return least <= frame.x <= width - least and least <= frame.y <= height - least


def _moved(frame: Frame, right: float, down: float) -> Frame:
    """Return the frame moved: its new centre is this point of it, 0 to 1 each way."""
    x, y = frame.to_picture(right, down, 1)
    return replace(frame, x=x, y=y)


def _lift(size: float) -> float:
    """Return how far the square's middle lies above the face's middle, in sides of the square.

    `size` is the face's, in sides too. A square with less than ROOM first loses what is below the head, and
    never the chin.
    """
    return max(0.0, min(LIFT * size, (ROOM * size - 1) / 2, 0.5 - (HEAD / 2 - LIFT) * size))


def _within(frame: Frame, width: int, height: int) -> tuple[float, float]:
    """Return the nearest centre that puts the frame inside the picture.

    A frame too wide or high for that gets the picture's middle, and leaves both edges equally far.
    """
    x, y = (
        min(max(centre, frame.reach), length - frame.reach) if 2 * frame.reach < length else length / 2
        for centre, length in ((frame.x, width), (frame.y, height))
    )
    return x, y


def _clamped(position: float, slack: float) -> float:
    """Return a position across the frame, 0 to 1, at most `slack` from its middle."""
    return min(max(position, 0.5 - slack), 0.5 + slack)


def frame_middle(width: int, height: int) -> Frame:
    """Return the largest square of a picture without a face: in the middle of a wide one, high in a tall one.

    The head of a person who stands in a tall picture is near its top.
    """
    side = min(width, height)
    return Frame(width / 2, _HIGH * (height - side) + side / 2, side)


def draw(pixels: Pixels, frame: Frame, size: int) -> Pixels:
    """Return the frame's content, `size` pixels wide and high; beyond an edge, the picture is mirrored."""
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
    # OpenCV counts from the centre of the first pixel, which lies half a pixel inside the edge.
    matrix = cv2.getAffineTransform(target - np.float32(0.5), source - np.float32(0.5))
    return cv2.warpAffine(
        cut,
        matrix,
        (size, size),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
