"""Files made to do harm, or by mistake: what each is, and the reason that it must be refused with."""

import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image

from cv.errors import Reason
from game.pictures import MAX_BYTES
from tests.unit.cv.pictures import ORIENTATION_TAG, admiral, picture_file, saved

LARGEST_SIDES = (9248, 6936)
"""Pixels of the largest picture that a phone makes: 64 megapixels."""

FAST: dict[str, dict[str, Any]] = {
    "HEIF": {"quality": 40, "enc_params": {"preset": "ultrafast"}},
    "AVIF": {"speed": 10},
}
"""How the two kinds are written that take a minute otherwise."""
PNG = b"\x89PNG\r\n\x1a\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_claiming(width: int, height: int, pixels: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """Return a PNG whose header says so, with these compressed pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """Return `count` zero bytes, compressed a thousandfold: a mebibyte of them, as often as it takes."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    mebibyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(count & (1 << 20) - 1)) + packer.flush()
    # The header and the checksum (Adler-32) of RFC 1950.
    checksum = struct.pack(">HH", count % 65_521, 1)
    return b"\x78\x9c" + mebibyte * (count >> 20) + rest + checksum


def large_png(depth: int, colour: int, channels: int) -> bytes:
    """Return the largest picture within the limits: 64 megapixels of nothing."""
    width, height = LARGEST_SIDES
    return png_claiming(width, height, zeros((width * channels * depth // 8 + 1) * height), depth, colour)


def large_file(kind: str, **options: object) -> bytes:
    """Return the largest picture within the limits, in Pillow's format of that name."""
    return saved(Image.new("RGB", LARGEST_SIDES, (90, 120, 200)), kind, **options)


def large_picture(kind: str, **options: object) -> bytes:
    """Return the same with a motif, and as transparent as the motif is bright: the dearest there is."""
    motif = Image.fromarray(admiral().pixels[..., ::-1]).resize(LARGEST_SIDES, Image.Resampling.BICUBIC)
    motif.putalpha(motif.convert("L"))
    return saved(motif, kind, **options)


def crowd(across: int, down: int) -> bytes:
    """Return a JPEG of one person, repeated `across` times by `down` times."""
    person = cv2.resize(admiral().pixels, (256, 300), interpolation=cv2.INTER_AREA)
    return picture_file(np.tile(person, (down, across, 1)), "JPEG", quality=60)


def jpeg_with_scans(scans: int, pixels: np.ndarray | None = None) -> bytes:
    """Return a progressive JPEG whose last scan is there `scans` times."""
    picture = admiral().pixels if pixels is None else pixels
    file = picture_file(picture, "JPEG", progressive=True)
    last = file.rindex(b"\xff\xda")
    return file[:last] + file[last:-2] * scans + file[-2:]


def jpeg_frame(width: int, height: int, marker: int = 0xC0, precision: int = 8) -> bytes:
    """Return a JPEG of nothing but a frame header and an empty scan."""
    frame = struct.pack(">BHHB", precision, height, width, 1) + b"\x01\x11\x00"
    head = b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame
    return head + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\xff\xd9"


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a RIFF file of these chunks."""
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def lossless_claiming(width: int, height: int) -> bytes:
    """Return a WebP whose bitstream says so."""
    return webp((b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(20)))


def compressed_profile() -> bytes:
    """Return a PNG whose colour profile unpacks to a gigabyte."""
    file = picture_file(admiral().pixels)
    return file[:33] + chunk(b"iCCP", b"x\0\0" + zeros(1 << 30)) + file[33:]


def many_chunks() -> bytes:
    """Return a PNG of a million texts."""
    file = picture_file(admiral().pixels[:200, :200])
    return file[:33] + chunk(b"tEXt", b"a\0b") * 1_000_000 + file[33:]


def animation(frames: int, kind: str = "WEBP") -> bytes:
    """Return an animation of Pillow's format of that name."""
    # Pillow looks for the best 256 colours of each frame of a GIF in colour.
    mode = "L" if kind == "GIF" else "RGB"
    steps = [Image.new(mode, (1000, 1000), step) for step in range(frames)]
    options = FAST.get(kind, {})
    return saved(steps[0], kind, save_all=True, append_images=steps[1:], duration=10, **options)


def gif(width: int, height: int, blocks: bytes = b"") -> bytes:
    """Return a GIF of this size whose first frame is one pixel, with these extensions before it."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + blocks + frame + b"\x3b"


def gif_comments() -> bytes:
    """Return a GIF with as many comments of one letter as an upload can hold."""
    return gif(500, 500, b"\x21\xfe" + b"\x01a" * ((MAX_BYTES - 1000) // 2) + b"\0")


def tiff_directory(entries: list[tuple[int, int, int, int]], body: bytes = b"") -> bytes:
    """Return a TIFF of one directory (tag, type, count, value or place), with bytes behind it."""
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + body


def tiff_claiming(width: int, height: int, strip_bytes: int = 0xFFFFFFF0) -> bytes:
    """Return a TIFF that claims this size, in one strip behind the directory."""
    fields = {
        256: width,
        257: height,
        258: 8,
        259: 1,
        262: 1,
        273: 200,
        277: 1,
        278: height,
        279: strip_bytes,
    }
    return tiff_directory([(tag, 4, 1, value) for tag, value in fields.items()], bytes(400))


def tiff_of_tags() -> bytes:
    """Return a TIFF of sixty thousand fields, each of which is the rest of the file."""
    count = 60_000
    rest = MAX_BYTES - 12 * count - 1000
    return tiff_directory([(1000 + tag, 1, rest, 12 * count + 14) for tag in range(count)], bytes(rest))


def exif_of_tags(kind: str) -> bytes:
    """Return a picture whose EXIF is such a TIFF, as far as the kind has room."""
    count = 5000
    exif = tiff_directory([(1000 + tag, 1, 4000, 12 * count + 14) for tag in range(count)], bytes(4000))
    with warnings.catch_warnings():
        # Pillow reads them when it writes, too, and says that they are too much.
        warnings.simplefilter("ignore")
        return saved(Image.new("RGB", (99, 99)), kind, exif=b"Exif\0\0" + exif)


def box_lying(kind: str, width: int, height: int) -> bytes:
    """Return a HEIC or AVIF of 16 megapixels whose `ispe` box says that it has this size."""
    file = bytearray(saved(Image.new("RGB", (4096, 4096), (90, 120, 200)), kind, **FAST[kind]))
    at = file.index(b"ispe") + 8
    file[at : at + 8] = struct.pack(">II", width, height)
    return bytes(file)


def cut(file: bytes, share: float) -> bytes:
    """Return the first part of a file, from 0 to 1."""
    return file[: int(len(file) * share)]


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
    "icon": (lambda: saved(Image.new("RGB", (99, 99)), "ICO"), "unsupported_type"),
    "jpeg 2000": (lambda: saved(Image.new("RGB", (99, 99)), "JPEG2000"), "unsupported_type"),
    "film": (lambda: struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + bytes(1000), "not_an_image"),
    "riff of sound": (lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "not_an_image"),
    "1x1 png": (lambda: saved(Image.new("RGB", (1, 1)), "PNG"), "too_small"),
    "1x1 jpeg": (lambda: saved(Image.new("RGB", (1, 1)), "JPEG"), "too_small"),
    "1x1 webp": (lambda: saved(Image.new("RGB", (1, 1)), "WEBP"), "too_small"),
    "30000x1 png": (lambda: saved(Image.new("RGB", (30_000, 1)), "PNG"), "too_large"),
    "30000x1 jpeg": (lambda: saved(Image.new("RGB", (30_000, 1)), "JPEG"), "too_large"),
    "16000x1 webp": (lambda: saved(Image.new("RGB", (16_000, 1)), "WEBP"), "too_small"),
    "30000x1 gif": (lambda: gif(30_000, 1), "too_large"),
    "gif bomb": (lambda: gif(65_000, 65_000), "too_large"),
    "gif of too many pixels": (lambda: gif(16_000, 16_000), "too_large"),
    "tiff bomb": (lambda: tiff_claiming(60_000, 60_000), "too_large"),
    "heic bomb": (lambda: box_lying("HEIF", 16_384, 16_384), "too_large"),
    "avif bomb": (lambda: box_lying("AVIF", 16_384, 16_384), "too_large"),
    "tiff without pixels": (lambda: tiff_claiming(8000, 8000), "truncated"),
    "tiff of a small strip": (lambda: tiff_claiming(500, 500, 100), "truncated"),
    "tiff of fields": (tiff_of_tags, "truncated"),
    "tiff of floats": (lambda: saved(Image.new("F", (99, 99)), "TIFF"), "unsupported_type"),
    "tiff without a directory": (lambda: b"II*\0\xff\xff\xff\xff" + bytes(99), "truncated"),
    "gif without a frame": (lambda: gif(500, 500)[:19] + b"\x3b", "truncated"),
    "heic of nothing": (lambda: b"\0\0\0\x10ftypheic\0\0\0\0" + bytes(999), "truncated"),
    "avif of nothing": (lambda: b"\0\0\0\x10ftypavif\0\0\0\0" + bytes(999), "truncated"),
    "half a heic": (lambda: cut(picture_file(admiral().pixels, "HEIF"), 0.5), "truncated"),
    "half an avif": (lambda: cut(picture_file(admiral().pixels, "AVIF"), 0.5), "truncated"),
    "half a gif": (lambda: cut(picture_file(admiral().pixels, "GIF"), 0.5), "truncated"),
    "half a bmp": (lambda: cut(picture_file(admiral().pixels, "BMP"), 0.5), "truncated"),
    "half a tiff": (lambda: cut(picture_file(admiral().pixels, "TIFF"), 0.5), "truncated"),
    "half a compressed tiff": (
        lambda: cut(picture_file(admiral().pixels, "TIFF", compression="tiff_deflate"), 0.5),
        "truncated",
    ),
    "png bomb": (lambda: png_claiming(60_000, 60_000, zeros(1 << 28)), "too_large"),
    "jpeg bomb": (lambda: jpeg_frame(65_500, 65_500), "too_large"),
    "webp bomb": (lambda: lossless_claiming(16_384, 16_384), "too_large"),
    "png without pixels": (lambda: png_claiming(500, 500), "truncated"),
    "png of no size": (lambda: png_claiming(0, 0), "truncated"),
    "png without a header": (lambda: PNG + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "truncated"),
    "png of an unknown depth": (lambda: png_claiming(99, 99, zeros(30_000), depth=7), "truncated"),
    "jpeg without a frame": (lambda: b"\xff\xd8\xff\xd9", "truncated"),
    "jpeg without a scan": (lambda: jpeg_frame(99, 99)[:17] + b"\xff\xd9", "truncated"),
    "jpeg of fill bytes": (lambda: b"\xff\xd8" + b"\xff" * 1_000_000, "truncated"),
    "jpeg of millions of comments": (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 5_000_000, "truncated"),
    "jpeg whose scan is fill bytes": (lambda: jpeg_frame(99, 99)[:-2] + b"\xff" * 20_000_000, "truncated"),
    "jpeg of no height": (lambda: jpeg_frame(99, 0), "unsupported_type"),
    "lossless jpeg": (lambda: jpeg_frame(99, 99, marker=0xC3), "unsupported_type"),
    "arithmetic jpeg": (lambda: jpeg_frame(99, 99, marker=0xC9), "unsupported_type"),
    "12-bit jpeg": (lambda: jpeg_frame(99, 99, marker=0xC1, precision=12), "unsupported_type"),
    "jpeg of 200 scans": (lambda: jpeg_with_scans(200), "unsupported_type"),
    "webp without a frame": (lambda: webp((b"VP8X", bytes(10))), "truncated"),
    "webp of rubbish": (lambda: webp((b"VP8 ", bytes(100))), "truncated"),
    "lossless webp of rubbish": (lambda: lossless_claiming(500, 500), "truncated"),
    "animated webp without a frame": (lambda: webp((b"VP8X", bytes(10)), (b"ANMF", bytes(16))), "truncated"),
    "jpeg of 21 MB": (lambda: picture_file(admiral().pixels, "JPEG") + bytes(21 << 20), "too_large"),
}  # fmt: skip

# Within the limits: these must be dealt with, whatever the outcome, in little time and memory.
HEAVY: dict[str, Callable[[], bytes]] = {
    "png of 64 megapixels": lambda: large_png(8, 2, 3),
    "png of 64 megapixels with alpha": lambda: large_png(8, 6, 4),
    "png of 64 megapixels with alpha and 16 bits": lambda: large_png(16, 6, 4),
    "grey png of 64 megapixels": lambda: large_png(16, 4, 2),
    "jpeg of 64 megapixels": lambda: large_file("JPEG"),
    "progressive jpeg of 64 megapixels": lambda: large_file("JPEG", progressive=True, subsampling=0),
    "turned jpeg of 64 megapixels": lambda: picture_file(np.zeros((6936, 9248, 3), np.uint8), "JPEG", 5),
    "jpeg of 64 megapixels and 60 scans": lambda: jpeg_with_scans(50, np.zeros((6936, 9248, 3), np.uint8)),
    "lossless webp of 64 megapixels": lambda: large_file("WEBP", lossless=True),
    "webp of 64 megapixels with alpha": lambda: saved(
        Image.new("RGBA", LARGEST_SIDES, (90, 120, 200, 100)), "WEBP", lossless=True, exact=True
    ),
    "avif of 64 megapixels with alpha": lambda: large_picture("AVIF", **FAST["AVIF"], subsampling="4:4:4"),
    "heic of 64 megapixels with alpha": lambda: large_picture("HEIF", **FAST["HEIF"]),
    # Of colours that it names: Pillow would look for the best 256 first.
    "gif of 64 megapixels": lambda: saved(Image.new("P", LARGEST_SIDES, 90), "GIF"),
    "animated gif of a small frame": lambda: gif(8000, 8000),
    "bmp of 20 MB": lambda: saved(Image.new("1", (9248, 6936)), "BMP"),
    "tiff of 64 megapixels": lambda: large_file("TIFF", compression="tiff_lzw"),
    "turned tiff of 64 megapixels": lambda: large_file(
        "TIFF", compression="tiff_lzw", tiffinfo={ORIENTATION_TAG: 6}
    ),
    "tiff of 16 bits": lambda: saved(Image.new("I;16", (9248, 6936)), "TIFF", compression="tiff_lzw"),
    "cmyk jpeg of 64 megapixels": lambda: saved(Image.new("CMYK", LARGEST_SIDES), "JPEG"),
    "long picture": lambda: saved(Image.new("RGB", (16_384, 64)), "PNG"),
    "tall picture": lambda: saved(Image.new("RGB", (64, 16_384)), "JPEG"),
    "crowd": lambda: crowd(36, 23),
    "long row of people": lambda: crowd(64, 1),
    "jpeg with fields": lambda: exif_of_tags("JPEG"),
    "png with fields": lambda: exif_of_tags("PNG"),
    "webp with fields": lambda: exif_of_tags("WEBP"),
    "avif with fields": lambda: exif_of_tags("AVIF"),
    "heic with fields": lambda: exif_of_tags("HEIF"),
    "gif of ten million comments": gif_comments,
    "profile that unpacks to a gigabyte": compressed_profile,
    "million chunks": many_chunks,
    "png with a wrong checksum": lambda: picture_file(admiral().pixels)[:-20] + bytes(20),
    "picture and archive in one": lambda: picture_file(admiral().pixels, "JPEG") + b"PK\x03\x04" + bytes(99),
    "picture and page in one": lambda: picture_file(admiral().pixels, comment=SVG),
    "animation of 100 frames": lambda: animation(100),
    "gif of 100 frames": lambda: animation(100, "GIF"),
    "avif of 100 frames": lambda: animation(100, "AVIF"),
    "noise of 18 MB": lambda: saved(
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (2450, 2450, 3), np.uint8)), "PNG"
    ),
}
