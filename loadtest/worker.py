"""One process of simulated clients: `python -m loadtest.worker FD`, where FD is its end of the line.

It is started by `loadtest.fleet`, obeys the orders of `loadtest.messages`, and ends when no process gives
orders any more. Once a second it reports what its clients saw.
"""

import asyncio
import random
import resource
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import aiohttp
import uvloop

from loadtest import messages
from loadtest.accounts import Account, AccountError, Cognito
from loadtest.client import Client, Line
from loadtest.errors import LoadTestError
from loadtest.link import Link
from loadtest.messages import AnyOrder, Prepare
from loadtest.players import Player, Rules, poisson
from loadtest.rest import Rest, RestError, open_http
from loadtest.screens import Boards, State, digest
from loadtest.wire import Address

# Requests to Cognito at once, of one process.
_SIGNING_IN = 4
_LAG_SECONDS = 0.02
# Beside the clients' connections: the players' requests, and what Python itself holds.
_SPARE_FILES = 100
# How long a client that has left stays away, at least and at most.
_AWAY_SECONDS = (0.5, 5.0)

_DoneT = TypeVar("_DoneT")


class Worker:
    """The clients of one process. `plan` says which of them all."""

    def __init__(
        self,
        plan: Prepare,
        link: Link[AnyOrder],
        http: aiohttp.ClientSession,
        cognito: Cognito,
        tasks: asyncio.TaskGroup,
    ) -> None:
        options = plan.options
        self._plan = plan
        self._link = link
        self._cognito = cognito
        self._tasks = tasks
        self._rng = random.Random(f"{options.seed}-{plan.number}")
        self._rest = Rest(http, plan.config.rest_url)
        self._boards = Boards(plan.boards)
        self._line = Line(Address.of(plan.config.web_socket_url), self._boards, self._now, tasks)
        self._player_numbers = options.players_of(plan.number)
        self._spectator_numbers = options.spectators_of(plan.number)
        self._player_accounts: list[Account] = []
        self._players: list[Player] = []
        self._clients: list[Client] = []
        self._play: list[asyncio.Task[None]] = []
        self._began = 0.0
        self._attempts = 0
        self._lag = 0.0

    async def obey(self, order: AnyOrder) -> bool:
        """Do as told; whether there is more to come."""
        match order:
            case messages.Start():
                self._start(order.at)
            case messages.Stop():
                await self._stop(order.seconds)
            case messages.Look():
                self._look()
            case messages.Finish():
                await self._finish(order.keep)
            case _:
                await self._prepare()
        return not isinstance(order, messages.Finish)

    def _now(self) -> float:
        return time.monotonic() - self._began

    async def _prepare(self) -> None:
        _allow_files(len(self._player_numbers) * 2 + len(self._spectator_numbers) + _SPARE_FILES)
        run = self._plan.run
        self._player_accounts = await _few_at_a_time(
            [
                Account.make(self._cognito, f"loadtest-{run}-player-{number}", f"Player {number + 1}")
                for number in self._player_numbers
            ]
        )
        self._link.say(messages.Prepared())

    def _start(self, began: float) -> None:
        self._began = began
        rules = Rules(
            arenas=self._plan.arenas,
            watched=frozenset(self._plan.boards),
            rest=self._rest,
            now=self._now,
            tasks=self._tasks,
            counts=self._line.counts,
            errors=self._line.errors,
            broken=self._boards.broken,
            numbers=self._number,
            report=self._link.say,
        )
        for number, account in zip(self._player_numbers, self._player_accounts, strict=True):
            self._players.append(Player(account, rules, self._random("player", number)))
            self._add_client(f"player-{number}", account)
        for number in self._spectator_numbers:
            self._add_client(f"spectator-{number}", None)
        for task in (self._arrive(), self._score(), self._come_and_go()):
            self._play.append(self._tasks.create_task(task))
        self._tasks.create_task(self._report())
        self._tasks.create_task(self._watch_lag())

    def _add_client(self, name: str, account: Account | None) -> None:
        self._clients.append(Client(name, account, self._line, self._random("client", name)))

    def _random(self, *what: object) -> random.Random:
        return random.Random(f"{self._plan.options.seed}-{what}")

    def _number(self) -> int:
        # Numbers are the run's own, not this process's.
        self._attempts += 1
        return self._attempts * self._plan.options.processes + self._plan.number

    async def _arrive(self) -> None:
        newcomers = self._rng.sample(self._clients, len(self._clients))
        for place, client in enumerate(newcomers):
            wait = self._plan.options.ramp * place / len(newcomers) - self._now()
            if wait > 0:
                await asyncio.sleep(wait)
            client.join()

    async def _score(self) -> None:
        options = self._plan.options
        if not self._players:
            return
        # Poisson processes add up: each worker has the share of its players.
        rate = options.rate * len(self._players) / options.players
        rng = self._random("scores", self._plan.number)

        def hit(at: float) -> None:
            rng.choice(self._players).schedule(at)

        await poisson(rate, options.ramp, options.duration, self._now, rng, hit)

    async def _come_and_go(self) -> None:
        options = self._plan.options
        rate = options.churn / 100 / 60 * len(self._clients)
        if not rate:
            return
        rng = self._random("churn", self._plan.number)

        def leave(_: float) -> None:
            client = rng.choice(self._clients)
            if not client.live:
                return
            politely = rng.random() < 0.5
            self._line.counts["left" if politely else "vanished"] += 1
            client.leave(politely=politely, forget=rng.random() < 0.5)
            asyncio.get_running_loop().call_later(rng.uniform(*_AWAY_SECONDS), client.join)

        await poisson(rate, options.ramp, options.duration, self._now, rng, leave)

    async def _stop(self, seconds: float) -> None:
        for task in self._play:
            task.cancel()
        for client in self._clients:
            client.join()
        playing = [player.playing for player in self._players if player.playing]
        if playing:
            await asyncio.wait(playing, timeout=seconds)
        unanswered = sum(player.give_up() for player in self._players)
        claiming = [task for player in self._players for task in player.claiming]
        if claiming:
            await asyncio.wait(claiming, timeout=seconds)
        await _few_at_a_time([player.check() for player in self._players])
        self._link.say(messages.Stopped(unanswered=unanswered))

    async def _report(self) -> None:
        second, used, at = 0, time.process_time(), self._now()
        while True:
            second = max(second + 1, int(self._now()) + 1)
            await asyncio.sleep(max(0.0, second - self._now()))
            for client in self._clients:
                client.check()
            used_before, used = used, time.process_time()
            at_before, at = at, self._now()
            self._tick(second, (used - used_before) / (at - at_before))

    def _tick(self, second: int, cpu: float) -> None:
        boards, line = self._boards, self._line
        forgotten = [state.number for history in boards.histories.values() for state in history.forget()]
        self._link.say(
            messages.Tick(
                second=second,
                live=sum(client.live for client in self._clients),
                counts=dict(line.counts),
                errors=dict(line.errors),
                broken=dict(boards.broken),
                states=[_shown(state) for state in boards.states],
                steps=[
                    messages.ShownStep(
                        board=step.after.board,
                        before=step.before.number,
                        after=step.after.number,
                        seen=[(since, tick, count) for (since, tick), count in step.seen.items()],
                    )
                    for step in boards.steps
                    if step.before and step.after
                ],
                oldest=self._oldest(),
                forgotten=forgotten,
                lag=self._lag,
                cpu=cpu,
            )
        )
        for step in boards.steps:
            step.seen.clear()
        for counted in (line.counts, line.errors, boards.broken, boards.states, boards.steps):
            counted.clear()
        self._lag = 0.0

    def _oldest(self) -> dict[str, tuple[int, int]]:
        oldest = {}
        for board, history in self._boards.histories.items():
            held = history.held()
            if held:
                oldest[board] = (held.epoch, held.version)
        return oldest

    async def _watch_lag(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LAG_SECONDS)
            self._lag = max(self._lag, time.monotonic() - before - _LAG_SECONDS)

    def _look(self) -> None:
        live = [client for client in self._clients if client.live]
        screens = [(client, screen) for client in live for screen in client.screens.values()]
        counts: Counter[State] = Counter(screen.state for _, screen in screens if screen.state)
        examples = {screen.state: client.name for client, screen in screens if screen.state}
        self._link.say(
            messages.Looked(
                live=len(live),
                offline=len(self._clients) - len(live),
                blank=sum(screen.state is None for _, screen in screens),
                waiting=sum(client.waiting for client in live),
                holdings=[
                    messages.Holding(
                        board=state.board,
                        season=state.replica.season,
                        version=state.position.version,
                        size=state.size,
                        entries=state.entries,
                        clients=clients,
                        example=examples[state],
                    )
                    for state, clients in counts.items()
                ],
            )
        )

    async def _finish(self, keep: bool) -> None:
        for client in self._clients:
            client.leave(politely=True, forget=True)
        accounts = [] if keep else self._player_accounts
        deleted = await _few_at_a_time([self._delete(account) for account in accounts])
        self._link.say(messages.Finished(left_behind=deleted.count(False)))

    async def _delete(self, account: Account) -> bool:
        """Delete an account with its player's rows, if there are any; return whether that was possible."""
        try:
            await self._rest.delete_profile(await account.token())
        except (AccountError, RestError):
            return False
        return True


async def _few_at_a_time(work: Sequence[Coroutine[Any, Any, _DoneT]]) -> list[_DoneT]:
    """Do it all, without asking Cognito for too much at once."""
    free = asyncio.Semaphore(_SIGNING_IN)

    async def one(task: Coroutine[Any, Any, _DoneT]) -> _DoneT:
        async with free:
            return await task

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(task)) for task in work]
    return [task.result() for task in tasks]


def _shown(state: State) -> messages.ShownState:
    return messages.ShownState(
        number=state.number,
        board=state.board,
        season=state.replica.season,
        epoch=state.position.epoch,
        version=state.position.version,
        size=state.size,
        digest=digest(state.entries),
        scores={entry.user_id: entry.points for entry in state.entries},
    )


def _allow_files(needed: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < needed:
        raise LoadTestError(
            f"A process may have {most} files open here, and {needed} are needed: raise the limit"
            " (ulimit -Hn), or use more --processes."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(end: socket.socket) -> None:
    """Obey orders until there are none."""
    link = await Link[AnyOrder].open(end)
    asyncio.get_running_loop().set_exception_handler(_report_faults(link))
    plan = await link.hear()
    if not isinstance(plan, Prepare):
        return
    try:
        async with (
            open_http() as http,
            Cognito.open(plan.config, plan.password) as cognito,
            asyncio.TaskGroup() as tasks,
        ):
            worker = Worker(plan, link, http, cognito, tasks)
            order: AnyOrder | None = plan
            while order is not None and await worker.obey(order):
                order = await link.hear()
            raise _OverError
    except* _OverError:
        pass
    except* (LoadTestError, AccountError) as group:
        link.say(messages.Failed(why=_first(group)))
    await link.close()


def _report_faults(link: Link[AnyOrder]) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Return a handler for our faults in callbacks: they must end the test, not pass for the backend's."""

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        if fault is not None and not isinstance(fault, OSError):
            lines = traceback.format_exception(fault)
            link.say(messages.Failed(why=f"{context['message']}\n{''.join(lines)}"))

    return report


class _OverError(Exception):
    """Ends the task group, whose tasks would go on for ever."""


def _first(error: BaseException) -> str:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else str(error)


if __name__ == "__main__":
    uvloop.run(serve(socket.socket(fileno=int(sys.argv[1]))))
