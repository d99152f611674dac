"""The background behind the person: the picture itself, the picture blurred, or a colour."""

import re
from typing import Annotated, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import StringConstraints

from cv.decoding import Pixels
from game.pictures import COLOUR

Background: TypeAlias = Literal["none", "blur"] | Annotated[str, StringConstraints(pattern=f"^{COLOUR}$")]

_FEATHER = 1 / 170
"""Standard deviation of the mask's soft edge, in sides of the picture: 3 pixels of 512."""
_BLUR = 1 / 28
"""Standard deviation of the blurred background, in sides of the picture: 18 pixels of 512."""
_SURE = (0.25, 0.85)
"""Confidence below which a pixel is background, and above which it is the person. Between, it is both."""
_FACE_SHARE = 0.9
"""The share of a face's inner ellipse that the mask must give to the person. Measured: 0.94 and more where
the mask shows the face, under 0.01 where it misses the face.
"""
_INNER = 0.4
"""Half the height and width of that ellipse, in face sizes. It leaves out the outline of the face."""


def shows_face(person: npt.NDArray[np.float32], face_box: tuple[float, float, float, float]) -> bool:
    """Return whether `person`, each pixel's confidence from 0 to 1, has the face in it.

    `face_box` is left, top, width and height in its pixels. Drawings and hard light mislead the network: it
    may take a face for the background.
    """
    left, top, width, height = face_box
    rows, columns = np.ogrid[: person.shape[0], : person.shape[1]]
    across = (columns + 0.5 - left - width / 2) / (_INNER * width)
    down = (rows + 0.5 - top - height / 2) / (_INNER * height)
    inner = _mask(person)[across**2 + down**2 <= 1]
    return bool(inner.size > 0 and inner.mean() >= _FACE_SHARE)


def replace_background(pixels: Pixels, person: npt.NDArray[np.float32], background: Background) -> Pixels:
    """Return the picture with its background replaced; `person` is each pixel's confidence, 0 to 1.

    Raises ValueError for a background that is neither a word nor a `#rrggbb` colour.
    """
    if background == "none":
        return pixels
    mask = _feathered(person)[..., np.newaxis]
    behind = _blurred(pixels, 1 - mask) if background == "blur" else _colour(background)
    return np.asarray(np.rint(pixels * mask + behind * (1 - mask)), np.uint8)


def _mask(person: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low, high = _SURE
    return np.asarray(np.clip((person - low) / (high - low), 0, 1), np.float32)


def _feathered(person: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    mask = _mask(person)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), mask.shape[0] * _FEATHER), np.float32)


def _blurred(pixels: Pixels, weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the picture blurred, without the colours of the person, which would show as a halo.

    `weight` is each pixel's share of background, 0 to 1.
    """
    sigma = pixels.shape[0] * _BLUR
    colours = cv2.GaussianBlur((pixels * weight).astype(np.float32), (0, 0), sigma)
    weights = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), sigma)[..., np.newaxis]
    return np.asarray(colours / np.maximum(weights, 1e-3), np.float32)


def _colour(background: str) -> npt.NDArray[np.float32]:
    """Return blue, green and red of a `#rrggbb` colour."""
    if re.fullmatch(COLOUR, background) is None:
        raise ValueError(f"The background must be none, blur or a #rrggbb colour, not {background!r}.")
    return np.array([int(background[at : at + 2], 16) for at in (5, 3, 1)], np.float32)
