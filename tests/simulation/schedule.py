"""Actors whose requests take effect one at a time, in an order that is chosen: at random, or every one.

An actor is a coroutine that works with a `MemoryDynamo`. At each choice one of the waiting requests is
answered; or, while faults are left, its actor dies before it, or the request takes effect and its actor is
told that it failed.
"""

import asyncio
import contextvars
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from bench.memory_dynamo import MemoryDynamo, refused
from store.database import Database
from tests.simulation.faults import CrashError

_WRITES = ("PutItem", "TransactWriteItems")

_actor: contextvars.ContextVar[str] = contextvars.ContextVar("actor")


class Choose(Protocol):
    """Chooses one of a number of options."""

    def __call__(self, options: int) -> int:
        """Return a number from 0 to `options` - 1."""


@dataclass
class _Waiting:
    actor: str
    request: str
    answer: Callable[[], Any]
    future: asyncio.Future[Any]


@dataclass
class Schedule:
    """Actors and their requests.

    deaths: how many actors may die. Their names are in `dead`.
    lies: how many writes may be reported as failed that took effect.
    switches: how often an actor may be interrupted that could go on; any number by default.
    in_order: whether the requests that one actor has made at once are answered in their order.
    """

    choose: Choose
    deaths: int = 0
    lies: int = 0
    switches: int | None = None
    in_order: bool = True
    steps: int = 0
    dead: list[str] = field(default_factory=list)
    _running: str = ""
    _waiting: list[_Waiting] = field(default_factory=list)
    _actors: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Let an actor begin."""
        context = contextvars.copy_context()
        context.run(_actor.set, name)
        self._actors[name] = asyncio.get_running_loop().create_task(self._live(name, work), context=context)

    async def turn(self, request: str, answer: Callable[[], Any]) -> Any:
        """Wait until a request is chosen; return its answer. See `MemoryDynamo.around`."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(_actor.get(), request, answer, future))
        return await future

    async def run(self, *, most: int = 10_000) -> None:
        """Answer requests until no actor has any. Raises AssertionError after `most`, and actors' errors."""
        while True:
            await _quiet()
            if not self._waiting:
                break
            self.steps += 1
            assert self.steps < most, "this never ends"
            options = list(self._options())
            options[self.choose(len(options))]()
        for task in list(self._actors.values()):
            task.result()
        self._actors.clear()

    def _options(self) -> Iterator[Callable[[], None]]:
        seen = set()
        goes_on = any(one.actor == self._running for one in self._waiting)
        for one in sorted(self._waiting, key=lambda one: one.actor != self._running):
            if (self.in_order and one.actor in seen) or (
                goes_on and self.switches == 0 and one.actor != self._running
            ):
                continue
            yield partial(self._choose, one, self._answer, goes_on)
            if self.lies and one.request in _WRITES:
                yield partial(self._choose, one, self._lie, goes_on)
            if self.deaths and one.actor not in seen:
                yield partial(self._choose, one, self._kill, goes_on)
            seen.add(one.actor)

    def _choose(self, one: _Waiting, happens: Callable[[_Waiting], None], interrupts: bool) -> None:
        if interrupts and one.actor != self._running and self.switches is not None:
            self.switches -= 1
        self._running = one.actor
        happens(one)

    def _answer(self, one: _Waiting) -> None:
        self._waiting.remove(one)
        try:
            one.future.set_result(one.answer())
        except Exception as error:  # noqa: BLE001 -- it is the actor's
            one.future.set_exception(error)

    def _lie(self, one: _Waiting) -> None:
        self.lies -= 1
        self._waiting.remove(one)
        try:
            one.answer()
        except Exception as error:  # noqa: BLE001 -- it is the actor's
            one.future.set_exception(error)
        else:
            one.future.set_exception(refused("ConditionalCheckFailedException"))

    def _kill(self, killed: _Waiting) -> None:
        self.deaths -= 1
        self.dead.append(killed.actor)
        for one in [one for one in self._waiting if one.actor == killed.actor]:
            self._waiting.remove(one)
            one.future.set_exception(CrashError())

    async def _live(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except CrashError:
            assert name in self.dead


async def _quiet() -> None:
    """Wait until every actor waits for a request, or is done: for that there is no event."""
    loop: Any = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(0)
        if not loop._ready:
            return


def database(dynamo: MemoryDynamo) -> Database:
    """Return the tables of a store in memory."""
    return Database(dynamo)  # type: ignore[arg-type]


def every_order(run: Callable[[Choose], object], *, most: int) -> int:
    """Run something with every sequence of choices, up to `most`; return how many there were."""
    path: list[tuple[int, int]] = []  # what was chosen, of how many
    runs = 0
    while runs < most:
        depth = 0

        def choose(options: int) -> int:
            nonlocal depth
            if depth == len(path):
                path.append((0, options))
            chosen, known = path[depth]
            assert known == options, "a run is not repeatable"
            depth += 1
            return chosen

        run(choose)
        runs += 1
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return runs
        chosen, options = path.pop()
        path.append((chosen + 1, options))
    return runs


def at_random(seed: int) -> Choose:
    """Return choices that follow from a seed."""
    chance = random.Random(seed)
    return lambda options: chance.randrange(options)
