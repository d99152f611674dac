"""Clients of `@connections`, each in a process of its own: ours, and what Python has instead.

    python -m bench.pushers NAME --url http://127.0.0.1:PORT/stage

Prints {"ready": true}. Order: {"do": "push", "requests": n, "frame": text} posts the frame n times, each time
to another connection, and answers {"seconds"}: how long it took from the first request to the last answer. An
answer that is not 200 ends the program.

Peers are set up as well as their documentation knows how: connections are kept alive, there are as many of
them as requests in flight, and nothing is retried.
"""

import argparse
import asyncio
import hashlib
import io
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import aioboto3
import aiohttp
import uvloop
from aiobotocore.config import AioConfig
from awscrt import auth, http
from awscrt import io as crt_io
from yarl import URL

from bench.orders import say, serve
from bench.processes import MADE_UP_CREDENTIALS
from local.gateway.events import new_id
from realtime.push.client import open_push_client
from realtime.push.signing import ConnectionsSigner, Credentials, Endpoint, Payload

IN_FLIGHT = 100
WITHIN_SECONDS = 60

Push = Callable[[bytes, list[str]], Awaitable[None]]


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[Push]:
    async with open_push_client(aioboto3.Session(), url) as client:

        async def push(frame: bytes, ids: list[str]) -> None:
            result = await client.push(frame.decode(), ids, within=WITHIN_SECONDS)
            if result.delivered != len(ids):
                raise RuntimeError(f"{len(ids) - result.delivered} of {len(ids)} were not delivered")

        yield push


@asynccontextmanager
async def _aioboto3(url: str) -> AsyncIterator[Push]:
    config = AioConfig(max_pool_connections=IN_FLIGHT, retries={"total_max_attempts": 1})
    async with aioboto3.Session().client(
        "apigatewaymanagementapi", endpoint_url=url, config=config
    ) as client:

        async def push(frame: bytes, ids: list[str]) -> None:
            waiting = iter(ids)

            async def work() -> None:
                for connection_id in waiting:
                    await client.post_to_connection(ConnectionId=connection_id, Data=frame)

            async with asyncio.TaskGroup() as group:
                for _ in range(IN_FLIGHT):
                    group.create_task(work())

        yield push


def _parts(request: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Return the path and the headers of a request."""
    line, *lines = request[: request.index(b"\r\n\r\n")].decode().split("\r\n")
    return line.split(" ")[1], [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Push]:
    parts = urlsplit(url)
    signer = ConnectionsSigner(Endpoint(parts.netloc, parts.path), os.environ["AWS_REGION"])
    credentials = Credentials(*MADE_UP_CREDENTIALS.values())
    origin = URL(url).origin()
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"]) if url[:5] == "https" else True
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT, ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def push(frame: bytes, ids: list[str]) -> None:
            template = signer.stamp(credentials, time.time()).template(Payload("POST", frame))
            waiting = iter(ids)

            async def work() -> None:
                for connection_id in waiting:
                    path, headers = _parts(template.request(connection_id))
                    target = origin.with_path(path, encoded=True)
                    async with session.post(target, headers=headers, data=frame) as response:
                        response.raise_for_status()

            async with asyncio.TaskGroup() as group:
                for _ in range(IN_FLIGHT):
                    group.create_task(work())

        yield push


class _Crt:
    """AWS's own C library: its HTTP client and its signer. An answer sends the next request."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._path = parts.hostname or "", parts.path
        self._authority = parts.netloc
        group = crt_io.EventLoopGroup(1)
        bootstrap = crt_io.ClientBootstrap(group, crt_io.DefaultHostResolver(group))
        self._credentials = auth.AwsCredentialsProvider.new_default_chain(bootstrap)
        tls = None
        if parts.scheme == "https":
            options = crt_io.TlsContextOptions()
            options.override_default_trust_store_from_path(None, os.environ["AWS_CA_BUNDLE"])
            tls = crt_io.ClientTlsContext(options).new_connection_options()
            tls.set_server_name(self._host)
        self._connections = [
            http.HttpClientConnection.new(
                self._host, parts.port, bootstrap=bootstrap, tls_connection_options=tls
            )
            for _ in range(IN_FLIGHT)
        ]

    def push(self, frame: bytes, ids: list[str]) -> None:
        """Push, and return when everything is answered."""
        run = _CrtRun(self._sign(frame), ids)
        for connection in self._connections:
            run.next(connection.result())
        run.done.result(WITHIN_SECONDS)

    def _sign(self, frame: bytes) -> "_Sign":
        """Sign by the library, with the frame's hash: else it would be made again for every request."""
        config = auth.AwsSigningConfig(
            credentials_provider=self._credentials,
            region=os.environ["AWS_REGION"],
            service="execute-api",
            signed_body_value=hashlib.sha256(frame).hexdigest(),
        )
        length = str(len(frame))

        def sign(connection_id: str) -> "Future[http.HttpRequest]":
            path = f"{self._path}/@connections/{quote(connection_id, safe='')}"
            headers = http.HttpHeaders([("host", self._authority), ("content-length", length)])
            request = http.HttpRequest("POST", path, headers, io.BytesIO(frame))
            signed: Future[http.HttpRequest] = auth.aws_sign_request(request, config)
            return signed

        return sign


_Sign = Callable[[str], "Future[http.HttpRequest]"]


class _CrtRun:
    def __init__(self, sign: _Sign, ids: list[str]) -> None:
        self._sign = sign
        self._waiting: Iterator[str] = iter(ids)
        self._left = len(ids)
        self._lock = threading.Lock()
        self.done: Future[None] = Future()

    def next(self, connection: Any) -> None:
        """Send one more request over the connection, if there is one more."""
        with self._lock:
            connection_id = next(self._waiting, None)
        if connection_id is None:
            return
        self._sign(connection_id).add_done_callback(lambda request: self._send(connection, request))

    def _send(self, connection: Any, signed: "Future[http.HttpRequest]") -> None:
        stream = connection.request(signed.result(), self._answered)
        stream.completion_future.add_done_callback(lambda future: self._completed(connection, future))
        stream.activate()

    def _answered(self, *, status_code: int, **_: object) -> None:
        if status_code != 200:
            self._fail(RuntimeError(f"the answer was {status_code}"))

    def _completed(self, connection: Any, future: "Future[int]") -> None:
        if (error := future.exception()) is not None:
            self._fail(error)
            return
        with self._lock:
            self._left -= 1
        if self._left == 0 and not self.done.done():
            self.done.set_result(None)
        self.next(connection)

    def _fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


@asynccontextmanager
async def _awscrt(url: str) -> AsyncIterator[Push]:
    client = _Crt(url)

    async def push(frame: bytes, ids: list[str]) -> None:
        client.push(frame, ids)

    yield push


PUSHERS: dict[str, Callable[[str], AbstractAsyncContextManager[Push]]] = {
    "ours": _ours,
    "aioboto3": _aioboto3,
    "awscrt": _awscrt,
    "aiohttp + our signer": _aiohttp,
}


async def _run(arguments: argparse.Namespace) -> None:
    async with PUSHERS[arguments.name](arguments.url) as push:

        async def take(requests: int, frame: str) -> dict[str, Any]:
            ids = [new_id() for _ in range(requests)]
            started = time.monotonic()
            await push(frame.encode(), ids)
            return {"seconds": time.monotonic() - started}

        say({"ready": True})
        await serve({"push": take})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.pushers")
    _parser.add_argument("name", choices=PUSHERS)
    _parser.add_argument("--url", required=True, help="where @connections is")
    uvloop.run(_run(_parser.parse_args()))
