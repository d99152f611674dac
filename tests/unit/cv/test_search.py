from hypothesis import given
from hypothesis import strategies as st

from cv.search import views

sides = st.integers(64, 800)
parts = st.floats(0, 1)


@given(sides, st.floats(1, 30), st.booleans(), parts)
def test_squares_show_half_their_width_whole_in_a_long_picture(
    shorter: int, times: float, tall: bool, part: float
) -> None:
    assert_shown(shorter, round(shorter * times), shorter, tall, 0.5, part)


@given(sides, st.floats(1, 5), st.booleans(), parts, parts)
def test_smaller_squares_show_half_their_width_whole(
    shorter: int, times: float, tall: bool, across: float, along: float
) -> None:
    assert_shown(shorter, round(shorter * times), (shorter + 1) // 2, tall, across, along)


def assert_shown(shorter: int, longer: int, tile: int, tall: bool, across: float, along: float) -> None:
    """A square half as wide as a tile, anywhere in the picture, lies whole in a tile, but for rounding."""
    width, height = (shorter, longer) if tall else (longer, shorter)
    right, down = (across, along) if tall else (along, across)
    half = tile // 2 - 2
    x, y = right * (width - half), down * (height - half)
    assert any(
        left <= x and x + half <= r and top <= y and y + half <= bottom
        for left, top, r, bottom in list(views(width, height, tile))[1:] or [(0, 0, width, height)]
    )


@given(st.integers(64, 12_000), st.integers(64, 12_000), st.booleans())
def test_squares_are_few_and_inside_the_picture(width: int, height: int, half: bool) -> None:
    tile = (min(width, height) + 1) // 2 if half else min(width, height)
    whole, *squares = views(width, height, tile)
    assert whole == (0, 0, width, height)
    assert len(squares) <= 64
    for left, top, right, bottom in squares:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert right - left == bottom - top == tile
