"""The line between the load test and a worker: JSON, one message per line, over a pair of sockets."""

import asyncio
import socket
from contextlib import suppress
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, TypeAdapter

# A worker that has not been heard for a while may have much to say.
_LINE_BYTES = 64 * 1024 * 1024

_HeardT = TypeVar("_HeardT")


class Link(Generic[_HeardT]):
    """One end of the line. `heard` describes what the other end says."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: TypeAdapter[_HeardT]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = heard

    @classmethod
    async def open(cls, end: socket.socket, heard: TypeAdapter[_HeardT]) -> Self:
        """Use this end of a pair of sockets."""
        reader, writer = await asyncio.open_connection(sock=end, limit=_LINE_BYTES)
        return cls(reader, writer, heard)

    def say(self, message: BaseModel) -> None:
        """Say something; it is on its way before anything that is sent elsewhere afterwards."""
        self._writer.write(message.model_dump_json().encode() + b"\n")

    async def hear(self) -> _HeardT | None:
        """Return the next message; None when the other end has hung up."""
        line = await self._reader.readline()
        return self._heard.validate_json(line) if line.endswith(b"\n") else None

    async def close(self) -> None:
        """Hang up, once all is said, or the other end is gone."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
