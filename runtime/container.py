"""One event loop and one set of resources for as long as a Lambda container lives.

Knows nothing of the SDK: not every function needs it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Container(Generic[T]):
    """Runs async handlers from Lambda's synchronous entry, with resources opened once.

    `resources` is entered at the first invocation and never left: the container is frozen, not closed. When
    entering fails, the invocation fails, and the next one tries again. `new_loop` makes the event loop.
    """

    def __init__(
        self,
        resources: Callable[[], AbstractAsyncContextManager[T]],
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self._open = resources
        self._new_loop = new_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = AsyncExitStack()
        self._resources: T | None = None

    def run(self, work: Callable[[T], Awaitable[R]]) -> R:
        """Return the outcome of one invocation's work."""
        if self._loop is None:
            self._loop = self._new_loop()
        return self._loop.run_until_complete(self._work(work))

    async def _work(self, work: Callable[[T], Awaitable[R]]) -> R:
        if self._resources is None:
            self._resources = await self._stack.enter_async_context(self._open())
        return await work(self._resources)
