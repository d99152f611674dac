"""How long tests wait for what has to come. The numbers are here and nowhere else.

They end what hangs, and measure nothing: what comes within a second on an idle machine may take a minute on a
busy one, and is as right. So a test never asserts that something is fast, or that nothing comes for a while:
it counts requests, moves a clock of its own, or waits for something that can only come later.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 120
"""For an answer, a frame, a process that starts or ends. Below pytest's own `timeout` (pyproject.toml), so
that a test which waits in vain can say for what."""

COMMAND_SECONDS = 5 * PATIENCE_SECONDS
"""For a program that has a lot to do before it ends: `make synth`, a deployment, a benchmark."""

_POLL_SECONDS = 0.05


def patience() -> asyncio.Timeout:
    """Return what ends the block under it when something never comes: `async with patience(): …`."""
    return asyncio.timeout(PATIENCE_SECONDS)


def until(holds: Callable[[], bool], seen: Callable[[], str] = lambda: "it never held") -> None:
    """Wait until it holds; where it never does, fail with what was seen."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} seconds; {seen()}"
        time.sleep(_POLL_SECONDS)


async def until_async(
    holds: Callable[[], Awaitable[bool]], seen: Callable[[], str] = lambda: "it never held"
) -> None:
    """Wait until it holds; where it never does, fail with what was seen."""
    try:
        async with patience() as limit:
            while not await holds():  # noqa: ASYNC110 -- there is nothing to wait on
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        assert not limit.expired(), f"waited {PATIENCE_SECONDS} seconds; {seen()}"
        raise
