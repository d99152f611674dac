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
"""The least with as much above the face as in ROOM, for a square around the head's middle."""
_HIGH = 1 / 8
"""How much of what a tall picture has left over is above its square: heads are near the top."""
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

    It has ROOM, or what the picture lets it have. Near an edge it first shrinks around the face, as long as
    that takes nothing from above the head, then slides along; in a corner that a tilted square cannot slide
    into, it shrinks on, to the head. It leaves the picture only to keep a tilted head whole, without being
    larger than the picture's shorter side.
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
    """Return the square of this side around a face, `edge` pixels inside the picture, slid into it."""
    around = Frame(face.x, face.y, side, face.angle)
    lifted = _moved(around, 0.5, 0.5 - _lift(face.size / side))
    right, down = around.from_picture(*_within(lifted, width, height), 1)
    # What is cut off by the picture's edge need not be kept in the square.
    slack = 0.5 - min(face.size / 2, edge) / side
    return _moved(around, _near(right, slack), _near(down, slack))


def _is_inside(frame: Frame, width: int, height: int) -> bool:
    least = frame.reach * (1 - 1e-9)
    return least <= frame.x <= width - least and least <= frame.y <= height - least


def _moved(frame: Frame, right: float, down: float) -> Frame:
    """Return the frame whose centre is at this point of the frame, 0 to 1 each way."""
    x, y = frame.to_picture(right, down, 1)
    return replace(frame, x=x, y=y)


def _lift(size: float) -> float:
    """Return how far above a face, `size` sides of the square high, its square's middle is, in sides.

    A square with less than ROOM first loses what is below the head, and never the chin.
    """
    return max(0.0, min(LIFT * size, (ROOM * size - 1) / 2, 0.5 - (HEAD / 2 - LIFT) * size))


def _within(frame: Frame, width: int, height: int) -> tuple[float, float]:
    """Return the centre nearest to the frame's that is inside the picture, or leaves both edges as far."""
    x, y = (
        min(max(centre, frame.reach), length - frame.reach) if 2 * frame.reach < length else length / 2
        for centre, length in ((frame.x, width), (frame.y, height))
    )
    return x, y


def _near(position: float, slack: float) -> float:
    """Return a position across the frame, 0 to 1, kept within this much of its middle."""
    return min(max(position, 0.5 - slack), 0.5 + slack)


def frame_middle(width: int, height: int) -> Frame:
    """Return the largest square of a picture without a face: in the middle of a wide one, high in a tall one.

    The head of a person who stands in a tall picture is near its top.
    """
    side = min(width, height)
    return Frame(width / 2, _HIGH * (height - side) + side / 2, side)


def draw(pixels: Pixels, frame: Frame, size: int) -> Pixels:
    """Return the frame's content, `size` pixels wide and high; beyond the picture's edge, its reflection."""
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
        borderMode=cv2.BORDER_REFLECT,
    )
