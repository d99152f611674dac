"""API Gateway's side of live connections: who is connected, and what becomes of a push."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.background import Background
from tests.simulation.faults import Faults
from tests.simulation.transport import Answer, Request

STUCK_SECONDS = 30

_TOO_MANY = Answer(429, b'{"message":"Too Many Requests"}')
_INTERNAL_ERROR = Answer(500, b'{"message":"Internal server error"}')

Deliver = Callable[[dict[str, Any]], None]
Closed = Callable[[], None]


@dataclass
class _Connection:
    deliver: Deliver
    closed: Closed


@dataclass
class SimulatedGateway:
    """Posts to one connection are not ordered among themselves, as in API Gateway."""

    faults: Faults
    background: Background
    connections: dict[str, _Connection] = field(default_factory=dict)
    _stuck_until: dict[str, float] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)

    def open(self, connection_id: str, deliver: Deliver, closed: Closed) -> None:
        """A client is connected now."""
        self.connections[connection_id] = _Connection(deliver, closed)

    def drop(self, connection_id: str) -> None:
        """A client is gone; what was in flight to it is lost."""
        self.connections.pop(connection_id, None)
        self._unread.discard(connection_id)

    def stick(self, connection_id: str) -> None:
        """From now on a client takes no frame, for longer than any push is retried."""
        self._stuck_until[connection_id] = _time() + STUCK_SECONDS

    def stop_reading(self, connection_id: str) -> None:
        """From now on this connection's buffer is full, until it is closed; the others' are not."""
        if connection_id in self.connections:
            self._unread.add(connection_id)

    async def respond(self, request: Request) -> Answer:
        """Return the answer to a request to `@connections`."""
        await self.faults.point()
        answer = await self._fault(request)
        if answer is None:
            answer = self._serve(request)
        await self.faults.point()
        return answer

    async def _fault(self, request: Request) -> Answer | None:
        faults, rates = self.faults, self.faults.rates
        if request.method == "POST" and _time() < self._stuck_until.get(request.connection_id, 0):
            return _INTERNAL_ERROR
        if request.method == "POST" and request.connection_id in self._unread:
            return _TOO_MANY
        if faults.happens(rates.throttle):
            return _TOO_MANY
        if faults.happens(rates.server_error):
            return _INTERNAL_ERROR
        if faults.happens(rates.timeout):
            # The frame may have arrived all the same.
            if faults.happens(0.5):
                self._serve(request)
            if faults.happens(0.5):
                await asyncio.sleep(STUCK_SECONDS)
            raise ConnectionResetError
        return None

    def _serve(self, request: Request) -> Answer:
        connection_id = request.connection_id
        connection = self.connections.get(connection_id)
        if connection is None:
            return Answer(410, b'{"message":"Gone"}')
        if request.method == "DELETE":
            self.drop(connection_id)
            connection.closed()
            return Answer(204)
        self.background.start(self._fly(connection_id, json.loads(request.body)))
        return Answer(200)

    async def _fly(self, connection_id: str, frame: dict[str, Any]) -> None:
        await asyncio.sleep(self.faults.random.choice((0, 0, 0, 0.02)))
        connection = self.connections.get(connection_id)
        if connection is not None:
            connection.deliver(frame)


def _time() -> float:
    return asyncio.get_running_loop().time()
