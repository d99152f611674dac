"""What the tests of the buildspecs share."""

from pathlib import Path

import pytest

from tests.unit.pipeline.build_scene import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty desk, with the source on it."""
    return Desk(tmp_path)
