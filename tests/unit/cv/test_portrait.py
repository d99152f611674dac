import math

import cv2
import numpy as np
import pytest
import skimage.data

from cv.decoding import Pixels, decode
from cv.framing import frame_face
from cv.portrait import SIZES, Background, Portrait, make_portrait
from cv.search import find_face, look
from cv.vision import Face, Models
from tests.unit.cv.pictures import (
    BEST,
    Subject,
    admiral,
    astronaut,
    framed,
    grey,
    mirrored,
    oriented,
    picture_file,
    scaled,
    turned,
)

SUBJECTS = {
    "astronaut": astronaut(),
    "admiral": admiral(),
    "astronaut mirrored": mirrored(astronaut()),
    "admiral mirrored": mirrored(admiral()),
    "astronaut grey": grey(astronaut()),
    "admiral large": scaled(admiral(), 3),
    "astronaut small": scaled(astronaut(), 0.4),
    "astronaut far away": framed(astronaut(), 450),
    "admiral far away": framed(admiral(), 700),
}
KINDS = ("JPEG", "PNG", "WEBP")
TILTS = (-25, -15, -5, 5, 15, 25)
LEVEL = 2
"""Degrees."""
CENTRED = 0.05
"""Sides of the picture."""
METADATA = (b"EXIF", b"XMP ", b"ICCP", b"ANIM", b"VP8X", b"Exif", b"http:")


def face_in(file: bytes, models: Models) -> Face:
    """Return the face that is found in a finished portrait."""
    size = SIZES[0]
    face = look(decode(file), Face(size / 2, size / 2, size / 2.8, 0), models)
    assert face is not None
    return face


def assert_good(subject: Subject, models: Models) -> None:
    portrait = make_portrait(picture_file(subject.pixels), models=models)
    assert portrait.face
    assert portrait.face_box is not None
    left, top, width, height = portrait.face_box
    assert left > 0
    assert top > 0
    assert max(left + width, top + height) < 512
    face = face_in(portrait.images[512], models)
    assert abs(face.angle) < LEVEL
    assert math.hypot(face.x / 512 - 0.5, face.y / 512 - 0.5) < CENTRED
    assert math.hypot(face.x - left - width / 2, face.y - top - height / 2) < 512 * CENTRED


@pytest.mark.parametrize("name", SUBJECTS)
def test_face_is_inside_level_and_centred(name: str, models: Models) -> None:
    assert_good(SUBJECTS[name], models)


@pytest.mark.parametrize("degrees", TILTS)
@pytest.mark.parametrize("name", ["astronaut", "admiral", "astronaut mirrored"])
def test_tilted_face_is_inside_level_and_centred(name: str, degrees: int, models: Models) -> None:
    assert_good(turned(SUBJECTS[name], degrees), models)


@pytest.mark.parametrize("degrees", [0, *TILTS, -90, -60, 60, 90])
@pytest.mark.parametrize("subject", [astronaut(), admiral()], ids=["astronaut", "admiral"])
def test_pupils_are_level(subject: Subject, degrees: int, models: Models) -> None:
    tilted = turned(subject, degrees)
    assert math.isclose(tilted.eye_angle, subject.eye_angle + degrees, abs_tol=0.01)
    face = find_face(tilted.pixels, models)
    assert face is not None
    frame = frame_face(face, *tilted.pixels.shape[1::-1])
    left, right = (frame.from_picture(*pupil, 512) for pupil in (tilted.left, tilted.right))
    assert left[0] < right[0]
    assert abs(math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))) < LEVEL
    assert 0.25 < (left[1] + right[1]) / 2 / 512 < 0.5


@pytest.fixture(scope="module")
def uprights(models: Models) -> dict[str, Portrait]:
    """Return the portraits of the astronaut as the pixels are, by the kind of file."""
    pixels = astronaut().pixels
    return {kind: make_portrait(picture_file(pixels, kind, **BEST[kind]), models=models) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_portrait_is_the_same_in_every_orientation(
    orientation: int, kind: str, models: Models, uprights: dict[str, Portrait]
) -> None:
    subject = astronaut()
    options = BEST[kind]
    stored = picture_file(oriented(subject.pixels, orientation), kind, orientation, **options)
    upright = uprights[kind]
    portrait = make_portrait(stored, models=models)
    assert portrait.face_box == pytest.approx(upright.face_box, abs=512 * 0.02)
    difference = cv2.absdiff(decode(portrait.images[512]), decode(upright.images[512]))
    assert difference.mean() < 6


def test_helmet_is_not_taken_for_a_face(models: Models) -> None:
    """The detector takes the turned helmet for the larger face, by a little more than even odds."""
    subject = turned(mirrored(astronaut()), 24)
    candidates = models.faces(subject.pixels)
    assert candidates[0].y > subject.left[1] + 200
    face = find_face(subject.pixels, models)
    assert face is not None
    assert abs(face.angle - subject.eye_angle) < LEVEL


def test_largest_face_is_chosen(models: Models) -> None:
    small, large = scaled(astronaut(), 0.6).pixels, scaled(admiral(), 1.2).pixels
    group = np.full((large.shape[0], large.shape[1] + small.shape[1], 3), 128, np.uint8)
    group[: small.shape[0], : small.shape[1]] = small
    group[:, small.shape[1] :] = large
    face = find_face(group, models)
    assert face is not None
    assert face.x > small.shape[1]


def beside(one: Subject, other: Subject) -> Pixels:
    """Two people in one picture."""
    height = max(one.pixels.shape[0], other.pixels.shape[0])
    both = [np.pad(p, ((0, height - p.shape[0]), (0, 0), (0, 0))) for p in (one.pixels, other.pixels)]
    return np.ascontiguousarray(np.hstack(both))


@pytest.mark.parametrize(
    ("factor", "degrees"), [(0.5, 0), (0.55, 0), (0.75, 0), (0.55, 45), (0.55, 90), (0.6, 90)]
)
def test_largest_face_is_chosen_by_its_true_size(factor: float, degrees: float, models: Models) -> None:
    """The sizes that a face is found with at first are off, most of all where it is turned."""
    people = [astronaut(), scaled(turned(admiral(), degrees), factor)]
    sizes = []
    for person in people:
        face = find_face(person.pixels, models)
        assert face is not None
        sizes.append(face.size)
    for group in (beside(*people), beside(*people[::-1])):
        face = find_face(group, models)
        assert face is not None
        assert face.size == pytest.approx(max(sizes), rel=0.03)


def put(subject: Subject, width: int, height: int, right: float, down: float) -> Pixels:
    """Return a person in a grey picture of this size, so far along what is left over, 0 to 1 each way."""
    canvas = np.full((height, width, 3), 128, np.uint8)
    rows, columns = subject.pixels.shape[:2]
    left, top = round(right * (width - columns)), round(down * (height - rows))
    canvas[top : top + rows, left : left + columns] = subject.pixels
    return canvas


@pytest.mark.parametrize("place", [0, 0.35, 0.72, 1])
@pytest.mark.parametrize("length", [2500, 6000, 12_000])
@pytest.mark.parametrize("tall", [False, True])
def test_face_in_a_long_picture_is_found(tall: bool, length: int, place: float, models: Models) -> None:
    width, height, right, down = (600, length, 0.5, place) if tall else (length, 600, place, 0.5)
    face = find_face(put(astronaut(), width, height, right, down), models)
    assert face is not None
    expected = (222 + right * (width - 512), 120 + down * (height - 512))
    assert math.hypot(face.x - expected[0], face.y - expected[1]) < face.size / 4


@pytest.mark.parametrize(("right", "down"), [(0, 0), (0.3, 0.6), (1, 1)])
def test_face_far_away_is_found(right: float, down: float, models: Models) -> None:
    """Three percent of the picture's width."""
    face = find_face(put(astronaut(), 3000, 2200, right, down), models)
    assert face is not None
    expected = (222 + right * (3000 - 512), 120 + down * (2200 - 512))
    assert math.hypot(face.x - expected[0], face.y - expected[1]) < face.size / 4


def test_face_that_fills_the_picture_stays_in_the_middle(models: Models) -> None:
    """Brows to chin: there is nothing beside the picture to be filled in, and nothing of it is lost."""
    tight = np.ascontiguousarray(astronaut().pixels[65:175, 170:275])
    portrait = make_portrait(picture_file(tight), models=models)
    assert portrait.face_box is not None
    left, top, width, height = portrait.face_box
    assert left + width / 2 == pytest.approx(256, abs=40)
    assert top + height / 2 == pytest.approx(256, abs=40)
    whole = cv2.resize(tight[:, : tight.shape[0]], (512, 512), interpolation=cv2.INTER_AREA)
    made = decode(portrait.images[512])
    for edge in (np.s_[:, -60:], np.s_[-60:], np.s_[:, :60], np.s_[:60]):
        assert made[edge].std() > whole[edge].std() / 2


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_face_near_an_edge_stays_inside(side: str, models: Models) -> None:
    pixels = {
        "left": astronaut().pixels[:, 165:],
        "right": astronaut().pixels[:, :280],
        "top": astronaut().pixels[60:],
        "bottom": astronaut().pixels[:185],
    }[side]
    portrait = make_portrait(picture_file(np.ascontiguousarray(pixels)), models=models)
    assert portrait.face_box is not None
    left, top, width, height = portrait.face_box
    assert min(left, top) > -1
    assert max(left + width, top + height) < 513


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket", "brick", "clock", "hubble_deep_field"])
def test_without_a_face_it_is_a_square_of_the_picture(name: str, models: Models) -> None:
    pixels = np.atleast_3d(getattr(skimage.data, name)())[..., ::-1]
    pixels = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    portrait = make_portrait(picture_file(pixels), background="blur", models=models)
    assert not portrait.face
    assert portrait.face_box is None
    assert sorted(portrait.images) == sorted(SIZES)


def test_pictures_are_webp_of_each_size_without_metadata(models: Models) -> None:
    stored = picture_file(
        astronaut().pixels, "JPEG", 1, icc_profile=b"\0" * 200, comment=b"somewhere", xmp=b"<x/>"
    )
    images = make_portrait(stored, models=models).images
    assert list(images) == list(SIZES)
    for size, image in images.items():
        assert image[8:16] == b"WEBPVP8 "
        assert not any(name in image for name in METADATA)
        decoded = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_UNCHANGED)
        assert decoded is not None
        assert decoded.shape == (size, size, 3)


@pytest.mark.parametrize("background", ["none", "blur", "#3366cc"])
def test_same_file_gives_same_bytes(background: Background, models: Models) -> None:
    file = picture_file(turned(admiral(), 12).pixels)
    first = make_portrait(file, background=background, models=models)
    assert make_portrait(file, background=background, models=models) == first


def corner(pixels: Pixels) -> Pixels:
    return pixels[:60, -60:]


def test_colour_replaces_the_background_and_leaves_the_face(models: Models) -> None:
    file = picture_file(astronaut().pixels)
    plain = decode(make_portrait(file, models=models).images[512])
    coloured = decode(make_portrait(file, background="#3366cc", models=models).images[512])
    assert np.abs(corner(coloured).astype(int) - (0xCC, 0x66, 0x33)).max() < 8
    assert cv2.absdiff(plain, coloured)[180:330, 190:320].mean() < 3


def test_blur_smooths_the_background_and_leaves_the_face(models: Models) -> None:
    file = picture_file(admiral().pixels)
    plain = decode(make_portrait(file, models=models).images[512])
    blurred = decode(make_portrait(file, background="blur", models=models).images[512])
    stars = slice(0, 120), slice(0, 120)
    assert (
        cv2.Laplacian(blurred[stars], cv2.CV_32F).var() < cv2.Laplacian(plain[stars], cv2.CV_32F).var() / 10
    )
    assert cv2.absdiff(plain, blurred)[200:330, 190:320].mean() < 3


@pytest.mark.parametrize("background", ["blur", "#3366cc"])
def test_background_stays_where_the_mask_misses_the_face(
    background: Background, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    def headless(pixels: Pixels) -> np.ndarray:
        mask = np.zeros(pixels.shape[:2], np.float32)
        mask[300:] = 1
        return mask

    file = picture_file(astronaut().pixels)
    plain = make_portrait(file, models=models)
    monkeypatch.setattr(models, "person", headless)
    assert make_portrait(file, background=background, models=models) == plain
