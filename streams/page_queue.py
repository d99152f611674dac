"""Pages of subscribers, one pushed to after the other, without waiting for slow clients in between."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

Served = Callable[[], None]
"""Called when all ids of a page have been tried."""


class Watched(Collection[str]):
    """Ids that tell when the last of them is taken: a push client takes each when it can be sent to."""

    def __init__(self, ids: Collection[str], all_taken: Served) -> None:
        self._ids = ids
        self._all_taken = all_taken

    def __iter__(self) -> Iterator[str]:
        left = len(self._ids)
        for one in self._ids:
            left -= 1
            if not left:
                self._all_taken()
            yield one

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, one: object) -> bool:
        return one in self._ids


@dataclass
class _Page:
    first: str
    served: asyncio.Event
    task: asyncio.Task[int]

    @property
    def over(self) -> bool:
        """Whether the next page may begin."""
        return self.served.is_set() or self.task.done()


class PageQueue:
    """The pages under way; they are finished in their order. Leaving it as a context cancels the others.

    deliver: pushes to a page, and calls what it is given when all of it has been tried; returns how many of
        the page's subscribers are stuck.
    beat: is called with the least unfinished id while a page is waited for, every `beat_seconds`.
    limit: how many pages are under way at the most.
    """

    def __init__(
        self,
        deliver: Callable[[Sequence[str], Served], Awaitable[int]],
        beat: Callable[[str], Awaitable[object]],
        *,
        beat_seconds: float,
        limit: int,
    ) -> None:
        self.stuck = 0
        """Subscribers of finished pages that have neither got their frames nor been closed."""
        self._deliver = deliver
        self._beat = beat
        self._beat_seconds = beat_seconds
        self._limit = limit
        self._pages: deque[_Page] = deque()

    @property
    def full(self) -> bool:
        """Whether a page has to be finished before the next one begins."""
        return len(self._pages) >= self._limit

    @property
    def first(self) -> str | None:
        """The least id that is not finished; None when all are."""
        return self._pages[0].first if self._pages else None

    @property
    def oldest_is_done(self) -> bool:
        """Whether there is a page to be finished that is not to be waited for."""
        return bool(self._pages) and self._pages[0].task.done()

    async def push(self, ids: Sequence[str]) -> None:
        """Push to one more page; return when only slow clients of it are left.

        Raises what any page has failed with, and what `beat` raises.
        """
        served = asyncio.Event()
        page = _Page(ids[0], served, asyncio.create_task(self._work(ids, served)))
        self._pages.append(page)
        waiting = asyncio.create_task(served.wait())
        try:
            while not page.over:
                await self._wait(page.task, waiting)
        finally:
            waiting.cancel()
        for other in self._pages:
            if other.task.done():
                other.task.result()

    async def finish_oldest(self) -> None:
        """Return when the oldest page is done. Raises what it failed with, and what `beat` raises."""
        page = self._pages[0]
        while not page.task.done():
            await self._wait(page.task)
        self.stuck += page.task.result()
        self._pages.popleft()

    async def _wait(self, *tasks: asyncio.Task[int] | asyncio.Task[bool]) -> None:
        done, _ = await asyncio.wait(tasks, timeout=self._beat_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            await self._beat(self._pages[0].first)

    async def _work(self, ids: Sequence[str], served: asyncio.Event) -> int:
        return await self._deliver(ids, served.set)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for page in self._pages:
            page.task.cancel()
        await asyncio.gather(*(page.task for page in self._pages), return_exceptions=True)
