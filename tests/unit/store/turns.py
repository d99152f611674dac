"""Work side by side on the same tables, one request at a time, in an order that a test chooses."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest

from store.database import Database
from tests.simulation import aws
from tests.unit.realtime.fakes import session

Work = Callable[[Database], Awaitable[object]]
Choose = Callable[[int], int]
"""Returns which of this number of tasks goes next, counted from 0."""

_REST = 1.0
"""Seconds after which everything has come to its next request: a retry waits for half of one at most. To be
played by the simulated clock, which does not wait.
"""

_actor: contextvars.ContextVar[int] = contextvars.ContextVar("actor", default=-1)


@dataclass
class Turns:
    """Lets one request through at a time: `choose` says which of those that wait.

    switches: how often work may be interrupted that could go on; any number by default.
    """

    choose: Choose
    switches: int | None = None
    _running: int = -1
    _waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        """Answer as DynamoDB does, when it is this request's turn."""
        await self.wait()
        return await aws.ask_moto(request)

    async def wait(self) -> None:
        """Wait for a turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((_actor.get(), turn))
        await turn

    async def play(self, works: Sequence[Coroutine[Any, Any, object]]) -> None:
        """Run all of it to its end; raises what any of it raises."""
        tasks = []
        for number, work in enumerate(works):
            context = contextvars.copy_context()
            context.run(_actor.set, number)
            tasks.append(asyncio.get_running_loop().create_task(work, context=context))
        while True:
            await asyncio.sleep(_REST)
            if not self._waiting:
                break
            # Whose retry came first is chance.
            self._waiting.sort(key=lambda one: one[0])
            options = self._options()
            chosen = options[self.choose(len(options))]
            if self.switches is not None and self._can_go_on() and chosen[0] != self._running:
                self.switches -= 1
            self._running = chosen[0]
            self._waiting.remove(chosen)
            chosen[1].set_result(None)
        await asyncio.gather(*tasks)

    def _options(self) -> list[tuple[int, asyncio.Future[None]]]:
        if self.switches == 0 and self._can_go_on():
            return [one for one in self._waiting if one[0] == self._running]
        return list(self._waiting)

    def _can_go_on(self) -> bool:
        return any(actor == self._running for actor, _ in self._waiting)


async def interleave(direct_first: Work, works: Sequence[Work], choose: Choose, check: Work) -> None:
    """On empty tables: do `direct_first`, then all `works` side by side, then `check`."""
    turns = Turns(choose)
    async with aws.database(session(), turns.respond) as (db, direct):
        await direct_first(direct)
        await turns.play([_begin(work, db) for work in works])
        await check(direct)


async def _begin(work: Work, db: Database) -> None:
    await work(db)


def every_order() -> Iterator[Choose]:
    """Yield choices until every order has been played: each is to be used for one run, to its end."""
    path: list[int] = []
    while True:
        widths: list[int] = []

        def choose(width: int, path: Sequence[int] = path, widths: list[int] = widths) -> int:
            widths.append(width)
            return path[len(widths) - 1] if len(widths) <= len(path) else 0

        yield choose
        taken = [*path, *[0] * (len(widths) - len(path))][: len(widths)]
        while taken and taken[-1] + 1 == widths[len(taken) - 1]:
            taken.pop()
        if not taken:
            return
        path = [*taken[:-1], taken[-1] + 1]
