"""What the tests of live connections share."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, tzinfo

import pytest

from tests.unit.realtime import user_pool
from tests.unit.realtime.live_scene import LiveScene, catalogue_of, live_scene


class StoppedDatetime(datetime):
    """The moment at which every token of the tests is judged."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "StoppedDatetime":
        return cls.fromtimestamp(user_pool.NOW, tz or UTC)


@pytest.fixture
def _token_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jwt.api_jwt.datetime", StoppedDatetime)


@pytest.fixture
async def scene() -> AsyncIterator[LiveScene]:
    """Three areas, with boards of three, and no client connected."""
    async with live_scene(catalogue_of(3)) as it:
        yield it
