"""A world put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiobotocore.config import AioConfig

from game.catalogue import Catalogue
from realtime.push import ManagementApiPushClient
from tests.simulation import aws
from tests.simulation.background import Background
from tests.simulation.faults import Faults, Rates
from tests.simulation.gateway import SimulatedGateway
from tests.simulation.world import Engine, World

_CONFIG = AioConfig(retries={"total_max_attempts": 1})


@asynccontextmanager
async def world(catalogue: Catalogue, seed: int, rates: Rates, *, direct_limit: int) -> AsyncIterator[World]:
    """A world with nobody in it. Everything random in it follows from the seed.

    Boards with more than `direct_limit` subscribers have pushers.
    """
    faults = Faults(seed, rates)
    engine = Engine(faults)
    gateway = SimulatedGateway(faults, Background())
    session = aws.shared_session()
    async with (
        aws.database(session, engine.respond) as (db, direct),
        aws.answered_client(
            session,
            "apigatewaymanagementapi",
            gateway.respond,
            endpoint_url="http://gateway.invalid",
            config=_CONFIG,
        ) as client,
    ):
        engine.direct = direct
        yield World(catalogue, faults, engine, db, gateway, ManagementApiPushClient(client), direct_limit)
