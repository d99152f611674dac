"""From the colours that a picture was stored in to sRGB, which is what boards and browsers show.

A camera of today stores Display P3, a photographer's program Adobe RGB, a printer's CMYK. What says so is an
ICC profile, or in HEIC and AVIF a few numbers (nclx, ITU-T H.273).
"""

import struct
from io import BytesIO

from PIL import Image, ImageCms

from cv.icc import SRGB_CURVE, screen_profile

MAX_PROFILE = 4 << 20
"""Bytes of a profile: a printer's has up to three million."""
_SRGB = ImageCms.createProfile("sRGB")
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY"}
"""The profile's name for each of Pillow's modes that a profile can be of."""
_PRIMARIES: dict[int, tuple[float, ...]] = {
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""H.273's numbers of BT.2020 and Display P3: x and y of red, green and blue, with white D65."""
_BRIGHT_TRANSFERS = {16, 18}
"""H.273's numbers of PQ and HLG, which go beyond what a screen's white is."""
_NCLX = b"colrnclx"


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB, mode RGB or RGBA.

    A profile that cannot be read, or is of another kind of colour than the picture, counts as none.
    """
    if picture.mode in {"LA", "RGBA"}:
        colour = to_srgb(picture.convert(picture.mode[:-1]), profile)
        colour.putalpha(picture.getchannel("A"))
        return colour
    converted = _converted(picture, profile) if profile and len(profile) <= MAX_PROFILE else None
    return picture.convert("RGB") if converted is None else converted


def nclx_profile(nclx: tuple[int, int] | None) -> bytes | None:
    """Return the ICC profile of H.273's primaries and transfer; None for sRGB and unsupported ones."""
    if nclx is None or nclx[0] not in _PRIMARIES or nclx[1] in _BRIGHT_TRANSFERS:
        return None
    return screen_profile(_PRIMARIES[nclx[0]], SRGB_CURVE)


def find_nclx(picture: bytes) -> tuple[int, int] | None:
    """Return H.273's primaries and transfer of an AVIF file (ISO/IEC 14496-12, section 12.1.5), or None."""
    at = picture.find(_NCLX) + len(_NCLX)
    if at < len(_NCLX) or at + 4 > len(picture):
        return None
    primaries, transfer = struct.unpack_from(">HH", picture, at)
    return primaries, transfer


def _converted(picture: Image.Image, profile: bytes) -> Image.Image | None:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space
        if picture.mode == "L" and space == "RGB ":
            picture = picture.convert("RGB")
        if space != _SPACES.get(picture.mode):
            return None
        return ImageCms.profileToProfile(
            picture,
            source,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=_FLAGS,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
