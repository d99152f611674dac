"""The stock clients of `@connections` against the local gateway: the AWS CLI and aioboto3."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import aioboto3
import pytest

from tests.support.clients import connect
from tests.support.waiting import patience
from tests.unit.local.gateway.harness import Backend, running

if TYPE_CHECKING:
    from types_aiobotocore_apigatewaymanagementapi import ApiGatewayManagementApiClient

AWS = Path(__file__).parents[2] / ".venvs/awscli/bin/aws"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}
AWKWARD_IDS = ["L0SM9cOFvHcCIhw=", "a/b/c=", "a+b=", "a%2Fb=", "/@connections/%"]


async def aws(url: str, command: str, *arguments: str) -> tuple[int, str, str]:
    """Runs `aws apigatewaymanagementapi`; returns its exit status, output and error output."""
    process = await asyncio.create_subprocess_exec(
        AWS,
        "apigatewaymanagementapi",
        command,
        "--endpoint-url",
        url,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"} | CREDENTIALS,
    )
    async with patience():
        output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@asynccontextmanager
async def management_api(port: int) -> AsyncIterator["ApiGatewayManagementApiClient"]:
    session = aioboto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    async with session.client(
        "apigatewaymanagementapi", endpoint_url=f"http://127.0.0.1:{port}/local"
    ) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/local"])
async def test_aws_cli_posts_gets_and_deletes(prefix: str, tmp_path: Path) -> None:
    backend = Backend()
    frame = tmp_path / "frame.json"
    frame.write_text('{"type":"pong"}')
    async with running(backend) as gateway, connect(gateway.url) as client:
        endpoint = f"http://127.0.0.1:{gateway.port}{prefix}"
        to = ("--connection-id", await backend.next_id())

        posted = await aws(endpoint, "post-to-connection", *to, "--data", f"fileb://{frame}")
        assert posted == (0, "", "")
        assert await client.recv() == '{"type":"pong"}'

        status, output, _ = await aws(endpoint, "get-connection", *to)
        assert status == 0
        assert json.loads(output)["Identity"]["SourceIp"] == "127.0.0.1"

        assert await aws(endpoint, "delete-connection", *to) == (0, "", "")
        await client.wait_closed()
        assert client.close_code == 1000

        status, _, errors = await aws(endpoint, "get-connection", *to)
        assert status != 0
        assert "(GoneException) when calling the GetConnection operation" in errors


async def test_aws_cli_says_that_a_dead_id_is_gone() -> None:
    async with running(Backend()) as gateway:
        status, _, errors = await aws(
            f"http://127.0.0.1:{gateway.port}",
            "post-to-connection",
            "--connection-id",
            "dead=",
            "--data",
            "e30=",
        )
    assert status != 0
    assert "(GoneException) when calling the PostToConnection operation" in errors


@pytest.mark.parametrize("connection_id", AWKWARD_IDS)
async def test_aws_cli_reaches_an_awkward_id(connection_id: str) -> None:
    async with running(Backend(), id_source=lambda: connection_id) as gateway, connect(gateway.url):
        status, output, errors = await aws(
            f"http://127.0.0.1:{gateway.port}", "get-connection", "--connection-id", connection_id
        )
    assert (status, errors) == (0, "")
    assert "ConnectedAt" in json.loads(output)


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
