"""The line between the load test and a worker: pickled messages over a pair of sockets."""

import asyncio
import pickle
import socket
from contextlib import suppress
from typing import Generic, Self, TypeVar, cast

_LENGTH_BYTES = 8

_HeardT = TypeVar("_HeardT")


class Link(Generic[_HeardT]):
    """One end of the line, and the type of what the other end says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        """Use this end of a pair of sockets."""
        return cls(*await asyncio.open_connection(sock=end))

    def say(self, message: object) -> None:
        """Say something; it is on its way before anything that is sent elsewhere afterwards."""
        data = pickle.dumps(message)
        self._writer.write(len(data).to_bytes(_LENGTH_BYTES) + data)

    async def hear(self) -> _HeardT | None:
        """Return the next message; None when the other end has hung up."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES))
            data = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return cast(_HeardT, pickle.loads(data))  # noqa: S301 -- of our own process

    async def close(self) -> None:
        """Hang up, once all is said, or the other end is gone."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
