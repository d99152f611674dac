"""Our push client, as a program.

    python -m bench.slow_pusher --url URL

Prints {"ready": true}. The order {"do": "push", "ids": [...], "seconds": n} pushes a frame to these, within n
seconds, and answers {"started_at", "seconds", "failed"}: when it began by `time.monotonic`, how long the call
took, and the ids that it gave up.
"""

import argparse
import time
from typing import Any

import aioboto3
import uvloop

from bench.orders import say, serve
from realtime.push.client import open_push_client

FRAME = '{"type":"diff"}'


async def _run(url: str) -> None:
    async with open_push_client(aioboto3.Session(), url) as client:

        async def push(ids: list[str], seconds: float) -> dict[str, Any]:
            started = time.monotonic()
            result = await client.push(FRAME, ids, within=seconds)
            return {"started_at": started, "seconds": time.monotonic() - started, "failed": result.failed}

        say({"ready": True})
        await serve({"push": push})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.slow_pusher")
    _parser.add_argument("--url", required=True, help="where @connections is")
    uvloop.run(_run(_parser.parse_args().url))
