"""One running backend for the whole session, and the players who use it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import pytest
from playwright.async_api import Browser

from game.catalogue import DEFAULT_PATH
from tests.e2e.backend import BackendProcess, Ports, running
from tests.e2e.browser import chromium
from tests.e2e.player import Player

ARENAS = 36
SignUp = Callable[[str], Awaitable[Player]]

_ARENA = """
[areas.arena-{number}]
title = "Arena {number}"
order = "desc"
min = -1_000
max = 1_000_000
top = 5
counts = false
"""


@pytest.fixture(scope="session")
def backend(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[BackendProcess]:
    """A backend whose catalogue has Podium's own areas, and 36 arenas with a top 5 for the tests to use up.

    At the end it must stop cleanly at Ctrl-C, having logged no traceback and answered no 5xx.
    """
    folder = tmp_path_factory.mktemp("backend")
    catalogue = folder / "catalogue.toml"
    arenas = [_ARENA.format(number=number) for number in range(ARENAS)]
    catalogue.write_text(DEFAULT_PATH.read_text() + "".join(arenas))
    with running(folder / "data", Ports.free(unused_tcp_port_factory), catalogue=catalogue) as process:
        yield process


@pytest.fixture(scope="module")
def plain_backend(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[BackendProcess]:
    """A backend with Podium's own catalogue, as a newcomer sees it; one for each module that asks."""
    with running(tmp_path_factory.mktemp("plain"), Ports.free(unused_tcp_port_factory)) as process:
        yield process


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def _arenas() -> Iterator[str]:
    return (f"arena-{number}" for number in range(ARENAS))


@pytest.fixture
def arena(_arenas: Iterator[str]) -> str:
    """An area that no other test scores in: desc, from -1,000 to 1,000,000, top 5, not in the global sum."""
    return next(_arenas)


@pytest.fixture
async def http(backend: BackendProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the REST API."""
    async with httpx.AsyncClient(base_url=backend.rest_url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def sign_up(backend: BackendProcess, http: httpx.AsyncClient) -> SignUp:
    """Signs up a player of a given name."""

    async def sign_up(name: str) -> Player:
        return await Player.sign_up(backend, http, name)

    return sign_up


@pytest.fixture(autouse=True)
def _unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test throws at the shared backend: it answers no 5xx and logs no traceback."""
    if "backend" not in request.fixturenames:
        yield
        return
    process: BackendProcess = request.getfixturevalue("backend")
    before = len(process.log)
    yield
    assert httpx.get(f"{process.rest_url}/health", trust_env=False).json() == {"status": "ok"}
    log = process.log[before:]
    assert "Traceback" not in log
    assert " ERROR " not in log
