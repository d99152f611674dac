"""The clients that count, against our gateway."""

import pytest

from bench.clients import Clients, open_gateway
from loadtest.wire import WireError
from tests.unit.local.gateway.harness import request


async def test_clients_count_frames_from_the_start_of_the_count() -> None:
    async with open_gateway() as gateway:
        clients = Clients()
        await clients.connect(gateway.url, 2)

        async def push(connection_id: str, size: int) -> None:
            path = f"/@connections/{connection_id}"
            async with request(gateway, "POST", path, data="x" * size) as response:
                assert response.status == 200

        await push("c0", 10)
        assert (await clients.stop(1, 60)).frames == 1
        clients.start()
        for connection_id, size in (("c0", 125), ("c1", 126), ("c1", 10)):
            await push(connection_id, size)
        counted = await clients.stop(3, 60)
        assert (counted.frames, counted.bytes) == (3, 127 + 130 + 12)
        assert counted.last_at > 0
        assert (await clients.stop(4, 0)).frames == 3


async def test_refusal_is_an_error() -> None:
    async with open_gateway() as gateway:
        pass
    with pytest.raises(ExceptionGroup) as caught:
        await Clients().connect(gateway.url, 1)
    assert caught.group_contains((WireError, OSError))
