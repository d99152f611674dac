"""An endpoint that takes every push at once: what a push client is measured against.

    python -m bench.sink [--certificate FILE --key FILE]

Prints {"port", "tls_port"} when it listens; `tls_port` is null without a certificate. Orders:

    {"do": "count"}    answers {"requests", "connections"}: how many have come since the start, on both ports
    {"do": "last"}     answers {"head", "body"} of the last one, both as text

It answers `200 OK` with no body and keeps connections alive. The contestants are to be slower than this: so
it reads just as much of a request as it takes to find its end, and speaks TLS on the bare `ssl.SSLObject`,
which takes half the time of an event loop's TLS.
"""

import argparse
import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Any, cast

import uvloop

from bench.orders import say, serve

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_READ_BYTES = 65536
_NO_LENGTH = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Sink:
    """A counter of the requests that have come."""

    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0
        self.head = b""
        self.body = b""

    async def count(self) -> dict[str, Any]:
        """Return how many requests and connections have come."""
        return {"requests": self.requests, "connections": self.connections}

    async def last(self) -> dict[str, Any]:
        """Return the last request."""
        return {"head": self.head.decode(), "body": self.body.decode()}


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._sink.connections += 1

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        requests = at = 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            length = _LENGTH.search(data, at, end + 2)
            if length is None:
                self._answer(_NO_LENGTH)
                self._transport.close()
                return
            body = end + 4
            stop = body + int(length[1])
            if stop > len(data):
                break
            self._sink.head, self._sink.body = data[at:end], data[body:stop]
            requests += 1
            at = stop
        self._rest = data[at:]
        if requests:
            self._sink.requests += requests
            self._answer(_OK * requests)

    def _answer(self, data: bytes) -> None:
        self._transport.write(data)


class _TlsConnection(_Connection):
    def __init__(self, sink: Sink, context: ssl.SSLContext) -> None:
        super().__init__(sink)
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_side=True)
        self._shaken_hands = False

    def data_received(self, data: bytes) -> None:
        self._received.write(data)
        try:
            if not self._shaken_hands:
                self._tls.do_handshake()
                self._shaken_hands = True
            while self._received.pending or self._tls.pending():
                super().data_received(self._tls.read(_READ_BYTES))
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # a goodbye is one too
            self._transport.close()
        self._flush()

    def _answer(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def _flush(self) -> None:
        if self._to_send.pending:
            self._transport.write(self._to_send.read())


async def _run(arguments: argparse.Namespace) -> None:
    sink = Sink()
    loop = asyncio.get_running_loop()

    async def listen(connection: Callable[[], _Connection]) -> int:
        server = await loop.create_server(connection, "127.0.0.1", 0, backlog=1024)
        return int(server.sockets[0].getsockname()[1])

    tls_port = None
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        tls_port = await listen(lambda: _TlsConnection(sink, context))
    say({"port": await listen(lambda: _Connection(sink)), "tls_port": tls_port})
    await serve({"count": sink.count, "last": sink.last})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.sink")
    _parser.add_argument("--certificate", help="PEM file of the server's certificate")
    _parser.add_argument("--key", help="PEM file of its private key")
    uvloop.run(_run(_parser.parse_args()))
