"""The consumer of the stream of scores, as a process of its own: our broadcaster, or the sample.

    python -m bench.broadcasters ours|sample --connections-url http://127.0.0.1:PORT

Prints {"ready": true}. Order: {"do": "process", "records": […]} works off a batch of stream records as Lambda
gives them, and answers {"started_at", "seconds"} when all of it is pushed, in seconds of the machine's
monotonic clock. The environment says where DynamoDB is. A batch that fails ends the program.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aioboto3
import uvloop

from bench.orders import say, serve
from bench.sample import Sample
from game.catalogue import load_catalogue
from local.pushers import task_pushers
from realtime.push.client import open_push_client
from runtime.clock import now_ms
from store.database import open_database
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from streams.report import Report

Process = Callable[[list[dict[str, Any]]], Awaitable[None]]


@asynccontextmanager
async def _ours(connections_url: str) -> AsyncIterator[Process]:
    session = aioboto3.Session()
    catalogue = load_catalogue()

    async def push_slice(task: Slice) -> None:
        await runner.push_slice(task, Report())

    async with (
        open_database(session) as db,
        open_push_client(session, connections_url) as push,
        task_pushers(push_slice) as pushers,
    ):
        runner = FanOutRunner(db, catalogue, push, now_ms, pushers.start)
        broadcaster = Broadcaster(db, catalogue, runner, now_ms)

        async def process(records: list[dict[str, Any]]) -> None:
            report = Report()
            failed = await broadcaster.process(records, report)
            if failed or report.pushes_failed or report.connections_gone:
                raise RuntimeError(f"{len(failed)} records failed: {report}")

        yield process


@asynccontextmanager
async def _sample(connections_url: str) -> AsyncIterator[Process]:
    sample = Sample(connections_url)

    async def process(records: list[dict[str, Any]]) -> None:
        await asyncio.to_thread(sample.process, records)

    yield process


BROADCASTERS: dict[str, Callable[[str], AbstractAsyncContextManager[Process]]] = {
    "ours": _ours,
    "sample": _sample,
}


async def _run(arguments: argparse.Namespace) -> None:
    async with BROADCASTERS[arguments.name](arguments.connections_url) as process:

        async def take(records: list[dict[str, Any]]) -> dict[str, Any]:
            started = time.monotonic()
            await process(records)
            return {"started_at": started, "seconds": time.monotonic() - started}

        say({"ready": True})
        await serve({"process": take})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.broadcasters")
    _parser.add_argument("name", choices=BROADCASTERS)
    _parser.add_argument("--connections-url", required=True, help="where @connections is")
    uvloop.run(_run(_parser.parse_args()))
