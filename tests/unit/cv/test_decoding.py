import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cv.decoding import Pixels, decode, read_header
from cv.errors import MAX_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE, PictureError
from store.portraits import UPLOAD_LIMIT
from tests.unit.cv import hostile
from tests.unit.cv.pictures import BEST, astronaut, oriented, picture_file, saved

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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int, kind: str) -> None:
    options = BEST[kind]
    file = picture_file(oriented(SMALL, orientation), kind, orientation, **options)
    assert read_header(file).orientation == orientation
    assert difference(decode(file), SMALL) < (3 if kind == "JPEG" else 0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_header_is_read_without_decoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "imdecode")
    header = read_header(KINDS[kind][0])
    assert (header.width, header.height) == (96, 128)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_decoder_sees_no_metadata(kind: str) -> None:
    options = {"JPEG": {"comment": b"SECRET", "xmp": b"SECRET"}, "WEBP": {"xmp": b"SECRET"}}.get(kind, {})
    file = picture_file(SMALL, kind, 6, icc_profile=b"SECRET" * 20, **options) + b"SECRET"
    assert b"SECRET" in file
    essence = read_header(file).essence
    assert not any(word in essence for word in (b"SECRET", b"Exif", b"EXIF", b"eXIf", b"iCCP", b"ICC"))


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_hostile_file_is_refused_with_its_reason(name: str) -> None:
    make, reason = hostile.REFUSED[name]
    with pytest.raises(PictureError) as refused:
        decode(make())
    assert refused.value.reason == reason
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("name", ["jpeg", "progressive jpeg", "png", "webp", "lossless webp"])
def test_file_cut_short_anywhere_is_refused(name: str) -> None:
    file = KINDS[name][0]
    for end in range(16, len(file) - 1, max(1, len(file) // 200)):
        with pytest.raises(PictureError) as refused:
            decode(file[:end])
        assert refused.value.reason == "truncated"


@pytest.mark.parametrize("file", [KINDS["jpeg"][0], KINDS["png"][0], KINDS["lossless webp"][0]])
@pytest.mark.parametrize("end", range(1, 12))
def test_start_of_a_file_is_refused(file: bytes, end: int) -> None:
    with pytest.raises(PictureError):
        decode(file[:end])


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (MIN_SIDE, MIN_SIDE, None),
        (MIN_SIDE - 1, 500, "too_small"),
        (500, MIN_SIDE - 1, "too_small"),
        (1, 1, "too_small"),
        (MAX_SIDE, MIN_SIDE, None),
        (MAX_SIDE + 1, MIN_SIDE, "too_large"),
        (30_000, 1, "too_large"),
        (8000, MAX_PIXELS // 8000, None),
        (8000, MAX_PIXELS // 8000 + 1, "too_large"),
        (2**31 - 1, 2**31 - 1, "too_large"),
    ],
)
def test_limits_are_read_from_the_header(width: int, height: int, reason: str | None) -> None:
    file = hostile.png_claiming(width, height)
    if reason is None:
        assert read_header(file).width == width
        return
    with pytest.raises(PictureError) as refused:
        read_header(file)
    assert refused.value.reason == reason


def test_upload_limit_is_the_bucket_s() -> None:
    assert MAX_BYTES == UPLOAD_LIMIT
    with pytest.raises(PictureError) as refused:
        read_header(KINDS["png"][0] + bytes(MAX_BYTES))
    assert refused.value.reason == "too_large"


STARTS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"RIFF\x40\0\0\0WEBPVP8X"]


@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_random_bytes_are_refused(start: bytes, rest: bytes) -> None:
    with pytest.raises(PictureError):
        decode(start + rest)


DAMAGED = [KINDS[kind][0] for kind in ("jpeg", "progressive jpeg", "png", "webp with alpha", "animated webp")]


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
