import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.formats.exif import PREFIX, UPRIGHT, orientation


def tiff(value: int, *, order: str = "<", tag: int = 0x0112, kind: int = 3, count: int = 1) -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    width = struct.pack(f"{order}HHIHH", 0x0100, 3, 1, 640, 0)
    entry = struct.pack(f"{order}HHIHH", tag, kind, count, value, 0)
    return head + struct.pack(f"{order}IH", 8, 2) + width + entry + bytes(4)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("prefix", [b"", PREFIX])
@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_read_in_both_byte_orders(value: int, order: str, prefix: bytes) -> None:
    assert orientation(prefix + tiff(value, order=order)) == value


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        PREFIX,
        b"JUNK" + tiff(6)[4:],
        tiff(0),
        tiff(9),
        tiff(6, kind=4),
        tiff(6, count=2),
        tiff(6, tag=0x0113),
        tiff(6)[:20],
        b"II*\0" + struct.pack("<I", 0xFFFFFFFF),
    ],
)
def test_unreadable_orientation_is_upright(exif: bytes) -> None:
    assert orientation(exif) == UPRIGHT


@given(st.binary(max_size=200))
def test_any_bytes_give_an_orientation(content: bytes) -> None:
    for order in (b"", b"II*\0", b"MM\0*"):
        assert 1 <= orientation(PREFIX + order + content) <= 8
