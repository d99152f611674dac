import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cv.decoding import MISSING_ROWS, WORKING_PIXELS, Pixels, decode
from cv.errors import PictureError
from game.pictures import MAX_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE
from tests.unit.cv import hostile
from tests.unit.cv.pictures import BEST, ORIENTATION_TAG, admiral, astronaut, oriented, picture_file, saved

SMALL = cv2.resize(astronaut().pixels, (96, 128), interpolation=cv2.INTER_AREA)
PICTURE = Image.fromarray(SMALL[..., ::-1])
PALETTE = PICTURE.quantize(8)
GREY = PICTURE.convert("L")
FADE = Image.fromarray(np.tile(np.linspace(0, 255, 96).astype(np.uint8), (128, 1)))


def faded(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    copy.putalpha(FADE)
    return copy


def on_white(picture: Image.Image) -> Pixels:
    white = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB"))[..., ::-1]


def png_of_16_bits(*channels: np.ndarray) -> bytes:
    _, encoded = cv2.imencode(".png", np.dstack(channels).astype(np.uint16) * 257)
    return encoded.tobytes()


PLANES = [SMALL[..., channel] for channel in range(3)]
BOTH = {"save_all": True, "append_images": [PICTURE.rotate(180)], "duration": 100}
# What is decoded, what it must look like, and the mean difference that its coding allows, of 255.
KINDS: dict[str, tuple[bytes, Pixels, float]] = {
    "jpeg": (saved(PICTURE, "JPEG", quality=95), SMALL, 4),
    "progressive jpeg": (saved(PICTURE, "JPEG", quality=95, progressive=True), SMALL, 4),
    "cmyk jpeg": (saved(PICTURE.convert("CMYK"), "JPEG", quality=95), SMALL, 4),
    "grey jpeg": (saved(GREY, "JPEG", quality=95), on_white(GREY), 3),
    "png": (saved(PICTURE, "PNG"), SMALL, 0),
    "png with alpha": (saved(faded(PICTURE), "PNG"), on_white(faded(PICTURE)), 0.6),
    "grey png with alpha": (saved(faded(GREY), "PNG"), on_white(faded(GREY)), 0.6),
    "palette png": (saved(PALETTE, "PNG"), on_white(PALETTE), 0),
    "palette png with a clear colour": (
        saved(PICTURE.quantize(8), "PNG", transparency=0),
        np.where(
            np.asarray(PICTURE.quantize(8))[..., np.newaxis] == 0,
            np.uint8(255),
            on_white(PICTURE.quantize(8)),
        ),
        0,
    ),
    "16-bit png": (png_of_16_bits(*PLANES), SMALL, 0),
    "16-bit png with alpha": (png_of_16_bits(*PLANES, np.asarray(FADE)), on_white(faded(PICTURE)), 0.6),
    "16-bit grey png": (png_of_16_bits(np.asarray(GREY)), on_white(GREY), 0),
    "1-bit png": (saved(PICTURE.convert("1"), "PNG"), on_white(PICTURE.convert("1").convert("L")), 0),
    "animated png": (saved(PICTURE, "PNG", **BOTH), SMALL, 0),
    "webp": (saved(PICTURE, "WEBP", quality=95), SMALL, 4),
    "lossless webp": (saved(PICTURE, "WEBP", lossless=True), SMALL, 0),
    "webp with alpha": (saved(faded(PICTURE), "WEBP", quality=95), on_white(faded(PICTURE)), 4),
    "lossless webp with alpha": (
        saved(faded(PICTURE), "WEBP", lossless=True, exact=True),
        on_white(faded(PICTURE)),
        0.6,
    ),
    "animated webp": (saved(PICTURE, "WEBP", quality=95, **BOTH), SMALL, 4),
    "heic": (saved(PICTURE, "HEIF", quality=95), SMALL, 4),
    "heic with alpha": (saved(faded(PICTURE), "HEIF", quality=95), on_white(faded(PICTURE)), 4),
    "heic of several": (saved(PICTURE, "HEIF", quality=95, **BOTH), SMALL, 4),
    "avif": (saved(PICTURE, "AVIF", quality=95), SMALL, 4),
    "avif with alpha": (saved(faded(PICTURE), "AVIF", quality=95), on_white(faded(PICTURE)), 4),
    "animated avif": (saved(PICTURE, "AVIF", quality=95, **BOTH), SMALL, 4),
    "gif": (saved(PALETTE, "GIF"), on_white(PALETTE), 0),
    "gif with a clear colour": (
        saved(PALETTE, "GIF", transparency=0),
        np.where(np.asarray(PALETTE)[..., np.newaxis] == 0, np.uint8(255), on_white(PALETTE)),
        0,
    ),
    "animated gif": (saved(PALETTE, "GIF", **BOTH), on_white(PALETTE), 0),
    "bmp": (saved(PICTURE, "BMP"), SMALL, 0),
    "palette bmp": (saved(PALETTE, "BMP"), on_white(PALETTE), 0),
    "1-bit bmp": (saved(PICTURE.convert("1"), "BMP"), on_white(PICTURE.convert("1").convert("L")), 0),
    "tiff": (saved(PICTURE, "TIFF"), SMALL, 0),
    "lzw tiff": (saved(PICTURE, "TIFF", compression="tiff_lzw"), SMALL, 0),
    "jpeg tiff": (saved(PICTURE, "TIFF", compression="jpeg", quality=95), SMALL, 4),
    "tiff with alpha": (saved(faded(PICTURE), "TIFF"), on_white(faded(PICTURE)), 0.6),
    "cmyk tiff": (saved(PICTURE.convert("CMYK"), "TIFF"), SMALL, 0),
    "16-bit grey tiff": (
        saved(Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257), "TIFF"),
        on_white(GREY),
        0,
    ),
    "1-bit tiff": (
        saved(PICTURE.convert("1"), "TIFF", compression="group4"),
        on_white(PICTURE.convert("1").convert("L")),
        0,
    ),
}


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_8_bit_colour(kind: str) -> None:
    file, expected, allowed = KINDS[kind]
    pixels = decode(file)
    assert pixels.shape == SMALL.shape
    assert pixels.dtype == np.uint8
    assert difference(pixels, expected) <= allowed


def disc_on_nothing(colour: int, dot: int, kind: str) -> bytes:
    """A grey disc on transparency, a dark square this many pixels wide in it, as a file of this kind."""
    disc = np.zeros((200, 300, 4), np.uint8)
    cv2.circle(disc, (150, 100), 60, (colour, colour, colour, 255), -1)
    disc[100 - dot : 100, 150 - dot : 150, :3] = 20
    return saved(Image.fromarray(disc), kind, **BEST[kind])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize(("colour", "dot"), [(255, 0), (255, 30), (240, 20)])
def test_white_on_transparency_stands_out(colour: int, dot: int, kind: str) -> None:
    pixels = decode(disc_on_nothing(colour, dot, kind)).astype(int)
    assert (pixels[120, 160] == colour).all()
    assert colour - pixels[0, 0].max() > 100
    assert dot == 0 or pixels[0, 0].min() - pixels[95, 145].max() > 50


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("colour", [0, 120, 200])
def test_colour_on_transparency_is_on_white(colour: int, kind: str) -> None:
    pixels = decode(disc_on_nothing(colour, 0, kind))
    assert (pixels[0, 0] == 255).all()
    assert (pixels[120, 160] == colour).all()


@pytest.mark.parametrize("hidden", [0, 255])
def test_picture_of_nothing_is_white(hidden: int) -> None:
    nothing = np.full((100, 100, 4), hidden, np.uint8)
    nothing[..., 3] = 0
    assert (decode(saved(Image.fromarray(nothing), "PNG")) == 255).all()


def test_16_bit_white_on_transparency_stands_out() -> None:
    white = np.full((100, 100), 255, np.uint8)
    alpha = np.zeros_like(white)
    alpha[20:80, 20:80] = 255
    pixels = decode(png_of_16_bits(white, white, white, alpha))
    assert (pixels[50, 50] == 255).all()
    assert pixels[0, 0].max() < 155


@pytest.mark.parametrize("kind", BEST)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation: int, kind: str) -> None:
    """In HEIC and AVIF it is a property of the picture, which the decoder applies or translates."""
    stored = oriented(SMALL, orientation)
    options = BEST[kind] if kind != "TIFF" else {"tiffinfo": {ORIENTATION_TAG: orientation}}
    file = picture_file(stored, kind, None if kind == "TIFF" else orientation, **options)
    assert difference(decode(file), SMALL) < (3 if kind in {"JPEG", "AVIF", "HEIF"} else 0.01)


def test_orientation_of_a_large_picture_is_applied() -> None:
    large = cv2.resize(SMALL, (4096, 6144), interpolation=cv2.INTER_CUBIC)
    file = picture_file(oriented(large, 6), "JPEG", 6)
    pixels = decode(file)
    assert pixels.shape == (3072, 2048, 3)
    assert difference(cv2.resize(pixels, (96, 128), interpolation=cv2.INTER_AREA), SMALL) < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize(
    ("size", "decoded"), [((4096, 4096), (4096, 4096)), ((4097, 4096), (2049, 2048)), ((128, 64), (128, 64))]
)
def test_large_picture_is_decoded_smaller(size: tuple[int, int], decoded: tuple[int, int], kind: str) -> None:
    assert decode(saved(Image.new("L", size, 30), kind)).shape == (*decoded[::-1], 3)


def test_no_accepted_picture_is_more_than_the_working_size() -> None:
    assert MAX_PIXELS == 4 * WORKING_PIXELS


LIMITS = [
    (MIN_SIDE, MIN_SIDE, None, ""),
    (MIN_SIDE - 1, 500, "too_small", "64"),
    (500, MIN_SIDE - 1, "too_small", "64"),
    (1, 1, "too_small", "64"),
    (MAX_SIDE, MIN_SIDE, None, ""),
    (MAX_SIDE + 1, MIN_SIDE, "too_large", "16,384"),
    (30_000, 1, "too_large", "16,384"),
    (8192, MAX_PIXELS // 8192, None, ""),
    (8192, MAX_PIXELS // 8192 + 1, "too_large", "64 megapixels"),
    (2**31 - 1, 2**31 - 1, "too_large", "megapixels"),
]


@pytest.mark.parametrize(("width", "height", "reason", "limit"), LIMITS)
def test_limits_are_read_from_the_header(
    width: int, height: int, reason: str | None, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without decoding: the file has no pixels at all."""
    file = hostile.png_claiming(width, height)
    with pytest.raises(PictureError) as refused:
        decode(file)
    assert refused.value.reason == (reason or "truncated")
    assert limit in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_picture_beyond_a_limit_is_not_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv.errors.MAX_PIXELS", 96 * 128 - 1)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(PictureError) as refused:
        decode(KINDS[kind][0])
    assert refused.value.reason == "too_large"
    assert "96 by 128" in str(refused.value)


def test_file_beyond_the_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(PictureError, match="at most 20 MB") as refused:
        decode(KINDS["png"][0] + bytes(MAX_BYTES))
    assert refused.value.reason == "too_large"


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_hostile_file_is_refused_with_its_reason(name: str) -> None:
    make, reason = hostile.REFUSED[name]
    with pytest.raises(PictureError) as refused:
        decode(make())
    assert refused.value.reason == reason
    assert str(refused.value).endswith(".")


WHOLE = admiral().pixels
"""600 rows; the dark cloth at the lower edge is not of one colour."""
RESTARTS = {"restart_marker_rows": 1}
BY_ROWS: dict[str, bytes] = {
    "jpeg": picture_file(WHOLE, "JPEG", quality=90),
    "jpeg without chroma subsampling": picture_file(WHOLE, "JPEG", quality=90, subsampling=0),
    "jpeg with restarts": picture_file(WHOLE, "JPEG", quality=90, **RESTARTS),
    "grey jpeg": saved(Image.fromarray(cv2.cvtColor(WHOLE, cv2.COLOR_BGR2GRAY)), "JPEG", quality=90),
    "cmyk jpeg": saved(Image.fromarray(WHOLE[..., ::-1]).convert("CMYK"), "JPEG", quality=90),
    "png": picture_file(WHOLE),
    "grey png": saved(Image.fromarray(cv2.cvtColor(WHOLE, cv2.COLOR_BGR2GRAY)), "PNG"),
    "palette png": saved(Image.fromarray(WHOLE[..., ::-1]).quantize(64), "PNG"),
    "16-bit png": png_of_16_bits(*cv2.split(WHOLE)),
    "bmp": picture_file(WHOLE, "BMP"),
}
JPEG_END, PNG_END = b"\xff\xd9", hostile.chunk(b"IEND", b"")


@pytest.mark.parametrize("lacking", [1, 2])
@pytest.mark.parametrize("name", [name for name in BY_ROWS if "jpeg" in name])
def test_jpeg_without_its_end_is_accepted(name: str, lacking: int) -> None:
    assert difference(decode(BY_ROWS[name][:-lacking]), decode(BY_ROWS[name])) == 0


@pytest.mark.parametrize("lacking", [1, 4, 8, 11, 12])
@pytest.mark.parametrize("name", [name for name in BY_ROWS if "png" in name])
def test_png_without_its_end_is_accepted(name: str, lacking: int) -> None:
    assert BY_ROWS[name].endswith(PNG_END)
    assert difference(decode(BY_ROWS[name][:-lacking]), decode(BY_ROWS[name])) == 0


@pytest.mark.parametrize("end", [b"", JPEG_END])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("name", [name for name in BY_ROWS if "jpeg" in name])
def test_part_of_a_jpeg_is_refused_with_an_end_or_without(name: str, share: float, end: bytes) -> None:
    assert refusal(hostile.cut(BY_ROWS[name], share) + end) == "truncated"


@pytest.mark.parametrize("end", [b"", PNG_END])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("name", [name for name in BY_ROWS if "jpeg" not in name])
def test_part_of_another_picture_by_rows_is_refused(name: str, share: float, end: bytes) -> None:
    assert refusal(hostile.cut(BY_ROWS[name], share) + end) == "truncated"


@pytest.mark.parametrize("name", BY_ROWS)
def test_picture_that_lacks_a_few_rows_is_accepted(name: str) -> None:
    """The last rows hold about their share of the bytes; those that are there are as they were."""
    pixels = decode(hostile.cut(BY_ROWS[name], 1 - MISSING_ROWS / 4))
    assert pixels.shape == WHOLE.shape
    there = slice(0, int(600 * (1 - MISSING_ROWS))) if name != "bmp" else slice(int(600 * MISSING_ROWS), 600)
    assert difference(pixels[there], decode(BY_ROWS[name])[there]) == 0


def test_interlaced_png_is_judged_by_rows_too() -> None:
    file = saved(Image.fromarray(WHOLE[..., ::-1]), "PNG")
    assert difference(decode(interlaced(WHOLE)), decode(file)) == 0
    assert refusal(hostile.cut(interlaced(WHOLE), 0.5)) == "truncated"
    assert decode(interlaced(WHOLE)[:-12]).shape == WHOLE.shape


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_plain_lower_half_is_no_damage(kind: str, grey: int) -> None:
    half = WHOLE.copy()
    half[300:] = grey
    file = picture_file(half, kind)
    assert decode(file).shape == WHOLE.shape
    if kind != "BMP":
        assert decode(file[:-2]).shape == WHOLE.shape


def test_progressive_jpeg_is_accepted_once_all_of_it_is_there_coarsely() -> None:
    file = picture_file(WHOLE, "JPEG", progressive=True, quality=90)
    scans = [at for at in range(len(file)) if file[at : at + 2] == b"\xff\xda"]
    assert len(scans) == 10
    for end in (b"", JPEG_END):
        assert refusal(file[: scans[3] + 200] + end) == "truncated"
        assert refusal(file[: scans[4] + 200] + end) == "truncated"
        assert difference(decode(file[: scans[5] + 200] + end), decode(file)) < 6
    assert difference(decode(file[:-2]), decode(file)) == 0


@pytest.mark.parametrize("name", [name for name in KINDS if "animated" not in name and "several" not in name])
def test_start_of_a_file_is_refused(name: str) -> None:
    file = KINDS[name][0]
    for end in [*range(1, 12), *range(12, len(file) // 2, max(1, len(file) // 50))]:
        with pytest.raises(PictureError):
            decode(file[:end])


def interlaced(pixels: Pixels) -> bytes:
    """Return an Adam7 PNG: Pillow and OpenCV write none."""
    height, width = pixels.shape[:2]
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    rows = [
        b"\0" + row.tobytes()
        for x, y, right, down in passes
        for row in np.ascontiguousarray(pixels[y::down, x::right, ::-1])
    ]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    data = hostile.chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return hostile.PNG + hostile.chunk(b"IHDR", header) + data + PNG_END


def refusal(file: bytes) -> str:
    with pytest.raises(PictureError) as refused:
        decode(file)
    return refused.value.reason


STARTS = [
    *(b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"RIFF\x40\0\0\0WEBPVP8X"),
    *(b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\0\x10ftypheic\0\0\0\0", b"\0\0\0\x10ftypavif\0\0\0\0"),
]


@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_random_bytes_are_refused(start: bytes, rest: bytes) -> None:
    with pytest.raises(PictureError):
        decode(start + rest)


DAMAGED = [
    KINDS[kind][0]
    for kind in (
        *("jpeg", "progressive jpeg", "png", "webp with alpha", "animated webp"),
        *("heic", "avif", "gif", "bmp", "tiff", "lzw tiff"),
    )
]


@given(st.sampled_from(DAMAGED), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12))
def test_damaged_file_is_decoded_or_refused(file: bytes, damage: list[tuple[float, int]]) -> None:
    damaged = bytearray(file)
    for place, value in damage:
        damaged[int(place * (len(file) - 1))] = value
    try:
        pixels = decode(bytes(damaged))
    except PictureError:
        return
    assert pixels.ndim == 3
    assert pixels.dtype == np.uint8
