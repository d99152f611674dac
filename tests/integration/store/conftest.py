"""The same tables on two engines: moto in this process, and ministack over HTTP."""

from collections.abc import AsyncIterator

import aioboto3
import pytest

from game.catalogue import Catalogue
from local.provision import create_tables
from store.database import Database
from tests.simulation import aws


@pytest.fixture(params=["moto", "ministack"])
def engine(request: pytest.FixtureRequest) -> str:
    """Return the engine that the test runs against."""
    name: str = request.param
    if name == "ministack":
        request.getfixturevalue("aws_environment")
    return name


@pytest.fixture
async def db(engine: str) -> AsyncIterator[Database]:
    """Empty tables."""
    if engine == "moto":
        async with aws.database(aws.shared_session()) as (database, _):
            yield database
    else:
        async with aioboto3.Session().client("dynamodb") as client:
            database = Database(client, prefix="contract-")
            await create_tables(database)
            yield database


@pytest.fixture
def catalogue() -> Catalogue:
    """Two areas that add up, one of which gives negative points as well, and a time trial."""
    forest = {"title": "Forest", "order": "desc", "min": 0, "max": 1_000_000, "top": 3}
    return Catalogue.model_validate(
        {
            "boards": {"global": {"title": "All", "top": 3, "areas": ["forest", "pit"]}},
            "areas": {
                "forest": forest,
                "pit": forest | {"title": "Pit", "min": -1_000},
                "sprint": forest | {"title": "Sprint", "order": "asc", "min": 1},
            },
        }
    )
