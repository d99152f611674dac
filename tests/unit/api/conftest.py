"""What the tests of the REST API share."""

from collections.abc import Iterator

import pytest

from tests.unit.api.rest_scene import RestScene, rest_scene


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestScene]:
    """The API with the catalogue that comes with Podium, and nobody's scores."""
    with rest_scene(monkeypatch) as scene:
        yield scene
