"""PNG (W3C, third edition): the chunks that pixels need. Further frames of an animation are left out."""

import struct
import zlib
from collections.abc import Iterator

from cv.errors import PictureError
from cv.formats.kinds import MAGIC_PNG

MAX_PROFILE = 1 << 20
"""Bytes of a colour profile, unpacked: Pillow reads no longer one."""
_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"iCCP"}
_HEADER_BYTES = 13
_NAME_BYTES = 79


def read(picture: bytes) -> bytes:
    """Return the file with nothing left but pixels, orientation and colour profile, and with an end.

    Raises PictureError `truncated` for a file without a proper first chunk, or without pixels.
    """
    names: set[bytes] = set()
    kept = [MAGIC_PNG]
    for name, content, whole in _chunks(picture):
        if not names and (name != b"IHDR" or len(content) != _HEADER_BYTES):
            raise PictureError("truncated")
        if name in _NEEDED and (name != b"iCCP" or _is_readable(content)):
            kept.append(whole)
        names.add(name)
    if b"IDAT" not in names:
        raise PictureError("truncated")
    return b"".join([*kept, _chunk(b"IEND", b"")])


def _is_readable(profile: bytes) -> bool:
    """Return whether a profile's chunk (name, zero, method, data) can be unpacked to at most MAX_PROFILE."""
    start = profile.find(b"\0", 0, _NAME_BYTES + 1) + 2
    unpacker = zlib.decompressobj()
    try:
        return start >= 2 and len(unpacker.decompress(profile[start:], MAX_PROFILE + 1)) <= MAX_PROFILE
    except zlib.error:
        return False


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield each chunk's name, content and bytes, up to `IEND`. Pixels that are cut off get a whole chunk."""
    at = len(MAGIC_PNG)
    while at + 8 <= len(picture):
        length, name = struct.unpack_from(">I4s", picture, at)
        end = at + 12 + length
        if name == b"IEND":
            return
        if end > len(picture):
            if name == b"IDAT":
                content = picture[at + 8 : end - 4]
                yield name, content, _chunk(name, content)
            return
        yield name, picture[at + 8 : end - 4], picture[at:end]
        at = end


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
