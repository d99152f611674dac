"""WebP (RFC 9649): a RIFF file; of an animated one, the first frame."""

import struct
from collections.abc import Iterator

from cv.errors import PictureError
from cv.formats import exif
from cv.formats.header import Header

_ALPHA_FLAG = 0x10
_FRAME_HEADER_BYTES = 16


def is_webp(picture: bytes) -> bool:
    """Whether the magic bytes are WebP's."""
    return picture[:4] == b"RIFF" and picture[8:12] == b"WEBP"


def read(picture: bytes) -> Header:
    """The header of a WebP.

    Raises PictureError `truncated` where a chunk, the frame or the file's stated size is not all there.
    """
    (size,) = struct.unpack_from("<I", picture, 4)
    if size + 8 > len(picture):
        raise PictureError("truncated")
    orientation = exif.UPRIGHT
    frame: dict[bytes, bytes] = {}
    for name, content in _chunks(picture[12 : size + 8]):
        if name == b"EXIF":
            orientation = exif.orientation(content)
        elif name == b"ANMF" and not frame:
            frame.update(_chunks(content[_FRAME_HEADER_BYTES:]))
        elif name in {b"ALPH", b"VP8 ", b"VP8L"}:
            frame.setdefault(name, content)
    return _still(frame, orientation)


def _still(frame: dict[bytes, bytes], orientation: int) -> Header:
    if b"VP8L" in frame:
        width, height, alpha = _lossless_size(frame[b"VP8L"])
        return Header(width, height, orientation, alpha, _riff(_chunk(b"VP8L", frame[b"VP8L"])))
    if b"VP8 " not in frame:
        raise PictureError("truncated")
    width, height = _lossy_size(frame[b"VP8 "])
    chunks = _chunk(b"VP8 ", frame[b"VP8 "])
    if b"ALPH" in frame:
        canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        extended = _chunk(b"VP8X", bytes([_ALPHA_FLAG, 0, 0, 0]) + canvas)
        chunks = extended + _chunk(b"ALPH", frame[b"ALPH"]) + chunks
    return Header(width, height, orientation, b"ALPH" in frame, _riff(chunks))


def _lossy_size(stream: bytes) -> tuple[int, int]:
    """RFC 6386, section 9.1: frame tag, start code, then 14 bits each."""
    if len(stream) < 10 or stream[3:6] != b"\x9d\x01\x2a":
        raise PictureError("truncated")
    width, height = struct.unpack_from("<HH", stream, 6)
    if not width & 0x3FFF or not height & 0x3FFF:
        raise PictureError("truncated")
    return width & 0x3FFF, height & 0x3FFF


def _lossless_size(stream: bytes) -> tuple[int, int, bool]:
    """RFC 9649, section 3.4: signature, then 14 bits each, then whether alpha is used."""
    if len(stream) < 5 or stream[0] != 0x2F:
        raise PictureError("truncated")
    (bits,) = struct.unpack_from("<I", stream, 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        if at + 8 + length > len(content):
            raise PictureError("truncated")
        yield name, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


def _riff(chunks: bytes) -> bytes:
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks
