"""One clock for all connections: closes those that are idle for too long or too old."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol


class Expiring(Protocol):
    """A connection with an end."""

    @property
    def expires_at(self) -> float:
        """The time at which it is to be closed, on `Expiry`'s clock. It may move, but only to later."""

    def expire(self) -> None:
        """Close it."""


class Expiry:
    """Expires connections at their time, with one sleep for all of them.

    `connections` is looked up by id when an id is due, so a connection that was closed meanwhile costs
    nothing but its id in a queue. What is added must not expire before all that was added earlier; this is so
    where every connection gets the same time, and it is why an addition need not wake the sleeper.
    """

    def __init__(
        self,
        connections: Mapping[str, Expiring],
        *,
        now_s: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._connections = connections
        self._now_s = now_s
        self._sleep = sleep
        self._due: list[tuple[float, str]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, connection_id: str) -> None:
        """Watch a connection until it is expired or has left `connections`."""
        heapq.heappush(self._due, (self._connections[connection_id].expires_at, connection_id))
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Expire nothing any more."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._due:
            due, connection_id = self._due[0]
            if (left := due - self._now_s()) > 0:
                await self._sleep(left)
                continue
            heapq.heappop(self._due)
            connection = self._connections.get(connection_id)
            if connection is None:
                continue
            if connection.expires_at > self._now_s():
                self.add(connection_id)
            else:
                connection.expire()
        self._task = None
