"""The whole backend as `make run` starts it, with our broadcaster or with AWS's sample behind the stream.

    python -m bench.backend ours|sample

Ports and data folder are those of the environment (local/settings.py). Prints {"ready": true} when everything
answers, and ends on SIGTERM. The sample is a process of its own, as a Lambda function is; it is given the
scores of one board only, as by a filter on its event source.
"""

import argparse
import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import uvloop

from bench.broadcaster import BOARD
from bench.orders import say
from bench.processes import Process, aws_environment, python, running
from local import stack
from local.console import set_up_logging
from local.settings import LocalSettings

# A batch of 100 scores takes the sample minutes. Lambda would have stopped it after 15.
_BATCH_SECONDS = 900


class _SampleBroadcaster:
    """Stands where the backend has its broadcaster."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def process(self, records: Iterable[Mapping[str, Any]], _report: object) -> list[str]:
        scores = [record for record in records if record["dynamodb"]["Keys"]["gameArea"]["S"] == BOARD]
        await self._process.ask("process", records=scores, within=_BATCH_SECONDS)
        return []

    async def sweep(self, _report: object) -> list[str]:
        return []


@asynccontextmanager
async def _sample(settings: LocalSettings) -> AsyncIterator[None]:
    command = python(
        "bench.broadcasters", "sample", "--connections-url", f"http://{stack.HOST}:{settings.ws_port}"
    )
    environment = aws_environment(f"http://{stack.HOST}:{settings.emulator_port}")
    async with running(command, environment=environment) as process:
        await process.read()
        with patch.object(stack, "Broadcaster", lambda *_: _SampleBroadcaster(process)):
            yield


async def _run(arguments: argparse.Namespace) -> None:
    settings = LocalSettings()
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        if arguments.broadcaster == "sample":
            async with _sample(settings):
                await stack.serve(settings, lambda _: say({"ready": True}))
        else:
            await stack.serve(settings, lambda _: say({"ready": True}))
    except asyncio.CancelledError:
        pass  # that was the signal


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.backend")
    _parser.add_argument("broadcaster", choices=["ours", "sample"])
    set_up_logging(logging.WARNING)
    uvloop.run(_run(_parser.parse_args()))
