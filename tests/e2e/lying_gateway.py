"""A WebSocket gateway that passes frames on, and lies to one of its clients."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.clients import connect, serve

Frame = dict[str, Any]
Lie = Callable[[Frame], Frame | None]
"""What becomes of a diff; None: it is kept back."""


@asynccontextmanager
async def lying_gateway(true_url: str, lie: Lie) -> AsyncIterator[str]:
    """Yield the address of a gateway before the true one. The client that connects second is lied to.

    The first diff for it is passed on as it is, so that it has something to be proud of.
    """
    numbers = itertools.count(1)

    async def handle(client: ServerConnection) -> None:
        deceived = next(numbers) == 2
        assert client.request
        offered = client.request.headers["Sec-WebSocket-Protocol"].split(",")
        protocols = [Subprotocol(protocol.strip()) for protocol in offered]
        async with connect(true_url, subprotocols=protocols) as server:
            up, down = _pass_on(client, server), _pass_on(server, client, lie if deceived else None)
            tasks = [asyncio.create_task(direction) for direction in (up, down)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def select(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return offered[0] if offered else None

    async with serve(handle, "127.0.0.1", 0, select_subprotocol=select) as gateway:
        port = next(iter(gateway.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/local"


async def _pass_on(
    source: ClientConnection | ServerConnection,
    target: ClientConnection | ServerConnection,
    lie: Lie | None = None,
) -> None:
    told = False
    try:
        async for message in source:
            frame = json.loads(message)
            if lie is not None and frame.get("type") == "diff":
                answer = lie(frame) if told else frame
                told = True
                if answer is not None:
                    await target.send(json.dumps(answer))
            else:
                await target.send(message)
    except ConnectionClosed:
        return
