"""Our gateway as a process of its own, for a benchmark to push through.

    python -m bench.gateway_server

Prints {"port": n} when it listens, and ends on SIGTERM. It is the gateway that `make run` starts, with an
authorizer that admits every client and routes that do nothing. Connections are named c0, c1, … in the order
in which they come, so that their subscriptions can be written before they are pushed to.
"""

import asyncio
import itertools
import signal
from typing import Any

import uvloop

from bench.orders import allow_files, say
from game.live import SUBPROTOCOL
from local.gateway.server import Event, Gateway

_ALLOW = {
    "principalId": "bench",
    "policyDocument": {
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"}],
    },
}


async def _authorizer(_event: Event) -> dict[str, Any]:
    return _ALLOW


async def _route(_event: Event) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}


async def _serve() -> None:
    numbers = itertools.count()
    routes = dict.fromkeys(("$connect", "$disconnect", "$default"), _route)
    gateway = Gateway(authorizer=_authorizer, routes=routes, id_source=lambda: f"c{next(numbers)}")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await gateway.start("127.0.0.1", 0)
    say({"port": gateway.port})
    await stopped.wait()
    await gateway.stop()


if __name__ == "__main__":
    allow_files()
    uvloop.run(_serve())
