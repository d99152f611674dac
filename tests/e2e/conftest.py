"""One running backend of each kind for the whole session, and the players who use it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from _pytest.mark import ParameterSet
from playwright.async_api import Browser

from game.catalogue import DEFAULT_PATH
from tests.e2e.backend import Backend, BackendProcess, Ports, running
from tests.e2e.browser import chromium
from tests.e2e.calls import beyond, granted, recorded, recording_variables
from tests.e2e.deployment import Deployment
from tests.e2e.player import Player
from tests.support.clients import get
from tests.support.waiting import COMMAND_SECONDS, PATIENCE_SECONDS

ARENAS = 64
"""How many areas the tests have to use up in one session."""
DEPLOYED_SECONDS = 5 * COMMAND_SECONDS
"""For a test on the stacks, as the first has them deployed: what hangs then ends, and says so, before it."""

SignUp = Callable[[str], Awaitable[Player]]

DUEL = "duel"
"""An area with a tie-break and metadata: desc, top 5, more coins before fewer."""

DUEL_TOML = f"""
[areas.{DUEL}]
title = "Duel at Noon"
order = "desc"
min = 0
max = 1_000_000
top = 5
tiebreak = {{ name = "coins", order = "desc", min = 0, max = 10_000 }}
metadata = 256
"""
FLASH = "flash"
"""An area without a board of its own, and `FLASH_BOARD` over it, whose seasons take FLASH_SECONDS."""
FLASH_BOARD = "flash-week"
FLASH_SECONDS = 10

FLASH_TOML = f"""
[areas.{FLASH}]
title = "Flash"
order = "desc"
min = 0
max = 1_000

[boards.{FLASH_BOARD}]
title = "Flash, this season"
areas = ["{FLASH}"]
top = 5
season = "flash"

[[boards.{FLASH_BOARD}.prizes]]
ranks = [1, 1]
money = 500
items = {{ camel = 1 }}

[[boards.{FLASH_BOARD}.prizes]]
top = "50%"
money = 20

[seasons.flash]
start = 2026-01-05T00:00:00Z
every = "{FLASH_SECONDS}s"
grace = "1s"
review = "3s"
keep = 30
"""
DOUBTED = "doubted"
"""An area whose every score is held: desc, top 5, a run takes an hour; a player may submit nine a day."""

DOUBTED_TOML = f"""
[areas.{DOUBTED}]
title = "Hall of Doubt"
order = "desc"
min = 0
max = 1_000_000
top = 5

[areas.{DOUBTED}.rules]
run = "required"
min_time = "1h"
attempts = "9/1d"
on_doubt = "hold"
"""
_ARENA = """
[areas.arena-{number}]
title = "Arena {number}"
order = "desc"
min = -1_000
max = 1_000_000
top = 5
"""


def deployed(*values: object) -> ParameterSet:
    """Return the parameters of one case on the deployed stacks: the backend, and what follows."""
    return pytest.param("deployed", *values, marks=pytest.mark.timeout(DEPLOYED_SECONDS))


_DEPLOYED = deployed()
on_both = pytest.mark.parametrize("backend", ["run", _DEPLOYED], indirect=True)
"""A test that must hold for `make run` and for the deployed stacks alike."""
on_deployed = pytest.mark.parametrize("backend", [_DEPLOYED], indirect=True)
"""A test of the deployed stacks."""


@pytest.fixture(scope="session")
def catalogue() -> str:
    """Podium's own areas; one with a tie-break, with short seasons, that holds scores; arenas to use up."""
    arenas = [_ARENA.format(number=number) for number in range(ARENAS)]
    return DEFAULT_PATH.read_text() + DUEL_TOML + FLASH_TOML + DOUBTED_TOML + "".join(arenas)


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
    """Return the folder where the deployed functions' calls of AWS are recorded.

    All that the session's tests have them do, so that a right counts as used by whichever test needed it.
    """
    return tmp_path_factory.mktemp("calls")


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory,
    unused_tcp_port_factory: Callable[[], int],
    catalogue: str,
    recorded_calls: Path,
) -> Iterator[Deployment]:
    """Yield the stacks, deployed with the tests' catalogue.

    At the end no function may have logged an error or done what it may not, and when they are destroyed
    nothing may be left.
    """
    made = Deployment(
        tmp_path_factory.mktemp("deployment"),
        unused_tcp_port_factory,
        catalogue,
        recording_variables(recorded_calls),
    )
    try:
        made.start()
        yield made
        assert made.new_errors() == []
        done = recorded(recorded_calls, made.settings.prefix, made.api)
        assert beyond(asyncio.run(granted(made)), done) == {}
        there = asyncio.run(made.resources())
        assert [kind for kind, names in there.items() if not names] == [], (
            "of what there is nothing to destroy"
        )
        made.destroy()
        left = asyncio.run(made.resources())
        assert {kind: names for kind, names in left.items() if names} == {}
    finally:
        made.stop()


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return the backend of a test: `make run` where it does not say otherwise."""
    kind = "deployment" if getattr(request, "param", "run") == "deployed" else "running_backend"
    chosen: Backend = request.getfixturevalue(kind)
    return chosen


@pytest.fixture(scope="module")
def plain_backend(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[BackendProcess]:
    """Yield a backend with Podium's own catalogue, as a newcomer sees it; one for each module that asks."""
    with running(tmp_path_factory.mktemp("plain"), Ports.free(unused_tcp_port_factory)) as process:
        yield process


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Yield a headless Chromium."""
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def _arenas() -> Iterator[str]:
    return (f"arena-{number}" for number in range(ARENAS))


@pytest.fixture
def new_arena(_arenas: Iterator[str]) -> Callable[[], str]:
    """Areas that no other test scores in: desc, from -1,000 to 1,000,000, top 5, not in the global sum."""

    def new_arena() -> str:
        arena = next(_arenas, None)
        assert arena is not None, f"the session's {ARENAS} arenas are used up: it takes more ARENAS"
        return arena

    return new_arena


@pytest.fixture
def arena(new_arena: Callable[[], str]) -> str:
    """One of them."""
    return new_arena()


@pytest.fixture
async def http(backend: Backend) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the REST API."""
    async with httpx.AsyncClient(
        base_url=backend.rest_url,
        timeout=PATIENCE_SECONDS,
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
    """Whatever a test throws at the shared backend: it stays healthy and logs no error."""
    if "backend" not in request.fixturenames:
        yield
        return
    backend: Backend = request.getfixturevalue("backend")
    yield
    health = get(f"{backend.rest_url}/health", verify=backend.trusts or True)
    assert health.json() == {"status": "ok"}
    assert backend.new_errors() == []
