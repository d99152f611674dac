"""A push client in virtual time, with an endpoint that does as it is told."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from realtime.push.client import HttpPushClient, PushResult
from tests.simulation import clock
from tests.simulation.push import client
from tests.simulation.transport import Answer, MemoryServer, Request

WITHIN = 10.0
SILENCE = 10_000.0
"""Seconds after which no push waits for an answer any more."""

Line = int | Answer | float | type[ConnectionError]
"""A status, a whole answer, silence for this number of seconds and then 200, or a broken connection."""

T = TypeVar("T")


class Endpoint:
    """`@connections`: each id answers by its own script, whose last line repeats; others answer 200."""

    def __init__(self, scripts: dict[str, list[Line]] | None = None, seconds: float = 0) -> None:
        self.attempts: Counter[str] = Counter()
        self.times: list[float] = []
        """When each request came, in virtual seconds."""
        self.order: list[str] = []
        self.requests: dict[str, Request] = {}
        """The last request for each id."""
        self.most_at_once = 0
        self._at_once = 0
        self._scripts = scripts or {}
        self._seconds = seconds

    async def respond(self, request: Request) -> Answer:
        connection_id = request.connection_id
        self.requests[connection_id] = request
        self.order.append(connection_id)
        self.times.append(asyncio.get_running_loop().time())
        script = self._scripts.get(connection_id, [200])
        line = script[min(self.attempts[connection_id], len(script) - 1)]
        self.attempts[connection_id] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(line if isinstance(line, float) else self._seconds)
        finally:
            self._at_once -= 1
        if isinstance(line, Answer):
            return line
        if isinstance(line, float):
            return Answer(200)
        if isinstance(line, int):
            return Answer(line, b"" if line < 300 else b'{"message":"scripted"}')
        raise line


@dataclass
class Scene:
    """A client, and the server that its connections end in."""

    client: HttpPushClient
    server: MemoryServer
    started: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def seconds(self) -> float:
        """The virtual seconds that have passed."""
        return asyncio.get_running_loop().time() - self.started


def with_client(
    endpoint: Endpoint, work: Callable[[Scene], Awaitable[T]], *, refusals: int = 0, **options: Any
) -> tuple[T, float]:
    """Return the work's result, and its virtual seconds. The options are HttpPushClient's."""

    async def run() -> tuple[T, float]:
        server = MemoryServer(endpoint.respond, refusals=refusals)
        scene = Scene(client(server, **options), server)
        try:
            outcome = await work(scene)
            return outcome, scene.seconds
        finally:
            await scene.client.aclose()
            assert not server.open

    return clock.run(run())


def push(
    endpoint: Endpoint, *connection_ids: str, within: float = WITHIN, **options: Any
) -> tuple[PushResult, float]:
    """Return the result of one push, and how many virtual seconds it took."""
    return with_client(
        endpoint, lambda scene: scene.client.push("frame é", connection_ids, within=within), **options
    )


def ids(count: int, name: str = "id") -> list[str]:
    """Return `count` connection ids."""
    return [f"{name}-{number}" for number in range(count)]
