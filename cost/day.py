"""The hours of a day: few play at night, many in the evening.

Pushes are the product of two things that go up and down together, changes and connected clients. Multiplying
their means would miss the better part of the bill, so everything is counted along a day.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

MOMENTS = 24
"""Moments of the day at which rates are taken."""


@cache
def activity(peak_factor: float) -> tuple[float, ...]:
    """Return how busy each moment of the day is against the average: a bell with mean 1 and this maximum.

    `exp(s cos)`, with the sharpness s that gives the maximum; the first moment is the busiest.
    """
    low, high = 0.0, 1.0
    while _curve(high)[0] < peak_factor:
        low, high = high, high * 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _curve(middle)[0] < peak_factor else (low, middle)
    return tuple(float(value) for value in _curve(low))


def _curve(sharpness: float) -> NDArray[np.float64]:
    angles = np.arange(MOMENTS) * (2 * np.pi / MOMENTS)
    curve: NDArray[np.float64] = np.exp(sharpness * (np.cos(angles) - 1))
    return curve / float(curve.mean())
