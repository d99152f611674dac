"""What stands behind the person: the picture itself, the picture blurred, or a colour."""

import re
from typing import Annotated, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import StringConstraints

from cv.decoding import Pixels

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
Background: TypeAlias = (
    Literal["none", "blur"] | Annotated[str, StringConstraints(pattern=f"^{COLOUR.pattern}$")]
)

_FEATHER = 1 / 170
"""Standard deviation of the mask's soft edge, in sides of the picture: 3 pixels of 512."""
_BLUR = 1 / 28
"""Standard deviation of the blurred background, in sides of the picture: 18 pixels of 512."""
_SURE = (0.25, 0.85)
"""Confidence under which a pixel is background, and over which it is the person; between, it is both."""


def replace_background(pixels: Pixels, person: npt.NDArray[np.float32], background: Background) -> Pixels:
    """The picture with its background replaced; `person` is each pixel's confidence, 0 to 1.

    Raises ValueError for a background that is neither a word nor a `#rrggbb` colour.
    """
    if background == "none":
        return pixels
    mask = _feathered(person)[..., np.newaxis]
    behind = _blurred(pixels, 1 - mask) if background == "blur" else _colour(background)
    return np.asarray(np.rint(pixels * mask + behind * (1 - mask)), np.uint8)


def _feathered(person: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low, high = _SURE
    mask = np.clip((person - low) / (high - low), 0, 1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), mask.shape[0] * _FEATHER), np.float32)


def _blurred(pixels: Pixels, weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The background's own colours blurred: the person's would stand around them as a halo."""
    sigma = pixels.shape[0] * _BLUR
    colours = cv2.GaussianBlur((pixels * weight).astype(np.float32), (0, 0), sigma)
    weights = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), sigma)[..., np.newaxis]
    return np.asarray(colours / np.maximum(weights, 1e-3), np.float32)


def _colour(background: str) -> npt.NDArray[np.float32]:
    if COLOUR.fullmatch(background) is None:
        raise ValueError(f"The background must be none, blur or a #rrggbb colour, not {background!r}.")
    return np.array([int(background[at : at + 2], 16) for at in (5, 3, 1)], np.float32)
