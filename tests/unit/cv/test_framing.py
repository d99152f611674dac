import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cv.framing import HEAD, ROOM, SNUG, Frame, draw, frame_face, frame_middle
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


def overhang(frame: Frame, width: int, height: int) -> tuple[float, float, float, float]:
    """How far the square leaves the picture at the left, the right, the top and the bottom, in pixels."""
    across, down = zip(*corners(frame), strict=True)
    over = (-min(across), max(across) - width, -min(down), max(down) - height)
    return tuple(max(0.0, length) for length in over)


@pytest.mark.parametrize("angle", [0, 180])
def test_near_an_edge_it_shrinks_a_little_and_slides(angle: float) -> None:
    near, nearer = (frame_face(Face(x, 500, 100, angle), 1000, 1000) for x in (130, 60))
    assert (near.x, near.side) == pytest.approx((130, 260))
    assert (nearer.x, nearer.side) == pytest.approx((SNUG * 50, SNUG * 100))


@given(st.floats(0, 1000), st.floats(0, 800), st.floats(20, 330))
def test_all_the_room_above_an_upright_face_is_used(x: float, y: float, size: float) -> None:
    above = y - corners(frame_face(Face(x, y, size, 0), 1000, 800))[0][1]
    assert above >= min(ROOM / 2 * size, y) - 1e-6


@given(sides, sides, parts, parts, st.floats(0.05, 3), st.sampled_from([0, 90, 180, -90]))
def test_upright_square_never_leaves_the_picture(
    width: int, height: int, right: float, down: float, part: float, angle: float
) -> None:
    face = Face(right * width, down * height, part * min(width, height), angle)
    assert inside(frame_face(face, width, height), width, height)


@given(sides, sides, st.floats(0.6, 3), angles)
def test_square_of_a_large_tilted_face_overhangs_opposite_edges_equally(
    width: int, height: int, part: float, angle: float
) -> None:
    frame = frame_face(Face(width / 2, height / 2, part * min(width, height), angle), width, height)
    left, right, top, bottom = overhang(frame, width, height)
    assert frame.side <= min(width, height)
    if left and right:
        assert left == pytest.approx(right)
    if top and bottom:
        assert top == pytest.approx(bottom)


@given(sides, sides, parts, parts, st.floats(0.05, 1), angles)
def test_square_leaves_the_picture_only_for_the_head(
    width: int, height: int, right: float, down: float, part: float, angle: float
) -> None:
    size = part * min(width, height)
    face = Face(*placed(width, height, right, down, 1.1 * size), size, angle)
    frame = frame_face(face, width, height)
    if not inside(frame, width, height):
        assert frame.side <= HEAD * size * (1 + 1e-9)


@given(sides, sides, st.floats(-5, 5))
def test_face_larger_than_the_picture_gets_all_of_it(width: int, height: int, angle: float) -> None:
    frame = frame_face(Face(0.4 * width, 0.4 * height, max(width, height), angle), width, height)
    assert frame.side == min(width, height)
    if width == height:
        assert (frame.x, frame.y) == pytest.approx((width / 2, height / 2), rel=0.03)


def placed(width: int, height: int, right: float, down: float, room: float) -> tuple[float, float]:
    """Return a place in the picture, 0 to 1 each way, with this much room between it and the edges."""
    edge = min(room, width / 2, height / 2)
    return edge + right * (width - 2 * edge), edge + down * (height - 2 * edge)


@given(sides, sides, parts, parts, st.floats(0.05, 0.99), angles)
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
def test_square_is_never_smaller_than_the_head_and_holds_the_face_s_middle(
    x: float, y: float, size: float, angle: float
) -> None:
    frame = frame_face(Face(x, y, size, angle), 200, 200)
    assert frame.side >= min(HEAD * size, 200) * (1 - 1e-9)
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


def test_draw_beyond_the_edge_mirrors_the_picture() -> None:
    picture = ramp(200, 200)
    drawn = draw(picture, Frame(0, 100, 100), 100)
    assert np.array_equal(drawn[:, :50], drawn[:, 50:][:, ::-1])
    assert np.array_equal(drawn[:, 50:], picture[50:150, :50])


def test_draw_beyond_the_corner_makes_nothing_up() -> None:
    drawn = draw(np.full((50, 50, 3), 77, np.uint8), Frame(0, 0, 80, 30), 64)
    assert (drawn == 77).all()


@given(st.integers(64, 12_000), st.integers(64, 12_000))
def test_without_a_face_it_is_the_largest_square_of_the_upper_middle(width: int, height: int) -> None:
    frame = frame_middle(width, height)
    above = frame.y - frame.side / 2
    assert (frame.x, frame.side, frame.angle) == (width / 2, min(width, height), 0)
    assert inside(frame, width, height)
    assert above <= (height - frame.side) / 4


@pytest.mark.parametrize(("width", "height"), [(550, 761), (1080, 1920)])
def test_without_a_face_it_does_not_behead_who_stands_there(width: int, height: int) -> None:
    """A head begins a twelfth of the picture below its edge, in a full-length photograph."""
    frame = frame_middle(width, height)
    assert frame.y - frame.side / 2 < height / 12
