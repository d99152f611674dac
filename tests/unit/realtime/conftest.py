"""What the tests of live connections share."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.realtime import user_pool
from tests.unit.realtime.live_scene import LiveScene, catalogue_of, live_scene


@pytest.fixture
def _token_time(monkeypatch: pytest.MonkeyPatch) -> None:
    user_pool.stop_time(monkeypatch)


@pytest.fixture
async def scene() -> AsyncIterator[LiveScene]:
    """Three areas, with boards of three, and no client connected."""
    async with live_scene(catalogue_of(3)) as it:
        yield it
