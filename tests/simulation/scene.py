"""A world put together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from game.catalogue import Catalogue
from tests.simulation import aws
from tests.simulation.background import Background
from tests.simulation.clock import now
from tests.simulation.faults import Faults, Rates
from tests.simulation.gateway import SimulatedGateway
from tests.simulation.push import mortal_client
from tests.simulation.world import Clock, Engine, World

AnyWorld = TypeVar("AnyWorld", bound=World)


def world(
    catalogue: Catalogue, seed: int, rates: Rates, *, direct_limit: int
) -> AbstractAsyncContextManager[World]:
    """Yield a world without players. Everything random in it follows from the seed.

    Boards with more than `direct_limit` subscribers have pushers.
    """
    return world_of(World, catalogue, seed, rates, direct_limit=direct_limit, clocks=(now,))


@asynccontextmanager
async def world_of(
    kind: type[AnyWorld],
    catalogue: Catalogue,
    seed: int,
    rates: Rates,
    *,
    direct_limit: int,
    clocks: Sequence[Clock],
) -> AsyncIterator[AnyWorld]:
    """Yield a world of a kind, whose functions go by any of the `clocks`."""
    faults = Faults(seed, rates)
    engine = Engine(faults)
    gateway = SimulatedGateway(faults, Background())
    async with (
        aws.database(aws.shared_session(), engine.respond) as (db, direct),
        mortal_client(gateway.respond, faults) as push,
    ):
        engine.direct = direct
        yield kind(catalogue, faults, engine, db, gateway, push, direct_limit, clocks)
