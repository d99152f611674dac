"""JPEG (ITU-T T.81): the segments that pixels need, and whether its scans are all there."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cv.errors import PictureError

MAX_SCANS = 64
"""Scans of a progressive picture: encoders write about ten. A scan of a few bytes makes the decoder pass over
every block again, so that thousands of them would keep it busy for minutes."""
MAX_SEGMENTS = 10_000
"""Segments: a picture of 20 MB has a few hundred, of at most 64 KB each."""

_START, _END = b"\xff\xd8", b"\xff\xd9"
_DHT, _DQT, _DRI = 0xC4, 0xDB, 0xDD
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_EOI, _SOS = 0xD9, 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {_DHT, 0xC8, 0xCC}
_PROGRESSIVE = 0xC2
_DECODABLE_FRAMES = {0xC0, 0xC1, _PROGRESSIVE}
_NEEDED = {_DHT, _DQT, _DRI, _APP0, _APP14, _SOS, *_FRAMES}
_METADATA = {_APP1: b"Exif\0\0", _APP2: b"ICC_PROFILE\0"}
_MARKER = re.compile(rb"\xff++[^\xff]", re.DOTALL)
_MARKER_IN_SCAN = re.compile(rb"\xff[^\xff\x00\xd0-\xd7]", re.DOTALL)
_COEFFICIENTS = {*range(64)}
_AHEAD = 9
"""More bytes than a decoder reads ahead."""


@dataclass(frozen=True)
class Essence:
    """`file` is the picture with nothing left but pixels, orientation and colour profile, and with an end.

    Where `in_bands` is true (baseline, one scan), the bytes hold one band of rows after the other; otherwise
    each scan adds to the whole picture.
    """

    file: bytes
    in_bands: bool

    @property
    def without_end(self) -> bytes:
        """The file without its end marker: a decoder stops where the rows do.

        Zeros follow, for the decoder reads ahead. Without them it would not decode the last blocks.
        """
        return self.file.removesuffix(_END) + bytes(_AHEAD)


@dataclass(frozen=True)
class _Scan:
    """`first` and `last` are coefficients, 0 to 63; `left` the bits that are left to later scans."""

    components: frozenset[int]
    first: int
    last: int
    left: int


def read(picture: bytes) -> Essence:
    """Return the essence of a baseline or progressive JPEG.

    Raises PictureError: `truncated` where a colour has no scan, or a progressive one ends before all of it
    has been seen once, if coarsely; `unsupported_type` for lossless, arithmetic and 12-bit ones.
    """
    frame: int | None = None
    components = b""
    scans: list[_Scan] = []
    kept = [_START]
    for marker, content, whole in _segments(picture):
        if marker in _FRAMES:
            if frame is not None:  # hierarchical
                raise PictureError("unsupported_type")
            frame, components = marker, _components(marker, content)
        elif marker == _SOS:
            scans.append(_scan(content))
        if len(scans) > MAX_SCANS:
            raise PictureError("unsupported_type")
        if marker in _NEEDED or (marker in _METADATA and content.startswith(_METADATA[marker])):
            kept.append(whole)
    if frame is None or not {*components} <= frozenset().union(*(scan.components for scan in scans)):
        raise PictureError("truncated")
    if frame == _PROGRESSIVE and not _shows_all_once(scans, components[0]):
        raise PictureError("truncated")
    return Essence(b"".join([*kept, _END]), in_bands=frame != _PROGRESSIVE and len(scans) == 1)


def _components(marker: int, content: bytes) -> bytes:
    """Return the numbers of the frame's components, brightness first (T.81, section B.2.2)."""
    if len(content) < 9:
        raise PictureError("truncated")
    precision, height, _ = struct.unpack_from(">BHH", content)
    if marker not in _DECODABLE_FRAMES or precision != 8 or not height:
        raise PictureError("unsupported_type")
    return content[6::3]


def _scan(content: bytes) -> _Scan:
    """Read a scan's header: T.81, section B.2.3."""
    count = content[0] if content else 0
    if len(content) < 4 + 2 * count:
        raise PictureError("truncated")
    first, last, bits = content[1 + 2 * count : 4 + 2 * count]
    return _Scan(frozenset(content[1 : 1 + 2 * count : 2]), first, last, bits & 15)


def _shows_all_once(scans: list[_Scan], luma: int) -> bool:
    """Return whether the scans hold every coefficient of the brightness (`luma`), if coarsely.

    A last scan that leaves bits to later scans does not count: these never came, and it may be cut off
    itself.
    """
    whole = scans if not scans[-1].left else scans[:-1]
    named = {at for scan in whole if luma in scan.components for at in range(scan.first, scan.last + 1)}
    return named >= _COEFFICIENTS


def _segments(picture: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield each segment's marker, content and bytes, to the end or the first damage.

    The bytes of a scan's header include the scan's data.
    """
    at = len(_START)
    for _ in range(MAX_SEGMENTS):
        start = _MARKER.match(picture, at)
        if start is None or picture[start.end() - 1] == _EOI:
            return
        at = start.end() - 1
        marker = picture[at]
        length = int.from_bytes(picture[at + 1 : at + 3])
        end = at + 1 + length
        if length < 2 or end > len(picture):
            return
        content = picture[at + 3 : end]
        if marker == _SOS:
            found = _MARKER_IN_SCAN.search(picture, end)
            end = len(picture) if found is None else found.start()
        yield marker, content, b"\xff" + picture[at:end]
        at = end
    raise PictureError("truncated")
