import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.framing import COMFORT, MIN_ROOM, ROOM, Frame, draw, frame_detail, frame_face
from cv.vision import Face

angles = st.floats(-180, 180)
sides = st.integers(200, 800)
parts = st.floats(0, 1)
frames = st.builds(Frame, st.floats(-50, 50), st.floats(-50, 50), st.floats(1, 1000), angles)


def corners(frame: Frame) -> list[tuple[float, float]]:
    return [frame.to_picture(x, y, 1) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))]


def inside(frame: Frame, width: int, height: int) -> bool:
    slack = 1e-6
    return all(-slack <= x <= width + slack and -slack <= y <= height + slack for x, y in corners(frame))


@given(frames, st.floats(0, 512), st.floats(0, 512))
def test_frame_and_picture_coordinates_are_inverse(frame: Frame, across: float, down: float) -> None:
    there_and_back = frame.from_picture(*frame.to_picture(across, down, 512), 512)
    assert there_and_back == pytest.approx((across, down), abs=1e-6)


@given(angles)
def test_reach_is_that_of_the_corners(angle: float) -> None:
    frame = Frame(0, 0, 100, angle)
    assert max(abs(x) for x, _ in corners(frame)) == pytest.approx(frame.reach)


@given(st.floats(400, 600), st.floats(400, 600), angles)
def test_face_with_room_around_it_is_in_the_middle_with_full_room(x: float, y: float, angle: float) -> None:
    frame = frame_face(Face(x, y, 100, angle), 1000, 1000)
    assert (frame.x, frame.y) == pytest.approx((x, y))
    assert frame.side == pytest.approx(ROOM * 100)
    assert frame.angle == angle


def test_near_an_edge_it_shrinks_before_it_slides() -> None:
    near, nearer = (frame_face(Face(x, 500, 100, 0), 1000, 1000) for x in (120, 80))
    assert (near.x, near.side) == pytest.approx((120, 240))
    assert (nearer.x, nearer.side) == pytest.approx((COMFORT * 50, COMFORT * 100))


def placed(width: int, height: int, right: float, down: float, room: float) -> tuple[float, float]:
    """A place in the picture, 0 to 1 each way, with so much room between it and the edges."""
    edge = min(room, width / 2, height / 2)
    return edge + right * (width - 2 * edge), edge + down * (height - 2 * edge)


@given(sides, sides, parts, parts, st.floats(0.05, 0.45), angles)
def test_square_is_inside_the_picture(
    width: int, height: int, right: float, down: float, part: float, angle: float
) -> None:
    size = part * min(width, height)
    face = Face(*placed(width, height, right, down, 1.1 * size), size, angle)
    assert inside(frame_face(face, width, height), width, height)


@given(sides, sides, parts, parts, st.floats(0.05, 0.7), angles)
def test_face_is_inside_the_square(
    width: int, height: int, right: float, down: float, part: float, angle: float
) -> None:
    size = part * min(width, height)
    face = Face(*placed(width, height, right, down, 0.5 * size), size, angle)
    frame = frame_face(face, width, height)
    place = frame.from_picture(face.x, face.y, 1)
    half = size / frame.side / 2
    assert half <= min(place) + 1e-6
    assert max(place) + half <= 1 + 1e-6


@given(st.floats(-20, 220), st.floats(-20, 220), st.floats(5, 300), angles)
def test_square_is_never_smaller_than_the_face_and_holds_its_middle(
    x: float, y: float, size: float, angle: float
) -> None:
    frame = frame_face(Face(x, y, size, angle), 200, 200)
    assert frame.side >= MIN_ROOM * size * (1 - 1e-9)
    assert all(-1e-6 <= at <= 1 + 1e-6 for at in frame.from_picture(x, y, 1))


def ramp(width: int, height: int) -> np.ndarray:
    """Red tells the column, green the row."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return np.dstack([np.zeros_like(rows), rows, columns]).astype(np.uint8)


def test_draw_cuts_exactly_the_square() -> None:
    picture = ramp(200, 200)
    assert np.array_equal(draw(picture, Frame(100, 80, 50), 50), picture[55:105, 75:125])


@pytest.mark.parametrize("angle", [0, 20, -35, 90, 180])
@pytest.mark.parametrize("size", [25, 50, 100])
def test_draw_puts_every_point_where_the_frame_says(angle: float, size: int) -> None:
    frame = Frame(100, 110, 50, angle)
    drawn = draw(ramp(200, 220), frame, size)
    for x, y in ((3, 3), (size - 4, 5), (size // 2, size - 6)):
        column, row = frame.to_picture(x + 0.5, y + 0.5, size)
        assert drawn[y, x, 2] == pytest.approx(column - 0.5, abs=1.1)
        assert drawn[y, x, 1] == pytest.approx(row - 0.5, abs=1.1)


def test_draw_beyond_the_edge_repeats_it() -> None:
    drawn = draw(np.full((50, 50, 3), 77, np.uint8), Frame(0, 0, 80, 30), 64)
    assert (drawn == 77).all()


def busy(width: int, height: int, left: int, top: int, size: int) -> np.ndarray:
    """Grey, with noise in one square."""
    picture = np.full((height, width, 3), 128, np.uint8)
    noise = np.random.default_rng(7).integers(0, 256, (size, size, 3), np.uint8)
    picture[top : top + size, left : left + size] = noise
    return picture


@pytest.mark.parametrize("left", [0, 150, 500])
def test_without_a_face_the_square_holds_what_happens(left: int) -> None:
    frame = frame_detail(busy(600, 200, left, 50, 100))
    assert frame.side == 200
    assert frame.x - 100 <= left + 2
    assert left + 98 <= frame.x + 100
    turned = frame_detail(busy(200, 600, 50, left, 100))
    assert (turned.y, turned.x) == pytest.approx((frame.x, frame.y), abs=3)


@pytest.mark.parametrize(("width", "height"), [(300, 300), (601, 200), (200, 999), (12_000, 64)])
def test_even_picture_gives_its_middle(width: int, height: int) -> None:
    frame = frame_detail(np.full((height, width, 3), 200, np.uint8))
    assert (frame.x, frame.y) == pytest.approx((width / 2, height / 2), abs=2)
    assert frame.side == min(width, height)
    assert inside(frame, width, height)
