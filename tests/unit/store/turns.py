"""Work side by side on the same tables, one request at a time, in an order that a test chooses."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

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


@dataclass
class Turns:
    """Lets one request through at a time: `choose` says which of those that wait."""

    choose: Choose
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        """Answer as DynamoDB does, when it is this request's turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn
        return await aws.ask_moto(request)

    async def play(self, works: Sequence[Awaitable[object]]) -> None:
        """Run all of it to its end; raises what any of it raises."""
        tasks = [asyncio.ensure_future(work) for work in works]
        while True:
            await asyncio.sleep(_REST)
            if not self._waiting:
                break
            self._waiting.pop(self.choose(len(self._waiting))).set_result(None)
        await asyncio.gather(*tasks)


async def interleave(direct_first: Work, works: Sequence[Work], choose: Choose, check: Work) -> None:
    """On empty tables: do `direct_first`, then all `works` side by side, then `check`."""
    turns = Turns(choose)
    async with aws.database(session(), turns.respond) as (db, direct):
        await direct_first(direct)
        await turns.play([work(db) for work in works])
        await check(direct)


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
