"""What the tests of the runtime share."""

import pytest

from tests.unit.realtime import user_pool


@pytest.fixture
def _token_time(monkeypatch: pytest.MonkeyPatch) -> None:
    user_pool.stop_time(monkeypatch)
