"""The other way to push a score to everybody: AWS's own sample, on the stream of a table.

The chat among AWS's code examples (python/cross_service/apigateway_websocket_chat in
https://github.com/awsdocs/aws-doc-sdk-examples) keeps the open connections in a table of one row each. To
push a message it scans that table and posts to one connection after the other with boto3, deleting the rows
of those that are gone; https://github.com/aws-samples/simple-websockets-chat-app does so in JavaScript.
Behind a DynamoDB stream the message is a record: every score is posted to everybody. No code is taken over.
What is better here than in the sample: the clients are made once and keep their connections alive, and the
scan goes on behind its first megabyte.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

TABLE = "SampleConnections"
_KEY = "connectionId"

_deserializer = TypeDeserializer()


async def create_table(client: "DynamoDBClient") -> None:
    """Create the sample's one table."""
    await client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": _KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": _KEY, "AttributeType": "S"}],
    )
    await client.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})


async def add_connections(client: "DynamoDBClient", ids: Sequence[str]) -> None:
    """Write what the sample's `$connect` writes."""
    for start in range(0, len(ids), 25):
        answer = await client.batch_write_item(
            RequestItems={
                TABLE: [{"PutRequest": {"Item": {_KEY: {"S": id_}}}} for id_ in ids[start : start + 25]]
            }
        )
        assert not answer["UnprocessedItems"]


def message(record: Mapping[str, Any]) -> str:
    """Return what is posted of a record: the row that was written."""
    image = record["dynamodb"]["NewImage"]
    row = {name: _deserializer.deserialize(value) for name, value in image.items()}
    return json.dumps({"type": "score", **row}, default=int)


class Sample:
    """The function behind the stream. SDK settings are those of the environment."""

    def __init__(self, connections_url: str) -> None:
        self._dynamodb = boto3.client("dynamodb")
        self._connections = boto3.client("apigatewaymanagementapi", endpoint_url=connections_url)

    def process(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Post every score to everybody."""
        for record in records:
            if "NewImage" in record["dynamodb"]:
                self._broadcast(message(record).encode())

    def _broadcast(self, data: bytes) -> None:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=TABLE, ProjectionExpression=_KEY)
        for connection_id in [item[_KEY]["S"] for page in pages for item in page["Items"]]:
            try:
                self._connections.post_to_connection(ConnectionId=connection_id, Data=data)
            except self._connections.exceptions.GoneException:
                self._dynamodb.delete_item(TableName=TABLE, Key={_KEY: {"S": connection_id}})
