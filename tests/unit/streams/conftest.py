"""What the tests of the broadcaster share."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.streams.broadcast_scene import BroadcastScene, broadcast_scene


@pytest.fixture
async def scene() -> AsyncIterator[BroadcastScene]:
    """Yield boards of three, without entries and subscribers."""
    async with broadcast_scene() as it:
        yield it
