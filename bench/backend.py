"""The whole backend as `make run` starts it, with our broadcaster or AWS's sample behind the stream.

    python -m bench.backend

Ports and data folder are those of the environment (local/settings.py). Prints {"ready": true} when everything
answers, and ends on SIGTERM. Order: {"do": "use", "broadcaster": "ours"|"sample"}, at first it is ours.

The sample is a process of its own, as a Lambda function is; it is given the scores of one board only, as by a
filter on its event source. Taken away, it leaves what it has not pushed, and the rest of the stream is ours.
"""

import asyncio
import logging
import signal
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self
from unittest.mock import patch

import uvloop

from bench.broadcaster import BOARD
from bench.orders import say, serve
from bench.processes import Process, ProcessError, aws_environment, python, running
from local import stack
from local.console import set_up_logging
from local.emulator import read_credentials
from local.settings import LocalSettings
from streams.broadcaster import Broadcaster
from streams.report import Report

# What gathers behind the sample takes it minutes. Lambda would stop it after 15.
_BATCH_SECONDS = 900


class Switch:
    """Stands where the backend has its broadcaster: ours, or a process of the sample."""

    def __init__(self, settings: LocalSettings) -> None:
        url = f"http://{stack.HOST}:{settings.ws_port}"
        self._command = python("bench.broadcasters", "sample", "--connections-url", url)
        self._settings = settings
        self._running = AsyncExitStack()
        self._sample: Process | None = None

    def around(self, *arguments: Any) -> Self:
        """Called by the backend to make its broadcaster."""
        self._ours = Broadcaster(*arguments)
        return self

    async def use(self, broadcaster: str) -> dict[str, Any]:
        """Put the one or the other behind the stream."""
        self._sample = None
        await self._running.aclose()
        if broadcaster == "sample":
            emulator_url = f"http://{stack.HOST}:{self._settings.emulator_port}"
            environment = aws_environment(emulator_url, read_credentials(self._settings.data_dir))
            started = running(self._command, environment=environment)
            sample = await self._running.enter_async_context(started)
            await sample.read()
            self._sample = sample
        return {"using": broadcaster}

    async def process(self, records: Iterable[Mapping[str, Any]], report: Report) -> list[str]:
        """See Broadcaster."""
        sample = self._sample
        if sample is None:
            return await self._ours.process(records, report)
        scores = [record for record in records if record["dynamodb"]["Keys"]["gameArea"]["S"] == BOARD]
        try:
            await sample.ask("process", records=scores, within=_BATCH_SECONDS)
        except ProcessError:
            if sample is self._sample:
                raise
        return []

    async def sweep(self, report: Report) -> list[str]:
        """See Broadcaster."""
        return await self._ours.sweep(report) if self._sample is None else []


async def _run() -> None:
    settings = LocalSettings()
    switch = Switch(settings)
    ready = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        with patch.object(stack, "Broadcaster", switch.around):
            async with asyncio.TaskGroup() as group:
                group.create_task(stack.serve(settings, lambda _: ready.set()))
                await ready.wait()
                say({"ready": True})
                await serve({"use": switch.use})
    except asyncio.CancelledError:
        pass  # that was the signal
    finally:
        await switch.use("ours")


if __name__ == "__main__":
    set_up_logging(logging.WARNING)
    uvloop.run(_run())
