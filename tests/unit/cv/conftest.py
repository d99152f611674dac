"""What the tests of the portrait container share."""

from collections.abc import Iterator

import pytest

from cv.vision import GraphicsLibraryError, Models


@pytest.fixture(scope="session")
def models() -> Iterator[Models]:
    """The networks, loaded once; without the graphics libraries the tests of them are skipped, by name."""
    try:
        loaded = Models()
    except GraphicsLibraryError as error:
        pytest.skip(str(error))
    with loaded:
        yield loaded
