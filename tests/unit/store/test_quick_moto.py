"""Moto as the tests have it: it answers as Moto by itself does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import RequestError
from store.schema import SCORES
from tests.simulation import aws, quick_moto
from tests.simulation.clock import run
from tests.support.damage import VALUES

KEY = {"gameArea": {"S": "forest"}, "score": {"S": "1"}}


def requests(row: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Requests of every kind about a row; some are refused."""
    table = {"TableName": SCORES.name}
    keys = {SCORES.name: {"Keys": [KEY]}}
    update = table | {
        "Key": KEY,
        "UpdateExpression": "SET more = :more",
        "ExpressionAttributeValues": {":more": {"N": "1"}},
    }
    here, gone = ({"ConditionExpression": f"attribute_{how}(score)"} for how in ("exists", "not_exists"))
    return [
        ("get_item", table | {"Key": KEY}),
        ("batch_get_item", {"RequestItems": keys}),
        ("put_item", table | {"Item": row}),
        ("put_item", table | {"Item": row} | gone),
        (
            "put_item",
            table | {"Item": row} | gone | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
        ),
        ("get_item", table | {"Key": KEY, "ReturnConsumedCapacity": "TOTAL"}),
        ("update_item", update | {"ReturnValues": "ALL_NEW"}),
        ("update_item", update | {"UpdateExpression": "SET :more"}),
        ("scan", table),
        (
            "query",
            table
            | {
                "KeyConditionExpression": "gameArea = :a",
                "ExpressionAttributeValues": {":a": KEY["gameArea"]},
            },
        ),
        (
            "query",
            table
            | {
                "KeyConditionExpression": "nothing = :a",
                "ExpressionAttributeValues": {":a": KEY["gameArea"]},
            },
        ),
        ("scan", table | {"Limit": 1, "Select": "COUNT"}),
        ("batch_get_item", {"RequestItems": keys}),
        ("transact_get_items", {"TransactItems": [{"Get": table | {"Key": KEY}}]}),
        ("transact_write_items", {"TransactItems": [{"Put": table | {"Item": row} | gone}]}),
        (
            "transact_write_items",
            {"TransactItems": [{"Put": table | {"Item": row} | here}], "ClientRequestToken": "x" * 9},
        ),
        ("delete_item", table | {"Key": KEY, "ReturnValues": "ALL_OLD"}),
        ("batch_write_item", {"RequestItems": {SCORES.name: [{"PutRequest": {"Item": row}}]}}),
        ("delete_item", {"TableName": "nothing", "Key": KEY}),
        ("scan", table),
    ]


async def answers(row: dict[str, Any]) -> list[Any]:
    async with aws.database(aws.shared_session()) as (_, direct):
        return [await answer(direct.client, *request) for request in requests(row)]


async def answer(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    try:
        told = await getattr(client, operation)(**parameters)
    except RequestError as error:
        cause: Any = error.__cause__
        told = cause.response
    return {name: value for name, value in told.items() if name != "ResponseMetadata"}


@settings(max_examples=10)
@given(st.dictionaries(st.text(min_size=1, max_size=9), VALUES, max_size=4))
def test_any_row_is_answered_for_as_moto_and_the_sdk_do_by_themselves(attributes: dict[str, Any]) -> None:
    row = attributes | KEY
    quick = run(answers(row))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick_moto, "ROWS", ())
        assert quick == run(answers(row))


def test_refused_transaction_changes_neither_rows_nor_stream() -> None:
    async def refused() -> tuple[object, object]:
        async with aws.database(aws.shared_session()) as (_, direct):
            client = direct.client
            nested: Any = {
                "list": {"L": [{"N": "1"}]},
                "map": {"M": {"a": {"S": "old"}}},
                "set": {"SS": ["a"]},
            }
            await client.put_item(TableName=SCORES.name, Item=KEY | nested)
            await client.put_item(
                TableName=SCORES.name, Item={"gameArea": {"S": "desert"}, "score": KEY["score"]}
            )
            before = (await client.scan(TableName=SCORES.name))["Items"], aws.score_records()
            change: Any = {
                "TableName": SCORES.name,
                "Key": KEY,
                "UpdateExpression": "SET a = :a, #l[0] = :a, #l[1] = :a, #m.a = :a ADD #s :s",
                "ExpressionAttributeNames": {"#l": "list", "#m": "map", "#s": "set"},
                "ExpressionAttributeValues": {":a": {"N": "2"}, ":s": {"SS": ["b"]}},
            }
            gone: Any = {
                "TableName": SCORES.name,
                "Key": {"gameArea": {"S": "desert"}, "score": KEY["score"]},
            }
            put: Any = {
                "TableName": SCORES.name,
                "Item": KEY | {"score": {"S": "2"}},
                "ConditionExpression": "attribute_exists(score)",
            }
            with pytest.raises(RequestError, match="ConditionalCheckFailed"):
                await client.transact_write_items(
                    TransactItems=[{"Update": change}, {"Delete": gone}, {"Put": put}]
                )
            after = (await client.scan(TableName=SCORES.name))["Items"], aws.score_records()
            await client.put_item(TableName=SCORES.name, Item=KEY | {"score": {"S": "3"}})
            assert len(aws.score_records()) == len(before[1]) + 1
            await client.transact_write_items(TransactItems=[{"Update": change}, {"Delete": gone}])
            (row,) = [row for row in (await client.scan(TableName=SCORES.name))["Items"] if "a" in row]
            assert row["list"]["L"] == [{"N": "2"}, {"N": "2"}]
            assert row["map"]["M"] == {"a": {"N": "2"}}
            assert sorted(row["set"]["SS"]) == ["a", "b"]
        return before, after

    before, after = run(refused())
    assert before == after
