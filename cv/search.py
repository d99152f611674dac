"""The largest face of a picture, found roughly and then looked at until its place and angle are known.

One detection of the eyes is off by two or three degrees, and differs with the scale and when mirrored. So a
face is looked at several times, and the mean is taken: within a degree or so. What the looks are not sure of
was no face.
"""

import math
from dataclasses import replace
from statistics import fmean

import cv2

from cv.decoding import Pixels
from cv.framing import Frame, draw
from cv.vision import Face, Models

_SEARCH_SIDE = 1280
"""Pixels of the longer side that the detectors are given at first; they see at most 192 of them."""
_LOOK_SIDE = 256
"""Pixels of a look; the detector sees 128 of them."""
_ROOMS = (1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 2.8)
"""Sides of the looks, in face sizes; each is taken as it is and mirrored."""
_SURE = 0.7
"""Mean confidence, 0 to 1, of all looks at a face, one that misses it counting 0. Measured: faces 0.8 to 0.9,
a profile 0.8, a helmet 0.35, a clock's dial 0.67.
"""
_PASSES = 5
"""Rounds of looks, each nearer to upright: a face on its side takes four."""
_LEVEL = 0.5
"""Degrees that a round may still turn the face for it to be the last."""


def find_face(pixels: Pixels, models: Models) -> Face | None:
    """The largest face, in pixels of the picture; None without one."""
    looked_at = (_settle(pixels, candidate, models) for candidate in _candidates(pixels, models))
    return next((face for face in looked_at if face is not None), None)


def look(pixels: Pixels, expected: Face, models: Models) -> Face | None:
    """The mean of what is seen of a face that is expected about there; None where no look sees one."""
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


def _settle(pixels: Pixels, candidate: Face, models: Models) -> Face | None:
    face = candidate
    for _ in range(_PASSES):
        seen = look(pixels, face, models)
        if seen is None:
            return None
        turned = abs(seen.angle - face.angle)
        face = seen
        if turned <= _LEVEL:
            break
    return face if face.confidence >= _SURE else None


def _candidates(pixels: Pixels, models: Models) -> list[Face]:
    height, width = pixels.shape[:2]
    scale = min(1.0, _SEARCH_SIDE / max(width, height))
    small = pixels
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    found = models.faces(small)
    return [replace(f, x=f.x / scale, y=f.y / scale, size=f.size / scale) for f in found]


def _nearest(faces: list[Face], expected: Face) -> list[Face]:
    """The face that was looked for, not a neighbour's; empty where none is near."""

    def distance(face: Face) -> float:
        return math.hypot(face.x - expected.x, face.y - expected.y)

    return sorted((face for face in faces if distance(face) < expected.size / 2), key=distance)[:1]


def _in_picture(face: Face, frame: Frame) -> Face:
    x, y = frame.to_picture(face.x, face.y, _LOOK_SIDE)
    size = face.size * frame.side / _LOOK_SIDE
    return replace(face, x=x, y=y, size=size, angle=frame.angle + face.angle)


def _mirrored(face: Face) -> Face:
    return replace(face, x=_LOOK_SIDE - face.x, angle=-face.angle)
