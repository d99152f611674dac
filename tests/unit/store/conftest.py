"""What the tests of the tables share."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.store.interrupted import InterruptedDatabase, interrupted_database


@pytest.fixture
async def tables() -> AsyncIterator[InterruptedDatabase]:
    """Empty tables, and nothing that interrupts."""
    async with interrupted_database() as it:
        yield it
