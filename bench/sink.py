"""An endpoint that takes every push at once: what a push client is measured against.

    python -m bench.sink [--certificate FILE --key FILE]

Prints {"port", "tls_port"} when it listens; `tls_port` is null without a certificate. Orders:

    {"do": "count"}    answers {"requests": n}: how many have come since the start, over both ports
    {"do": "last"}     answers {"head", "body"} of the last one, both as text

It answers `200 OK` with no body and keeps connections alive. It reads just as much of a request as it takes
to find its end: whoever pushes is to be slower than this.
"""

import argparse
import asyncio
import re
import ssl
from typing import Any, cast

import uvloop

from bench.orders import say, serve

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_NO_LENGTH = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Sink:
    """What has come."""

    def __init__(self) -> None:
        self.requests = 0
        self.head = b""
        self.body = b""

    async def count(self) -> dict[str, Any]:
        """How many requests."""
        return {"requests": self.requests}

    async def last(self) -> dict[str, Any]:
        """The last request."""
        return {"head": self.head.decode(), "body": self.body.decode()}


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        requests = at = 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            length = _LENGTH.search(data, at, end + 2)
            if length is None:
                self._transport.write(_NO_LENGTH)
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
            self._transport.write(_OK * requests)


async def _run(arguments: argparse.Namespace) -> None:
    sink = Sink()
    loop = asyncio.get_running_loop()

    async def listen(context: ssl.SSLContext | None) -> int:
        server = await loop.create_server(
            lambda: _Connection(sink), "127.0.0.1", 0, ssl=context, backlog=1024
        )
        return int(server.sockets[0].getsockname()[1])

    tls_port = None
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        tls_port = await listen(context)
    say({"port": await listen(None), "tls_port": tls_port})
    await serve({"count": sink.count, "last": sink.last})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.sink")
    _parser.add_argument("--certificate", help="PEM file of the server's certificate")
    _parser.add_argument("--key", help="PEM file of its private key")
    uvloop.run(_run(_parser.parse_args()))
