"""The tables' definition, and what CreateTable is asked for."""

import pytest

from store.schema import (
    CONNECTIONS,
    LEADERBOARDS,
    SCORES,
    TABLES,
    USER_PROFILES,
    USER_PROGRESS,
    Table,
    create_request,
)
from tests.simulation import aws


def test_keys_match_the_design() -> None:
    assert {table.name: (table.partition_key, table.sort_key) for table in TABLES} == {
        "UserProfiles": ("userId", None),
        "UserProgress": ("userId", None),
        "Scores": ("gameArea", "score"),
        "Connections": ("channel", "connectionId"),
        "Leaderboards": ("gameArea", None),
        "Idempotency": ("id", None),
        "Players": ("userId", None),
        "Budgets": ("id", None),
    }


def test_only_scores_has_a_stream_of_new_images() -> None:
    assert {table.name: table.stream for table in TABLES if table.stream} == {"Scores": "NEW_IMAGE"}


def test_rows_that_end_by_themselves_have_a_ttl() -> None:
    assert {table.name for table in TABLES if table.ttl} == {"Connections", "Idempotency", "Players"}


def test_request_declares_each_key_once_as_a_string() -> None:
    request = create_request(CONNECTIONS, "dev-Connections")
    assert request["TableName"] == "dev-Connections"
    assert request["AttributeDefinitions"] == [
        {"AttributeName": "channel", "AttributeType": "S"},
        {"AttributeName": "connectionId", "AttributeType": "S"},
    ]
    (index,) = request["GlobalSecondaryIndexes"]
    assert index["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]


@pytest.mark.parametrize("table", [USER_PROFILES, USER_PROGRESS, LEADERBOARDS])
def test_request_for_a_plain_table_has_neither_index_nor_stream(table: Table) -> None:
    request = create_request(table, table.name)
    assert "GlobalSecondaryIndexes" not in request
    assert "StreamSpecification" not in request
    assert request["KeySchema"] == [{"AttributeName": table.partition_key, "KeyType": "HASH"}]


async def test_engine_makes_the_tables_as_defined() -> None:
    async with aws.database(aws.shared_session()) as (db, _):
        for table in TABLES:
            made = (await db.client.describe_table(TableName=table.name))["Table"]
            keys = [key["AttributeName"] for key in made["KeySchema"]]
            assert keys == [key for key in (table.partition_key, table.sort_key) if key]
        stream = (await db.client.describe_table(TableName=SCORES.name))["Table"]["StreamSpecification"]
        assert stream == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
