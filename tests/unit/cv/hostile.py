"""Files made to do harm, or by mistake: what each is, and the reason that it must be refused with."""

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from cv.errors import Reason
from tests.unit.cv.pictures import admiral, picture_file, saved

PNG = b"\x89PNG\r\n\x1a\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_claiming(width: int, height: int, pixels: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """A PNG whose header says so, with these compressed pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zero bytes, compressed a thousandfold."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count & (1 << 20) - 1)), packer.flush()])


def large_png(depth: int, colour: int, channels: int) -> bytes:
    """The largest picture within the limits: 40 megapixels of nothing."""
    width, height = 8000, 5000
    return png_claiming(width, height, zeros((width * channels * depth // 8 + 1) * height), depth, colour)


def large_file(kind: str, **options: object) -> bytes:
    """The largest picture within the limits, in Pillow's format of that name."""
    return saved(Image.new("RGB", (8000, 5000), (90, 120, 200)), kind, **options)


def crowd(across: int, down: int) -> bytes:
    """A JPEG of one person, so many times beside and above each other."""
    person = cv2.resize(admiral().pixels, (256, 300), interpolation=cv2.INTER_AREA)
    return picture_file(np.tile(person, (down, across, 1)), "JPEG", quality=60)


def jpeg_with_scans(scans: int, pixels: np.ndarray | None = None) -> bytes:
    """A progressive JPEG whose last scan is there so many times."""
    picture = admiral().pixels if pixels is None else pixels
    file = picture_file(picture, "JPEG", progressive=True)
    last = file.rindex(b"\xff\xda")
    return file[:last] + file[last:-2] * scans + file[-2:]


def jpeg_frame(width: int, height: int, marker: int = 0xC0, precision: int = 8) -> bytes:
    """A JPEG of nothing but a frame header and an empty scan."""
    frame = struct.pack(">BHHB", precision, height, width, 1) + b"\x01\x11\x00"
    head = b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame
    return head + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\xff\xd9"


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A RIFF file of these chunks."""
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def lossless_claiming(width: int, height: int) -> bytes:
    """A WebP whose bitstream says so."""
    return webp((b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(20)))


def compressed_profile() -> bytes:
    """A PNG whose colour profile unpacks to a gigabyte."""
    file = picture_file(admiral().pixels)
    return file[:33] + chunk(b"iCCP", b"x\0\0" + zeros(1 << 30)) + file[33:]


def many_chunks() -> bytes:
    """A PNG of a hundred thousand texts."""
    file = picture_file(admiral().pixels[:200, :200])
    return file[:33] + chunk(b"tEXt", b"a\0b") * 100_000 + file[33:]


def animation(frames: int) -> bytes:
    """An animated WebP."""
    steps = [Image.new("RGB", (1000, 1000), (step, 0, 0)) for step in range(frames)]
    return saved(steps[0], "WEBP", save_all=True, append_images=steps[1:], duration=10)


REFUSED: dict[str, tuple[Callable[[], bytes], Reason]] = {
    "nothing": (lambda: b"", "not_an_image"),
    "zeros": (lambda: bytes(10_000), "not_an_image"),
    "text": (lambda: b"hello, world" * 100, "not_an_image"),
    "html": (lambda: b"<!doctype html><script>alert(1)</script>", "not_an_image"),
    "zip": (lambda: b"PK\x03\x04" + bytes(1000), "not_an_image"),
    "pdf": (lambda: b"%PDF-1.7\n" + bytes(1000), "not_an_image"),
    "svg with a script": (lambda: SVG, "unsupported_type"),
    "svg behind a declaration": (lambda: b'<?xml version="1.0"?>\n' + SVG, "unsupported_type"),
    "svg before a picture": (lambda: SVG + picture_file(admiral().pixels), "unsupported_type"),
    "gif": (lambda: saved(Image.new("RGB", (99, 99)), "GIF"), "unsupported_type"),
    "bmp": (lambda: saved(Image.new("RGB", (99, 99)), "BMP"), "unsupported_type"),
    "tiff": (lambda: saved(Image.new("RGB", (99, 99)), "TIFF"), "unsupported_type"),
    "avif": (lambda: saved(Image.new("RGB", (99, 99)), "AVIF"), "unsupported_type"),
    "riff of sound": (lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "not_an_image"),
    "1x1 png": (lambda: saved(Image.new("RGB", (1, 1)), "PNG"), "too_small"),
    "1x1 jpeg": (lambda: saved(Image.new("RGB", (1, 1)), "JPEG"), "too_small"),
    "1x1 webp": (lambda: saved(Image.new("RGB", (1, 1)), "WEBP"), "too_small"),
    "30000x1 png": (lambda: saved(Image.new("RGB", (30_000, 1)), "PNG"), "too_large"),
    "30000x1 jpeg": (lambda: saved(Image.new("RGB", (30_000, 1)), "JPEG"), "too_large"),
    "16000x1 webp": (lambda: saved(Image.new("RGB", (16_000, 1)), "WEBP"), "too_large"),
    "png bomb": (lambda: png_claiming(60_000, 60_000, zeros(1 << 28)), "too_large"),
    "jpeg bomb": (lambda: jpeg_frame(65_500, 65_500), "too_large"),
    "webp bomb": (lambda: lossless_claiming(16_384, 16_384), "too_large"),
    "png without pixels": (lambda: png_claiming(500, 500), "truncated"),
    "png of no size": (lambda: png_claiming(0, 0), "too_small"),
    "png without a header": (lambda: PNG + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "truncated"),
    "png of an unknown depth": (lambda: png_claiming(99, 99, zeros(30_000), depth=7), "truncated"),
    "png with a wrong checksum": (
        lambda: picture_file(admiral().pixels)[:-20] + bytes(8) + chunk(b"IEND", b""),
        "truncated",
    ),
    "jpeg without a frame": (lambda: b"\xff\xd8\xff\xd9", "truncated"),
    "jpeg without a scan": (lambda: jpeg_frame(99, 99)[:17] + b"\xff\xd9", "truncated"),
    "jpeg of fill bytes": (lambda: b"\xff\xd8" + b"\xff" * 1_000_000, "truncated"),
    "jpeg of a million comments": (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 1_200_000, "truncated"),
    "jpeg whose scan is fill bytes": (lambda: jpeg_frame(99, 99)[:-2] + b"\xff" * 4_000_000, "truncated"),
    "jpeg of no height": (lambda: jpeg_frame(99, 0), "unsupported_type"),
    "lossless jpeg": (lambda: jpeg_frame(99, 99, marker=0xC3), "unsupported_type"),
    "arithmetic jpeg": (lambda: jpeg_frame(99, 99, marker=0xC9), "unsupported_type"),
    "12-bit jpeg": (lambda: jpeg_frame(99, 99, marker=0xC1, precision=12), "unsupported_type"),
    "jpeg of 200 scans": (lambda: jpeg_with_scans(200), "unsupported_type"),
    "webp without a frame": (lambda: webp((b"VP8X", bytes(10))), "truncated"),
    "webp of rubbish": (lambda: webp((b"VP8 ", bytes(100))), "truncated"),
    "lossless webp of rubbish": (lambda: lossless_claiming(500, 500), "truncated"),
    "animated webp without a frame": (lambda: webp((b"VP8X", bytes(10)), (b"ANMF", bytes(16))), "truncated"),
    "jpeg of 6 MB": (lambda: picture_file(admiral().pixels, "JPEG") + bytes(6 << 20), "too_large"),
}  # fmt: skip

# Within the limits: these must be dealt with, whatever the outcome, in little time and memory.
HEAVY: dict[str, Callable[[], bytes]] = {
    "png of 40 megapixels": lambda: large_png(8, 2, 3),
    "png of 40 megapixels with alpha": lambda: large_png(8, 6, 4),
    "png of 40 megapixels with alpha and 16 bits": lambda: large_png(16, 6, 4),
    "grey png of 40 megapixels": lambda: large_png(16, 4, 2),
    "jpeg of 40 megapixels": lambda: large_file("JPEG"),
    "progressive jpeg of 40 megapixels": lambda: large_file("JPEG", progressive=True, subsampling=0),
    "turned jpeg of 40 megapixels": lambda: picture_file(np.zeros((5000, 8000, 3), np.uint8), "JPEG", 5),
    "jpeg of 40 megapixels and 60 scans": lambda: jpeg_with_scans(50, np.zeros((5000, 8000, 3), np.uint8)),
    "lossless webp of 40 megapixels": lambda: large_file("WEBP", lossless=True),
    "long picture": lambda: saved(Image.new("RGB", (12_000, 64)), "PNG"),
    "tall picture": lambda: saved(Image.new("RGB", (64, 12_000)), "JPEG"),
    "crowd": lambda: crowd(30, 16),
    "long row of people": lambda: crowd(46, 1),
    "profile that unpacks to a gigabyte": compressed_profile,
    "hundred thousand chunks": many_chunks,
    "picture and archive in one": lambda: picture_file(admiral().pixels, "JPEG") + b"PK\x03\x04" + bytes(99),
    "picture and page in one": lambda: picture_file(admiral().pixels, comment=SVG),
    "animation of 100 frames": lambda: animation(100),
    "noise of 4 MB": lambda: saved(
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (1150, 1150, 3), np.uint8)), "PNG"
    ),
}
