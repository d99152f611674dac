"""The portrait container on this machine: one process per picture, so that a bad one harms no other.

What Lambda does for an asynchronous invocation is done here: it is not waited for, it has a time limit, and
its outcome goes to the destination, which tells the player.
"""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from game.environment import PortraitsEnvironment
from game.functions import PORTRAITS
from local.settings import CHECKOUT
from realtime.avatars import announce
from realtime.push.client import PushClient
from store.database import Database

PYTHON = CHECKOUT / ".venvs" / "cv" / "bin" / "python"

logger = logging.getLogger("podium.portraits")


class PortraitWorkers:
    """Starts the making of portraits, one at a time; `start` is the API's `process_portrait`."""

    def __init__(self, db: Database, push: PushClient, bucket: str, *, python: Path = PYTHON) -> None:
        self._db = db
        self._push = push
        self._bucket = bucket
        self._python = python
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: set[tuple[str, str]] = set()

    async def start(self, user_id: str, key: str, background: str) -> None:
        """Have a portrait made; returns at once. One that is waiting for its turn is not queued again.

        One that is under way is: the upload may be another one since it was read.
        """
        if (key, background) in self._waiting:
            return
        self._waiting.add((key, background))
        event = {"userId": user_id, "key": key, "background": background}
        task = asyncio.create_task(self._invoke(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _invoke(self, event: dict[str, Any]) -> None:
        async with self._turn:
            self._waiting.discard((event["key"], event["background"]))
            result = await self._run(event)
        if result is not None:
            logger.info("%s: %s", event["key"], result.get("avatar") or result.get("error"))
        await announce(
            self._db,
            self._push,
            {
                "requestPayload": event,
                "requestContext": {"condition": "RetriesExhausted" if result is None else "Success"},
                "responsePayload": result,
            },
        )

    async def _run(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the handler's result; None when the process failed or took too long."""
        try:
            process = await self._start_process()
        except OSError as error:
            logger.error("no portraits can be made (%s): run `make run`, which installs what it takes", error)
            return None
        try:
            async with asyncio.timeout(PORTRAITS.seconds):
                output, log = await process.communicate(json.dumps(event).encode())
        except TimeoutError:
            logger.error("the portrait of %s took over %d seconds", event["userId"], PORTRAITS.seconds)
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            last = log.decode(errors="replace").strip().rpartition("\n")[2]
            logger.error("the portrait of %s failed: %s", event["userId"], last)
            return None
        result: dict[str, Any] = json.loads(output)
        return result

    async def _start_process(self) -> asyncio.subprocess.Process:
        environment = PortraitsEnvironment(avatar_bucket=self._bucket)
        return await asyncio.create_subprocess_exec(
            self._python,
            "-m",
            "local.portrait_worker",
            cwd=CHECKOUT,
            # MediaPipe would send usage metrics to its maker: they find a closed port.
            env=os.environ | environment.variables() | {"ALL_PROXY": "http://127.0.0.1:9"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


@asynccontextmanager
async def portrait_workers(db: Database, push: PushClient, bucket: str) -> AsyncIterator[PortraitWorkers]:
    """Yield workers that are stopped at the end."""
    workers = PortraitWorkers(db, push, bucket)
    try:
        yield workers
    finally:
        await workers.stop()
