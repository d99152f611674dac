"""The one EXIF field that matters here: which way is up (Exif 2.32, section 4.6.4, tag 274)."""

import struct

PREFIX = b"Exif\0\0"
UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12


def orientation(exif: bytes) -> int:
    """1 to 8, from a TIFF block with or without the `Exif` prefix; 1 where it has none or cannot be read."""
    tiff = exif.removeprefix(PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        return _first_directory(tiff, order)
    except struct.error:
        return UPRIGHT


def _first_directory(tiff: bytes, order: str) -> int:
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, start)
    for entry in range(entries):
        at = start + 2 + entry * _ENTRY_BYTES
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, at)
        if tag == _ORIENTATION_TAG:
            return int(value) if (kind, count) == (_SHORT, 1) and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT
