"""The SDK's client of `@connections` against the local gateway. The AWS CLI is tried in tests/e2e."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aioboto3
import pytest

from tests.support.clients import connect
from tests.unit.local.gateway.harness import Backend, running

if TYPE_CHECKING:
    from types_aiobotocore_apigatewaymanagementapi import ApiGatewayManagementApiClient

AWKWARD_IDS = ["L0SM9cOFvHcCIhw=", "a/b/c=", "a+b=", "a%2Fb=", "/@connections/%"]


@asynccontextmanager
async def management_api(port: int) -> AsyncIterator["ApiGatewayManagementApiClient"]:
    session = aioboto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    async with session.client(
        "apigatewaymanagementapi", endpoint_url=f"http://127.0.0.1:{port}/local"
    ) as client:
        yield client


@pytest.mark.parametrize("connection_id", AWKWARD_IDS)
async def test_aioboto3_reaches_an_awkward_id(connection_id: str) -> None:
    # Of the answer, whole seconds are left.
    before = datetime.now(UTC).replace(microsecond=0)
    async with (
        running(Backend(), id_source=lambda: connection_id) as gateway,
        connect(gateway.url) as client,
        management_api(gateway.port) as api,
    ):
        await api.post_to_connection(ConnectionId=connection_id, Data=b"hello")
        assert await client.recv() == "hello"

        seen = await api.get_connection(ConnectionId=connection_id)
        assert seen["Identity"]["SourceIp"] == "127.0.0.1"
        assert before <= seen["ConnectedAt"] <= datetime.now(UTC)
        assert seen["LastActiveAt"] >= seen["ConnectedAt"]

        await api.delete_connection(ConnectionId=connection_id)
        await client.wait_closed()
        with pytest.raises(api.exceptions.GoneException):
            await api.post_to_connection(ConnectionId=connection_id, Data=b"late")


async def test_aioboto3_knows_the_errors_by_name() -> None:
    backend = Backend()
    async with (
        running(backend) as gateway,
        connect(gateway.url),
        management_api(gateway.port) as api,
    ):
        with pytest.raises(api.exceptions.PayloadTooLargeException):
            await api.post_to_connection(ConnectionId=await backend.next_id(), Data=b"x" * (128 * 1024 + 1))
        with pytest.raises(api.exceptions.GoneException):
            await api.get_connection(ConnectionId="dead=")
        with pytest.raises(api.exceptions.GoneException):
            await api.delete_connection(ConnectionId="dead=")
