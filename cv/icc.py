"""ICC profiles (ICC.1:2022, version 4.4) of screens, for files that name their colours by a number alone."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""IEC 61966-2-1, as the parameters of a curve of type 3."""
_CURVE_TYPES = {1: 0, 5: 3}
"""The curve's type by how many parameters it has (section 10.18)."""
D65 = (0.3127, 0.3290)
D50 = (0.9642, 1.0, 0.8249)
"""The white of every profile, as X, Y and Z (section 6.3.4.3)."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""The matrix from X, Y and Z to what the eye's three kinds of cones see (annex E.2.3)."""
_HEADER_BYTES = 128
_TAG_BYTES = 12


def screen_profile(primaries: Sequence[float], curve: Sequence[float]) -> bytes:
    """Return the profile of a screen whose white is D65.

    `primaries` are x and y of red, green and blue; `curve` is a gamma, or the five parameters of SRGB_CURVE.
    """
    colorants = to_xyz(primaries)
    adapted = adaptation(_direction(*D65), np.array(D50)) @ colorants
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve_tag(curve))
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)
    tags = {b"wtpt": _xyz_tag(D50), **{name: _xyz_tag(column) for name, column in columns}, **curves}
    return profile(b"RGB ", b"XYZ ", tags)


def to_xyz(primaries: Sequence[float]) -> Matrix:
    """Return the matrix from linear red, green and blue to X, Y and Z under D65."""
    pairs = zip(primaries[::2], primaries[1::2], strict=True)
    directions = np.column_stack([_direction(x, y) for x, y in pairs])
    return directions * np.linalg.solve(directions, _direction(*D65))


def _direction(x: float, y: float) -> Matrix:
    """Return X, Y and Z of a colour with the chromaticity x and y, as bright as Y = 1."""
    return np.array([x / y, 1.0, (1 - x - y) / y])


def adaptation(white: Matrix, other: Matrix) -> Matrix:
    """Return the matrix from colours seen under one white to how they look under the other."""
    gains = (_BRADFORD @ other) / (_BRADFORD @ white)
    adapted: Matrix = np.linalg.inv(_BRADFORD) @ (gains[:, np.newaxis] * _BRADFORD)
    return adapted


def profile(space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Return the file of a profile for colours of this kind, with these tags."""
    at = _HEADER_BYTES + 4 + _TAG_BYTES * len(tags)
    table, bodies = [struct.pack(">I", len(tags))], []
    for name, body in tags.items():
        table.append(struct.pack(">4sII", name, at, len(body)))
        bodies.append(body + bytes(-len(body) % 4))
        at += len(bodies[-1])
    head = struct.pack(">I4sI4s4s4s", at, b"", 0x04400000, b"mntr", space, connection)
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + _numbers(D50)
    return head.ljust(_HEADER_BYTES, b"\0") + b"".join(table + bodies)


def _xyz_tag(values: Sequence[float] | Matrix) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(values)


def curve_tag(parameters: Sequence[float]) -> bytes:
    """Return a curve from what is stored to light: a gamma, or the five parameters of SRGB_CURVE."""
    return struct.pack(">4s4xHxx", b"para", _CURVE_TYPES[len(parameters)]) + _numbers(parameters)


def _numbers(values: Sequence[float] | Matrix) -> bytes:
    """Return the numbers signed, with 16 bits behind the point (section 4.6)."""
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)
