"""Moto as the tests have it: it answers as Moto by itself does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.serialize import ResponseSerializer

from store.errors import RequestError
from store.schema import SCORES
from tests.simulation import aws, quick_moto
from tests.simulation.clock import run
from tests.support.damage import VALUES

KEY = {"gameArea": {"S": "forest"}, "score": {"S": "1"}}


@settings(max_examples=20)
@given(st.dictionaries(st.text(min_size=1, max_size=9), VALUES, max_size=4))
def test_any_row_is_read_as_moto_by_itself_reads_it(attributes: dict[str, Any]) -> None:
    async def read(row: dict[str, Any]) -> tuple[object, object]:
        async with aws.database(aws.shared_session()) as (_, direct):
            await direct.client.put_item(TableName=SCORES.name, Item=row)
            answers = []
            for get_value in (ResponseSerializer.get_value, quick_moto.by_itself):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(ResponseSerializer, "get_value", get_value)
                    answers.append(await direct.client.scan(TableName=SCORES.name))
        return answers[0]["Items"], answers[1]["Items"]

    quick, by_itself = run(read(attributes | KEY))
    assert quick == by_itself == [attributes | KEY]


def test_refused_transaction_changes_neither_rows_nor_stream() -> None:
    async def refused() -> tuple[object, object]:
        async with aws.database(aws.shared_session()) as (_, direct):
            client = direct.client
            await client.put_item(TableName=SCORES.name, Item=KEY)
            before = (await client.scan(TableName=SCORES.name))["Items"], aws.score_records()
            change: Any = {
                "TableName": SCORES.name,
                "Key": KEY,
                "UpdateExpression": "SET a = :a",
                "ExpressionAttributeValues": {":a": {"N": "1"}},
            }
            put: Any = {
                "TableName": SCORES.name,
                "Item": KEY | {"score": {"S": "2"}},
                "ConditionExpression": "attribute_exists(score)",
            }
            with pytest.raises(RequestError, match="ConditionalCheckFailed"):
                await client.transact_write_items(TransactItems=[{"Update": change}, {"Put": put}])
            after = (await client.scan(TableName=SCORES.name))["Items"], aws.score_records()
            await client.put_item(TableName=SCORES.name, Item=KEY | {"score": {"S": "3"}})
            assert len(aws.score_records()) == len(before[1]) + 1
        return before, after

    before, after = run(refused())
    assert before == after
