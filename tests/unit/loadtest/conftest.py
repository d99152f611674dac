"""A stand-in for a backend, and an HTTP client."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from loadtest.rest import open_http
from tests.unit.loadtest.stand_in import StandIn


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    """Yield a stand-in that works."""
    async with StandIn.running() as stand_in:
        yield stand_in


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield the client that the load test asks with."""
    async with open_http() as http:
        yield http
