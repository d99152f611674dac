"""One running backend of each kind for the whole session, and the players who use it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from game.catalogue import DEFAULT_PATH
from tests.e2e.backend import Backend, BackendProcess, Ports, running
from tests.e2e.browser import chromium
from tests.e2e.calls import variables
from tests.e2e.deployment import Deployment
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


on_both = pytest.mark.parametrize("backend", ["run", "deployed"], indirect=True)
"""A test that must hold for `make run` and for the deployed stacks alike."""
on_deployed = pytest.mark.parametrize("backend", ["deployed"], indirect=True)
"""A test of the deployed stacks."""


@pytest.fixture(scope="session")
def catalogue() -> str:
    """Podium's own areas, and 36 arenas with a top 5 for the tests to use up."""
    arenas = [_ARENA.format(number=number) for number in range(ARENAS)]
    return DEFAULT_PATH.read_text() + "".join(arenas)


@pytest.fixture(scope="session")
def running_backend(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int], catalogue: str
) -> Iterator[BackendProcess]:
    """`make run` with the tests' catalogue.

    At the end it must stop cleanly at Ctrl-C, having logged no traceback and answered no 5xx.
    """
    folder = tmp_path_factory.mktemp("backend")
    path = folder / "catalogue.toml"
    path.write_text(catalogue)
    with running(folder / "data", Ports.free(unused_tcp_port_factory), catalogue=path) as process:
        yield process


@pytest.fixture(scope="session")
def recorded_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where the deployed functions' calls of AWS are recorded."""
    return tmp_path_factory.mktemp("calls")


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory,
    unused_tcp_port_factory: Callable[[], int],
    catalogue: str,
    recorded_calls: Path,
) -> Iterator[Deployment]:
    """The stacks, deployed with the tests' catalogue.

    At the end no function may have logged an error, and when they are destroyed nothing may be left.
    """
    made = Deployment(
        tmp_path_factory.mktemp("deployment"), unused_tcp_port_factory, catalogue, variables(recorded_calls)
    )
    try:
        made.start()
        yield made
        assert asyncio.run(made.errors()) == []
        assert asyncio.run(made.left_over()) != []
        made.destroy()
        assert asyncio.run(made.left_over()) == []
    finally:
        made.stop()


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    """The backend of a test: `make run` where it does not say otherwise."""
    kind = "deployment" if getattr(request, "param", "run") == "deployed" else "running_backend"
    chosen: Backend = request.getfixturevalue(kind)
    return chosen


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
def new_arena(_arenas: Iterator[str]) -> Callable[[], str]:
    """Areas that no other test scores in: desc, from -1,000 to 1,000,000, top 5, not in the global sum."""
    return lambda: next(_arenas)


@pytest.fixture
def arena(new_arena: Callable[[], str]) -> str:
    """One of them."""
    return new_arena()


@pytest.fixture
async def http(backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the REST API."""
    async with httpx.AsyncClient(
        base_url=backend.rest_url,
        timeout=30,
        trust_env=False,
        verify=backend.trusts or True,
        limits=httpx.Limits(max_connections=backend.parallel_requests),
    ) as client:
        yield client


@pytest.fixture
def sign_up(backend: Backend, http: httpx.AsyncClient) -> SignUp:
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
    backend: Backend = request.getfixturevalue("backend")
    before = len(backend.log)
    yield
    health = httpx.get(f"{backend.rest_url}/health", trust_env=False, verify=backend.trusts or True)
    assert health.json() == {"status": "ok"}
    log = backend.log[before:]
    assert "Traceback" not in log
    assert " ERROR " not in log
