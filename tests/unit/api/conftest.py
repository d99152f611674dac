"""What the tests of the REST API share."""

from collections.abc import Iterator

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from api.backend import Backend
from tests.unit.api.rest_scene import PROCESSED, RestScene, rest_scene


def pytest_itemcollected(item: pytest.Item) -> None:
    """Powertools warns of a request that counts nothing."""
    item.add_marker(pytest.mark.filterwarnings("ignore:No application metrics"))


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestScene]:
    """Yield the API with the catalogue that comes with Podium, and no scores."""
    with rest_scene(monkeypatch) as scene:
        yield scene


@pytest.fixture
def portraits(rest: RestScene) -> None:
    """The API's bucket with nothing in it, and no portrait asked for yet."""
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].reset()
    PROCESSED.clear()

    async def create(backend: Backend) -> None:
        await backend.portraits.client.create_bucket(Bucket=backend.portraits.name)

    rest.container.run(create)
