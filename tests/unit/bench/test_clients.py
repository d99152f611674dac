"""The clients that count, against our gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.clients import Clients
from game.live import SUBPROTOCOL
from loadtest.wire import WireError
from local.gateway.server import Gateway
from tests.unit.local.gateway.harness import Backend, request, running

ADMIT = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}


@asynccontextmanager
async def gateway_that_answers(answer: object) -> AsyncIterator[Gateway]:
    """Yield a gateway whose connections are c0, c1, …; the route `$connect` answers like this."""
    ids = iter(["c0", "c1"])
    backend = Backend()
    backend.answers["$connect"] = answer
    async with running(backend, id_source=lambda: next(ids)) as gateway:
        yield gateway


async def test_clients_count_frames_from_the_start_of_the_count() -> None:
    async with gateway_that_answers(ADMIT) as gateway:
        clients = Clients()
        await clients.connect(gateway.url, 2)

        async def push(connection_id: str, size: int) -> None:
            path = f"/@connections/{connection_id}"
            async with request(gateway, "POST", path, data="x" * size) as response:
                assert response.status == 200

        await push("c0", 10)
        assert (await clients.stop(1))["frames"] == 1
        assert await clients.start() == {"counting": True}
        for connection_id, size in (("c0", 125), ("c1", 126), ("c1", 10)):
            await push(connection_id, size)
        counted = await clients.stop(3)
        assert (counted["frames"], counted["bytes"], counted["open"]) == (3, 127 + 130 + 12, 2)
        assert counted["last_at"] is not None


async def test_clients_say_how_many_frames_came_when_the_time_is_over() -> None:
    async with gateway_that_answers(ADMIT) as gateway:
        clients = Clients()
        await clients.connect(gateway.url, 1)
        assert (await clients.stop(1, timeout_seconds=0))["frames"] == 0


@pytest.mark.parametrize(
    ("answer", "reason"), [({"statusCode": 403}, "403"), (RuntimeError("no table"), "50")], ids=str
)
async def test_refusal_is_an_error(answer: object, reason: str) -> None:
    async with gateway_that_answers(answer) as gateway:
        with pytest.raises(ExceptionGroup) as caught:
            await Clients().connect(gateway.url, 1)
    assert caught.group_contains(WireError, match=f"handshake {reason}")
