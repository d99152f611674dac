"""The tables' definition, and what CreateTable is asked for."""

import pytest

from store.schema import (
    BUDGETS,
    CONNECTIONS,
    TABLES,
    USER_PROFILES,
    USER_PROGRESS,
    Table,
    create_request,
)


def test_rows_that_end_by_themselves_have_a_ttl() -> None:
    assert {table.name for table in TABLES if table.ttl} == {
        "Budgets",
        "Connections",
        "Idempotency",
        "Limits",
        "Players",
        "Scores",
        "Standings",
    }


def test_request_declares_each_key_once_as_a_string() -> None:
    request = create_request(CONNECTIONS, "dev-Connections")
    assert request["TableName"] == "dev-Connections"
    assert request["AttributeDefinitions"] == [
        {"AttributeName": "channel", "AttributeType": "S"},
        {"AttributeName": "connectionId", "AttributeType": "S"},
    ]
    (index,) = request["GlobalSecondaryIndexes"]
    assert index["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]


@pytest.mark.parametrize("table", [USER_PROFILES, USER_PROGRESS, BUDGETS])
def test_request_for_a_plain_table_has_neither_index_nor_stream(table: Table) -> None:
    request = create_request(table, table.name)
    assert "GlobalSecondaryIndexes" not in request
    assert "StreamSpecification" not in request
    assert request["KeySchema"] == [{"AttributeName": table.partition_key, "KeyType": "HASH"}]
