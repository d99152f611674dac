"""A world put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from game.catalogue import Catalogue
from tests.simulation import aws
from tests.simulation.background import Background
from tests.simulation.faults import Faults, Rates
from tests.simulation.gateway import SimulatedGateway
from tests.simulation.push import mortal_client
from tests.simulation.world import Engine, World


@asynccontextmanager
async def world(catalogue: Catalogue, seed: int, rates: Rates, *, direct_limit: int) -> AsyncIterator[World]:
    """Yield a world without players. Everything random in it follows from the seed.

    Boards with more than `direct_limit` subscribers have pushers.
    """
    faults = Faults(seed, rates)
    engine = Engine(faults)
    gateway = SimulatedGateway(faults, Background())
    async with (
        aws.database(aws.shared_session(), engine.respond) as (db, direct),
        mortal_client(gateway.respond, faults) as push,
    ):
        engine.direct = direct
        yield World(catalogue, faults, engine, db, gateway, push, direct_limit)
