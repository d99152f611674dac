"""The other end of `bench/processes.py`: a program that takes orders in JSON lines."""

import asyncio
import json
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Order = Callable[..., Awaitable[dict[str, Any]]]


def allow_files() -> None:
    """Allow this process as many open files as the system lets it have: each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def say(answer: Mapping[str, Any]) -> None:
    """Answer in one line."""
    print(json.dumps(answer), flush=True)


async def serve(orders: Mapping[str, Order]) -> None:
    """Carry out orders until the input ends: `{"do": name, …}` calls that one with the rest as arguments."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        say(await orders[order.pop("do")](**order))
