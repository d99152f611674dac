"""Colours arrive as they were meant: in CIE's difference, of which an eye sees about one."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, xyz2lab

from cv.colour import MAX_PROFILE
from cv.decoding import decode
from cv.icc import D50, D65, SRGB_CURVE, adaptation, curve_tag, profile, screen_profile, to_xyz
from tests.unit.cv.hostile import chunk, zeros
from tests.unit.cv.pictures import saved

Values = npt.NDArray[np.float64]

SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
DISPLAY_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
ADOBE_RGB = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
BT_2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
ADOBE_GAMMA = 563 / 256
# Skin, wood, leaves, cloth: inside what sRGB can show, so that nothing is cut off.
MEANT = np.array(
    [
        (230, 190, 165),
        (150, 95, 70),
        (200, 60, 60),
        (90, 140, 70),
        (70, 90, 180),
        (128, 128, 128),
        (240, 220, 60),
    ]
)
INKS = {"paper": (95, 0, -2), "c": (62, -20, -28), "m": (55, 45, 0), "y": (86, -4, 60), "k": (20, 0, 0)}
"""A printer's paper and inks in CIE Lab: duller than what a computer makes of them without the profile."""
CLOSE = 2.5
"""What 8 bits and a codec at its best leave of a difference."""
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {},
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "HEIF": {"quality": 95, "chroma": 444},
}


def linear(values: Values) -> Values:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light: Values) -> Values:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def stored_in(primaries: Sequence[float], encode: Callable[[Values], Values] = encoded) -> Values:
    """Return what a camera with these primaries stores of the colours that are meant, 0 to 255."""
    light = linear(MEANT / 255) @ (np.linalg.inv(to_xyz(primaries)) @ to_xyz(SRGB)).T
    assert light.min() >= 0
    return encode(light) * 255


def lab(rgb: Values) -> Values:
    """CIE Lab under the white of profiles, of sRGB from 0 to 255."""
    x, y = D65
    white = np.array([x / y, 1.0, (1 - x - y) / y])
    xyz = linear(rgb / 255) @ (adaptation(white, np.array(D50)) @ to_xyz(SRGB)).T
    return np.asarray(xyz2lab(xyz, illuminant="D50"))


def patches(values: Values, mode: str = "RGB") -> Image.Image:
    """Squares of 64 pixels, side by side."""
    row = np.repeat(values.round().astype(np.uint8), 64, axis=0)
    return Image.fromarray(np.tile(row, (64, 1, 1)).squeeze(), mode=None if mode != "CMYK" else mode)


def decoded(file: bytes) -> Values:
    """Red, green and blue in the middle of each patch."""
    pixels = decode(file)
    return np.asarray(pixels[32, 32::64, ::-1], float)


def difference(file: bytes, expected: Values) -> Values:
    return np.asarray(deltaE_ciede2000(lab(decoded(file)), expected))


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize(
    ("primaries", "gamma"),
    [(DISPLAY_P3, None), (ADOBE_RGB, ADOBE_GAMMA), (BT_2020, None)],
    ids=["Display P3", "Adobe RGB", "BT.2020"],
)
def test_profile_is_applied(primaries: Sequence[float], gamma: float | None, kind: str) -> None:
    curve = SRGB_CURVE if gamma is None else (gamma,)
    values = stored_in(primaries, encoded if gamma is None else lambda light: light ** (1 / gamma))
    icc = screen_profile(primaries, curve)
    picture, options = patches(values), LOSSLESS[kind]
    shown = difference(saved(picture, kind, **options, icc_profile=icc), lab(MEANT))
    assert shown.max() < CLOSE
    assert shown.mean() < 1
    dull = difference(saved(picture, kind, **options), lab(MEANT))
    assert dull.mean() > 2, "without its profile it looks otherwise"


@pytest.mark.parametrize("kind", LOSSLESS)
def test_picture_without_a_profile_is_srgb(kind: str) -> None:
    assert difference(saved(patches(MEANT), kind, **LOSSLESS[kind]), lab(MEANT)).max() < CLOSE


def test_srgb_profile_changes_nothing() -> None:
    icc = screen_profile(SRGB, SRGB_CURVE)
    assert np.abs(decoded(saved(patches(MEANT), "PNG", icc_profile=icc)) - MEANT).max() <= 1


def test_profile_is_applied_under_transparency() -> None:
    picture = patches(stored_in(DISPLAY_P3))
    picture.putalpha(255)
    file = saved(picture, "PNG", icc_profile=screen_profile(DISPLAY_P3, SRGB_CURVE))
    assert difference(file, lab(MEANT)).max() < CLOSE


def test_large_picture_keeps_its_profile() -> None:
    picture = patches(stored_in(DISPLAY_P3)).resize((len(MEANT) * 1024, 4096), Image.Resampling.NEAREST)
    file = saved(picture, "JPEG", quality=95, icc_profile=screen_profile(DISPLAY_P3, SRGB_CURVE))
    middles = np.asarray(decode(file)[1024, 256::512, ::-1], float)
    assert np.asarray(deltaE_ciede2000(lab(middles), lab(MEANT))).max() < CLOSE


@pytest.mark.parametrize(("primaries", "number"), [(DISPLAY_P3, 12), (BT_2020, 9)])
@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_numbers_in_place_of_a_profile_are_applied(
    kind: str, primaries: Sequence[float], number: int
) -> None:
    file = bytearray(saved(patches(stored_in(primaries)), kind, **LOSSLESS[kind]))
    at = file.index(b"colrnclx") + 8
    file[at : at + 4] = struct.pack(">HH", number, 13)
    assert difference(bytes(file), lab(MEANT)).max() < CLOSE


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("numbers", [(1, 13), (2, 2), (12, 16), (9, 18), (12, 18)])
def test_other_numbers_change_nothing(kind: str, numbers: tuple[int, int]) -> None:
    file = bytearray(saved(patches(MEANT), kind, **LOSSLESS[kind]))
    at = file.index(b"colrnclx") + 8
    file[at : at + 4] = struct.pack(">HH", *numbers)
    assert difference(bytes(file), lab(MEANT)).max() < CLOSE


def printer_profile() -> bytes:
    """Return a profile of CMYK by the colours of its sixteen corners (ICC.1:2022, section 10.10)."""
    paper = np.array(INKS["paper"], float)
    corners = []
    for corner in range(16):
        light = paper.copy()
        for at, ink in enumerate("cmyk"):
            if corner >> (3 - at) & 1:
                light = light + np.array(INKS[ink]) - paper
        lightness, a, b = light
        steps = (max(lightness, 0) * 652.8, (a + 128) * 256, (b + 128) * 256)
        corners.append(np.clip(steps, 0, 65535).round().astype(int))
    identity = struct.pack(">9i", *(65536 * (at % 4 == 0) for at in range(9)))
    ramp = struct.pack(">2H", 0, 65535)
    table = struct.pack(">48H", *np.concatenate(corners))
    lut = struct.pack(">4s4x4B", b"mft2", 4, 3, 2, 0) + identity + struct.pack(">2H", 2, 2)
    return profile(b"CMYK", b"Lab ", {b"A2B0": lut + ramp * 4 + table + ramp * 3})


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_goes_by_its_profile(kind: str) -> None:
    inks = np.array([(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0)])
    picture = patches(inks, "CMYK")
    file = saved(picture, kind, icc_profile=printer_profile(), **LOSSLESS[kind])
    expected = np.array([INKS["paper"], INKS["c"], INKS["m"], INKS["y"]], float)
    # The paper's white becomes the screen's.
    assert np.asarray(deltaE_ciede2000(lab(decoded(file)), expected)).max() < 4
    plain = saved(picture, kind, **LOSSLESS[kind])
    assert np.asarray(deltaE_ciede2000(lab(decoded(plain)), expected)).max() > 15


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_grey_goes_by_its_profile(kind: str) -> None:
    greys = np.array([[20], [90], [128], [200], [250]])
    icc = profile(b"GRAY", b"XYZ ", {b"kTRC": curve_tag((1.0,))})
    file = saved(patches(greys), kind, icc_profile=icc)
    expected = encoded(greys / 255) * 255
    assert np.abs(decoded(file) - expected).max() <= 3


def test_grey_picture_with_a_profile_of_colour_stays_grey() -> None:
    greys = np.array([[20], [90], [200]])
    file = saved(patches(greys), "PNG", icc_profile=screen_profile(DISPLAY_P3, SRGB_CURVE))
    assert np.abs(decoded(file) - greys).max() <= 2


BROKEN: dict[str, bytes] = {
    "rubbish": b"rubbish" * 100,
    "zeros": bytes(5000),
    "cut short": screen_profile(DISPLAY_P3, SRGB_CURVE)[:200],
    "of nothing": profile(b"RGB ", b"XYZ ", {}),
    "of another kind": printer_profile(),
    "of grey": profile(b"GRAY", b"XYZ ", {b"kTRC": curve_tag((1.0,))}),
    "huge": screen_profile(DISPLAY_P3, SRGB_CURVE).ljust(MAX_PROFILE + 1, b"\0"),
}


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("name", BROKEN)
def test_profile_that_cannot_be_applied_is_ignored(name: str, kind: str) -> None:
    file = saved(patches(MEANT), kind, **LOSSLESS[kind], icc_profile=BROKEN[name])
    assert difference(file, lab(MEANT)).max() < CLOSE


@pytest.mark.parametrize(
    "content", [b"", b"x", b"x\0\0", b"x\0\0" + b"no", b"x" * 100, b"x\0\0" + zeros(1 << 22)]
)
def test_chunk_that_is_no_profile_is_ignored(content: bytes) -> None:
    file = saved(patches(MEANT), "PNG")
    assert np.array_equal(decoded(file[:33] + chunk(b"iCCP", content) + file[33:]), MEANT)
