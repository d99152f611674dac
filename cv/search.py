"""The largest face of a picture, found roughly and then looked at until its place and angle are known.

One detection of the eyes is off by two or three degrees, and differs with the scale and when mirrored. So a
face is looked at several times, and the mean is taken: it is right within a degree or so. A candidate of
which the looks are not sure is no face.

The detectors see few pixels, and a long picture's faces would be specks to them. So they are given the
picture whole, and squares as wide as its shorter side. Where those show no face, they are given squares half
as wide, which show a person far away.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean

import cv2
import numpy as np

from cv.decoding import Pixels
from cv.framing import Frame, draw
from cv.vision import Face, Models

_TILE_SIDE = 384
"""Pixels of a square that the detectors are given at first; they see at most 192 of them."""
_TILES = 64
"""Squares at most, 7 milliseconds each. They lie half over each other in a picture up to 32 times as long as
wide; squares half as wide do in one up to five times as long. In a longer picture they lie further apart.
"""
_TRIED = 16
"""Candidates that are looked at, the largest first; a look at one takes some 0.03 seconds."""
_ROUGH = 1.5
"""A face may turn out to be this many times larger than its candidate."""
_LOOK_SIDE = 256
"""Pixels of a look; the detector sees 128 of them."""
_ROOMS = (1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 2.8)
"""Sides of the looks, in face sizes; each is taken as it is and mirrored."""
_SURE = 0.7
"""Mean confidence, 0 to 1, of all looks at a face, one that misses it counting 0. Measured: faces 0.8 to 0.9,
a profile 0.8, a helmet 0.35, a clock's dial 0.67.
"""
_SURE_AFAR = 0.8
"""The same for a face that only the smaller squares show. Measured: foliage and lamps up to 0.73."""
_PASSES = 5
"""Rounds of looks, each nearer to upright: a face on its side takes four."""
_LEVEL = 0.5
"""Degrees: a round that turns the face by no more, and moves it by no more than _STILL, is the last."""
_STILL = 0.02
"""Face sizes: see _LEVEL."""


def find_face(pixels: Pixels, models: Models) -> Face | None:
    """Return the largest face, in pixels of the picture; None without one."""
    height, width = pixels.shape[:2]
    shorter = min(width, height)
    face = _largest(pixels, _candidates(pixels, shorter, models), _SURE, models)
    if face is None and shorter > _TILE_SIDE:
        face = _largest(pixels, _candidates(pixels, (shorter + 1) // 2, models), _SURE_AFAR, models)
    return face


def look(pixels: Pixels, expected: Face, models: Models) -> Face | None:
    """Return the mean of all looks at a face near the expected one; None where no look sees one."""
    seen: list[Face] = []
    for room in _ROOMS:
        frame = Frame(expected.x, expected.y, room * expected.size, expected.angle)
        view = draw(pixels, frame, _LOOK_SIDE)
        mirrored = cv2.flip(view, 1)
        looks = models.close_faces(view), [_mirrored(face) for face in models.close_faces(mirrored)]
        for faces in looks:
            seen += _nearest([_in_picture(face, frame) for face in faces], expected)
    if not seen:
        return None
    return Face(
        x=fmean(face.x for face in seen),
        y=fmean(face.y for face in seen),
        size=fmean(face.size for face in seen),
        angle=fmean(face.angle for face in seen),
        confidence=sum(face.confidence for face in seen) / (2 * len(_ROOMS)),
    )


def _largest(pixels: Pixels, candidates: list[Face], sure: float, models: Models) -> Face | None:
    """Return the largest face after looks at the candidates, which come the largest first.

    `sure` is the least mean confidence of a face.
    """
    found: list[Face] = []
    tried: list[Face] = []
    for candidate in candidates:
        done = any(candidate.size * _ROUGH < face.size for face in found)
        if done or len(tried) == _TRIED:
            break
        known = any(_apart(candidate, face) < face.size / 2 for face in found)
        if known or any(_alike(candidate, other) for other in tried):
            continue
        tried.append(candidate)
        face = _settle(pixels, candidate, models)
        if face is not None and face.confidence >= sure:
            found.append(face)
    return max(found, key=lambda face: face.size, default=None)


def _apart(one: Face, other: Face) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)


def _alike(one: Face, other: Face) -> bool:
    """Return whether looks at `one` would see the same as those at `other`, which is at least as large."""
    return one.size * _ROUGH > other.size and _apart(one, other) < one.size / 4


def _settle(pixels: Pixels, candidate: Face, models: Models) -> Face | None:
    """Return the face after rounds of looks, until one hardly changes it; None where a round sees none."""
    face = candidate
    for _ in range(_PASSES):
        seen = look(pixels, face, models)
        if seen is None:
            return None
        settled = abs(seen.angle - face.angle) <= _LEVEL and _apart(seen, face) <= _STILL * face.size
        face = seen
        if settled:
            break
    return face


def _candidates(pixels: Pixels, tile: int, models: Models) -> list[Face]:
    """Return possible faces in the whole picture and in squares `tile` pixels wide, the largest first."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _TILE_SIDE / tile)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    found: list[Face] = []
    for left, top, right, bottom in views(*size, round(tile * scale)):
        view = np.ascontiguousarray(small[top:bottom, left:right])
        found += [replace(face, x=face.x + left, y=face.y + top) for face in models.faces(view)]
    found.sort(key=lambda face: face.size, reverse=True)
    return [replace(f, x=f.x / scale, y=f.y / scale, size=f.size / scale) for f in found]


def views(width: int, height: int, tile: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield left, top, right and bottom of the whole picture, and of the squares that cover it.

    `tile` is a square's side in pixels, the picture's shorter side or less. The squares lie half over each
    other, so a thing half as wide lies whole in one of them. See _TILES for longer pictures.
    """
    yield 0, 0, width, height
    if width == height == tile:
        return
    shorter = _starts(min(width, height), tile, _TILES)
    longer = _starts(max(width, height), tile, _TILES // len(shorter))
    rows, columns = (shorter, longer) if width >= height else (longer, shorter)
    for top in rows:
        for left in columns:
            yield left, top, left + tile, top + tile


def _starts(length: int, tile: int, most: int) -> list[int]:
    """Return where along a side the squares begin, evenly from one end to the other."""
    count = min(1 + math.ceil(2 * (length - tile) / tile), most)
    return [round(at * (length - tile) / max(1, count - 1)) for at in range(count)]


def _nearest(faces: list[Face], expected: Face) -> list[Face]:
    """Return the face that was looked for, not a neighbour's; empty where none is near."""
    near = [face for face in faces if _apart(face, expected) < expected.size / 2]
    return sorted(near, key=lambda face: _apart(face, expected))[:1]


def _in_picture(face: Face, frame: Frame) -> Face:
    x, y = frame.to_picture(face.x, face.y, _LOOK_SIDE)
    size = face.size * frame.side / _LOOK_SIDE
    return replace(face, x=x, y=y, size=size, angle=frame.angle + face.angle)


def _mirrored(face: Face) -> Face:
    return replace(face, x=_LOOK_SIDE - face.x, angle=-face.angle)
