"""What requests cost, over moto's tables."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.capacity import Cost, Meter, UncountedError, item_size
from store.database import Database, to_item
from store.schema import CONNECTIONS, USER_PROFILES
from tests.simulation import aws

PROFILES, ROWS = USER_PROFILES.name, CONNECTIONS.name
ADA = to_item({"userId": "ada"})


@pytest.fixture
async def tables() -> AsyncIterator[tuple[Database, Database]]:
    """The tables, once counted and once not."""
    async with aws.database(aws.shared_session()) as both:
        yield both


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"id": "ada"}, 2 + 3),
        ({"größe": "€"}, 7 + 3),
        ({"n": 0}, 1 + 2),
        ({"n": 1234567}, 1 + 5),
        ({"n": -1_000_000}, 1 + 3),
        ({"yes": True}, 3 + 1),
        ({"list": ["ab", 1]}, 4 + 3 + (1 + 2) + (1 + 2)),
        ({"map": {"key": "ab"}}, 3 + 3 + (1 + 3 + 2)),
    ],
)
def test_size_of_an_item(item: dict[str, Any], size: int) -> None:
    assert item_size(to_item(item)) == size


def test_set_has_no_size_that_we_know() -> None:
    with pytest.raises(UncountedError, match="SS"):
        item_size({"tags": {"SS": ["a"]}})


# The documentation's own examples of how units round, and the same row in a transaction.
@pytest.mark.parametrize(
    ("size", "consistent", "transaction"), [(2048, 1, 2), (4096, 1, 2), (4097, 2, 4), (6144, 2, 4)]
)
async def test_read_of_a_row(
    tables: tuple[Database, Database], size: int, consistent: float, transaction: float
) -> None:
    counted, plain = tables
    row = {"userId": "ada", "name": "x" * (size - len("userIdadaname"))}
    await plain.client.put_item(TableName=PROFILES, Item=to_item(row))
    meter = Meter(counted.client, plain.client)
    await counted.client.get_item(TableName=PROFILES, Key=ADA, ConsistentRead=True)
    assert meter.take().reads == consistent
    await counted.client.get_item(TableName=PROFILES, Key=ADA)
    assert meter.take().reads == consistent / 2
    await counted.client.transact_get_items(TransactItems=[{"Get": {"TableName": PROFILES, "Key": ADA}}])
    assert meter.take().reads == transaction
    await counted.client.batch_get_item(RequestItems={PROFILES: {"Keys": [ADA], "ConsistentRead": True}})
    assert meter.take().reads == consistent


async def test_read_of_nothing_costs_as_much_as_that_of_a_small_row(
    tables: tuple[Database, Database],
) -> None:
    counted, plain = tables
    meter = Meter(counted.client, plain.client)
    await counted.client.get_item(TableName=PROFILES, Key=ADA, ConsistentRead=True)
    await counted.client.transact_get_items(TransactItems=[{"Get": {"TableName": PROFILES, "Key": ADA}}])
    cost = meter.take()
    assert (cost.requests, cost.reads) == (2, 1 + 2)


# "… your Query returns 10 items whose combined size is 40.8 KB": 44 KB are counted.
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"ProjectionExpression": "connectionId"},
        {"Select": "COUNT"},
    ],
)
async def test_query_is_counted_by_the_bytes_of_all_its_rows(
    tables: tuple[Database, Database], asked: dict[str, Any]
) -> None:
    counted, plain = tables
    for number in range(10):
        row = {"channel": "forest", "connectionId": str(number), "userId": ""}
        row["userId"] = "x" * (int(40.8 * 1024 / 10) - item_size(to_item(row)))
        await plain.client.put_item(TableName=ROWS, Item=to_item(row))
    meter = Meter(counted.client, plain.client)
    request: Any = {
        "TableName": ROWS,
        "KeyConditionExpression": "channel = :channel",
        "ExpressionAttributeValues": to_item({":channel": "forest"}),
        **asked,
    }
    await counted.client.query(**request, ConsistentRead=True)
    cost = meter.take()
    assert (cost.requests, cost.reads) == (1, 11)
    await counted.client.query(**request)
    assert meter.take().reads == 5.5
    await counted.client.query(**request, Limit=1, ConsistentRead=True)
    assert meter.take().reads == 2


async def test_reported_units_are_the_engines(tables: tuple[Database, Database]) -> None:
    counted, plain = tables
    meter = Meter(counted.client, plain.client)
    await counted.client.put_item(TableName=PROFILES, Item=ADA)
    await counted.client.get_item(TableName=PROFILES, Key=ADA)
    assert meter.take() == Cost(requests=2, reported_reads=0.5, reads=0.5, writes=1)


async def test_unknown_request_is_refused(tables: tuple[Database, Database]) -> None:
    counted, plain = tables
    Meter(counted.client, plain.client)
    with pytest.raises(UncountedError, match="Scan"):
        await counted.client.scan(TableName=PROFILES)


def test_costs_add_up() -> None:
    total = Cost(1, 2, 3, 4) + Cost(3, 2, 1, 0)
    assert (total, total.each(4)) == (Cost(4, 4, 4, 4), Cost(1, 1, 1, 1))
