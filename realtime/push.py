"""Pushing one frame to many connections through API Gateway's `@connections`.

The broadcaster's inner loop: POST the same bytes to N connections. Every id ends in one of four places:
delivered, gone (410: its rows can be deleted), failed (still throttled, timed out or refused when the time
was up: close it, so that its client comes back and asks for a snapshot), or untried (the time was up before
its turn: nothing is known against it, so give it the frame again).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_aiobotocore_apigatewaymanagementapi import ApiGatewayManagementApiClient

IN_FLIGHT = 100
"""Requests under way at once."""

ATTEMPT_TIMEOUT_SECONDS = 5
BACKOFF_BASE_SECONDS = 0.05
BACKOFF_CAP_SECONDS = 2.0

_GONE = 410
_THROTTLED = 429
_SERVER_ERROR = 500


@dataclass
class PushResult:
    """What became of one frame, by connection id."""

    delivered: int = 0
    gone: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)


class PushClient(Protocol):
    """Sends frames to connections, wherever they are held."""

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        """Send a frame to every connection, in `within` seconds. Raises nothing for a bad connection."""

    async def close(self, connection_id: str) -> bool:
        """Close a connection. False when that failed, so that it may be open still."""


class ManagementApiPushClient:
    """A PushClient on aioboto3."""

    def __init__(self, client: "ApiGatewayManagementApiClient") -> None:
        self._client = client

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        """See PushClient."""
        result = PushResult()
        deadline = asyncio.get_running_loop().time() + within
        waiting = iter(connection_ids)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(IN_FLIGHT, len(connection_ids))):
                group.create_task(self._work(frame.encode(), waiting, deadline, result))
        return result

    async def close(self, connection_id: str) -> bool:
        """See PushClient."""
        try:
            await self._client.delete_connection(ConnectionId=connection_id)
        except ClientError as error:
            return _status(error) == _GONE
        except (BotoCoreError, TimeoutError):
            return False
        return True

    async def _work(self, data: bytes, waiting: Iterator[str], deadline: float, result: PushResult) -> None:
        for connection_id in waiting:
            if asyncio.get_running_loop().time() >= deadline:
                result.untried.append(connection_id)
                continue
            status = await self._post(data, connection_id, deadline)
            if status == _GONE:
                result.gone.append(connection_id)
            elif status is None:
                result.delivered += 1
            else:
                result.failed.append(connection_id)

    async def _post(self, data: bytes, connection_id: str, deadline: float) -> int | None:
        """The status of the last failing attempt (0 without an answer), None when one succeeded."""
        attempt = 0
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._client.post_to_connection(ConnectionId=connection_id, Data=data)
            except ClientError as error:
                status = _status(error)
                if status != _THROTTLED and status < _SERVER_ERROR:
                    return status
            except (BotoCoreError, TimeoutError):
                status = 0
            else:
                return None
            pause = random.uniform(0, min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2**attempt))
            attempt += 1
            if asyncio.get_running_loop().time() + pause >= deadline:
                return status
            await asyncio.sleep(pause)


@asynccontextmanager
async def open_push_client(session: aioboto3.Session, connections_url: str) -> AsyncIterator[PushClient]:
    """A push client on the ordinary credentials, for `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.

    The SDK's own retries are off: ours know the deadline.
    """
    config = AioConfig(
        max_pool_connections=IN_FLIGHT,
        connect_timeout=ATTEMPT_TIMEOUT_SECONDS,
        read_timeout=ATTEMPT_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    async with session.client(
        "apigatewaymanagementapi", endpoint_url=connections_url, config=config
    ) as client:
        yield ManagementApiPushClient(client)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
