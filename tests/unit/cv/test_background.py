import numpy as np
import pytest

from cv.background import Background, replace_background, shows_face

RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (128, 128, 3), np.uint8)
PERSON = np.zeros((128, 128), np.float32)
PERSON[32:96, 32:96] = 1


def test_background_none_leaves_the_picture_alone() -> None:
    assert replace_background(PICTURE, PERSON, "none") is PICTURE


@pytest.mark.parametrize("background", ["blur", "#102030", "#ABCDEF"])
def test_colour_leaves_the_person_alone(background: Background) -> None:
    replaced = replace_background(PICTURE, PERSON, background)
    assert np.array_equal(replaced[40:88, 40:88], PICTURE[40:88, 40:88])
    assert replaced.dtype == np.uint8


def test_colour_is_red_green_blue() -> None:
    assert replace_background(PICTURE, PERSON, "#102030")[0, 0].tolist() == [0x30, 0x20, 0x10]


def test_edges_are_feathered() -> None:
    white, black = np.full_like(PICTURE, 255), "#000000"
    row = replace_background(white, PERSON, black)[64, :64, 0].astype(int)
    steps = np.diff(row)
    assert (steps >= 0).all()
    assert steps.max() < 255 / 1.5
    assert ((row > 0) & (row < 255)).sum() >= 2


def test_segmentation_blends_uncertain_pixels() -> None:
    mixed = replace_background(np.full_like(PICTURE, 255), np.full_like(PERSON, 0.5), "#000000")
    assert 20 < mixed.mean() < 235


def test_blur_takes_no_colour_from_the_person() -> None:
    picture = np.zeros_like(PICTURE)
    picture[32:96, 32:96] = 255
    blurred = replace_background(picture, PERSON, "blur")
    assert blurred[64, :28].max() <= 12


def test_blur_leaves_a_picture_without_background_unchanged() -> None:
    assert np.array_equal(replace_background(PICTURE, np.ones_like(PERSON), "blur"), PICTURE)


@pytest.mark.parametrize("background", ["red", "#12345", "#1234567", "#12345g", "", "#102030\n"])
def test_other_background_is_refused(background: str) -> None:
    with pytest.raises(ValueError, match="none, blur or a #rrggbb colour"):
        replace_background(PICTURE, PERSON, background)


@pytest.mark.parametrize("box", [(36, 36, 56, 56), (40, 50, 30, 30), (32, 32, 64, 64)])
def test_mask_that_covers_the_face_shows_it(box: tuple[float, float, float, float]) -> None:
    assert shows_face(PERSON, box)


@pytest.mark.parametrize("box", [(0, 0, 30, 30), (70, 36, 56, 56), (36, 72, 56, 56), (10, 10, 110, 110)])
def test_mask_that_misses_part_of_the_face_does_not_show_it(box: tuple[float, float, float, float]) -> None:
    assert not shows_face(PERSON, box)


def test_unsure_mask_does_not_show_the_face() -> None:
    assert not shows_face(PERSON * 0.6, (36, 36, 56, 56))


def test_mask_with_a_hole_in_the_face_does_not_show_it() -> None:
    holed = PERSON.copy()
    holed[50:66, 50:66] = 0
    assert not shows_face(holed, (36, 36, 56, 56))


def test_face_over_the_edge_is_judged_by_what_is_seen() -> None:
    assert shows_face(PERSON[40:], (36, -20, 56, 56))
    assert not shows_face(PERSON, (-20, 36, 56, 56))


def test_mask_does_not_show_a_face_outside_the_picture() -> None:
    assert not shows_face(np.ones_like(PERSON), (200, 200, 50, 50))
