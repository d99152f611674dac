"""The event loop of the functions that push: uvloop's, which is in C, or asyncio's where there is none."""

import asyncio

try:
    import uvloop as _loops
except ImportError:  # on Windows
    import asyncio as _loops  # type: ignore[no-redef]


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop that runs nothing yet."""
    return _loops.new_event_loop()
