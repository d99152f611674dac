"""Simulate players against a running backend as real clients, measure what they see, check what is promised.

Exit status: 0 when the promise held, 1 when it was broken, 2 when there is nothing to test or an option is
wrong, 130 when it was interrupted twice.
"""

import argparse
import asyncio
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import uvloop

from loadtest import machine, messages, own_backend
from loadtest.arenas import Arena, quality_of
from loadtest.errors import LoadTestError
from loadtest.fleet import Fleet
from loadtest.ledger import Ledger
from loadtest.messages import AnyReport
from loadtest.options import Options, add_options, read_options
from loadtest.recorder import Recorder, told
from loadtest.report import summary, write_report
from loadtest.rest import Rest, RestError, open_http
from loadtest.result import Result, Verdict, write_result
from loadtest.target import Ground, TargetConfig, check_seasons, choose_ground, read_target
from loadtest.verdict import Outcome, compare_until_equal
from loadtest.view import say, show

_LEAD_SECONDS = 0.5
"""From the order to start until the start, so that it reaches every worker before."""
_WORN_OUT = 0.999


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a load test and return the exit status; exit with status 2 when an option is wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    add_options(parser)
    try:
        return uvloop.run(_run(read_options(parser.parse_args(arguments))))
    except (LoadTestError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except asyncio.CancelledError:
        sys.stderr.write("Interrupted; the accounts (loadtest-…) and their scores are left behind.\n")
        return 130


async def _run(options: Options) -> int:
    if options.season is None or options.target is not None:
        result = await _play(options)
    else:
        say("starting a backend of its own")
        async with own_backend.running(options) as there:
            result = (await _play(there)).model_copy(update={"options": options})
    write_result(options.out, result)
    page = write_report(options.out, result)
    for line in summary(result):
        say(line)
    say(f"Report: {page}")
    return 0 if result.verdict.held else 1


async def _play(options: Options) -> Result:
    config = await read_target(options)
    ground = choose_ground(options, config)
    async with open_http() as http:
        rest = Rest(http, config.rest_url)
        await check_seasons(options, ground, rest)
        test = LoadTest(options, config, ground, rest)
        with _signals(test.interrupt):
            return await test.run()


class LoadTest:
    """One run, from the accounts to the result."""

    def __init__(self, options: Options, config: TargetConfig, ground: Ground, rest: Rest) -> None:
        self._options = options
        self._config = config
        self._ground = ground
        self._rest = rest
        self._recorder = Recorder(ground.boards, options.ramp, options.processes)
        self._ledger = Ledger(ground)
        self._hurry = asyncio.Event()
        self._ticked = asyncio.Event()
        self._task = asyncio.current_task()
        self._began = 0.0
        self._played = 0
        self._differences: list[str] = []

    def interrupt(self) -> None:
        """End the play early, and judge what was played; asked again, or before the play, stop at once."""
        if self._task is not None and (not self._began or self._hurry.is_set()):
            self._task.cancel()
        self._hurry.set()

    async def run(self) -> Result:
        """Play, and judge. Raises LoadTestError when it cannot be carried out."""
        started_at = datetime.now(UTC)
        arenas = await self._arenas()
        async with Fleet.open(self._options.processes, self._heard) as fleet:
            await self._prepare(fleet, arenas)
            await self._play(fleet)
            outcome, unanswered = await self._judge(fleet)
            left_behind = await self._finish(fleet)
        return self._result(started_at, outcome, unanswered, left_behind)

    def _heard(self, worker: int, report: AnyReport) -> None:
        self._recorder.hear(worker, report)
        self._ledger.hear(report)
        self._ticked.set()

    async def _arenas(self) -> tuple[Arena, ...]:
        """Return the areas to score in. Where a board is full, newcomers must be able to get onto it."""
        arenas = []
        for name, area in self._ground.areas.items():
            try:
                entries = (await self._rest.top(name, area.top)).entries if area.top else ()
            except RestError as error:
                raise LoadTestError(
                    f"The backend at {self._config.rest_url} does not work: {error}"
                ) from error
            full = area.top is not None and len(entries) >= area.top
            floor = quality_of(area, entries[-1].points) if full else 0.0
            if floor > _WORN_OUT:
                say(f"{name}: even the last entry is as good as a score can be; little will move.")
            fed = [self._ground.all_boards[board] for board in self._ground.fed[name]]
            arenas.append(
                Arena(
                    id=name,
                    area=area,
                    floor=floor,
                    boards=self._ground.fed[name],
                    seasonal=frozenset(board.id for board in fed if board.seasons is not None),
                    prized=frozenset(board.id for board in fed if board.prizes),
                )
            )
        return tuple(arenas)

    async def _prepare(self, fleet: Fleet, arenas: tuple[Arena, ...]) -> None:
        options = self._options
        say(f"accounts to sign in: {options.players}")
        run = secrets.token_hex(4)
        # Good enough for whatever a user pool asks of passwords.
        password = f"aA1!{secrets.token_urlsafe(18)}"
        orders = [
            messages.Prepare(
                number=number,
                run=run,
                password=password,
                options=options,
                config=self._config,
                boards=self._ground.boards,
                arenas=arenas,
            )
            for number in range(options.processes)
        ]
        await fleet.ask(orders, messages.Prepared)

    async def _play(self, fleet: Fleet) -> None:
        self._began = time.monotonic() + _LEAD_SECONDS
        fleet.tell(messages.Start(at=self._began))
        say(f"seconds of play: {self._options.duration:g}")
        used = time.process_time()
        while self._played < self._options.duration and not self._hurry.is_set():
            self._played = second = self._played + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._began + second - time.monotonic())):
                    await self._hurry.wait()
            used_before, used = used, time.process_time()
            self._recorder.own(second, used - used_before)
            show(self._recorder, second, self._options.clients)

    async def _judge(self, fleet: Fleet) -> tuple[Outcome, int]:
        say(f"seconds to wait for quiet, at most: {self._options.settle:g}")
        stopped = await fleet.ask([messages.Stop(seconds=self._options.settle)], messages.Stopped)
        outcome = await compare_until_equal(fleet, self._rest, self._options.settle)
        self._differences = await self._ledger.compare(self._rest)
        # What was seen until now is part of the result.
        last = int(time.monotonic() - self._began) + 1
        while self._recorder.ticks < last:
            self._ticked.clear()
            await self._ticked.wait()
        self._recorder.close()
        return outcome, sum(one.unanswered for one in stopped)

    async def _finish(self, fleet: Fleet) -> int:
        say(f"accounts to delete: {self._options.players}")
        finished = await fleet.ask([messages.Finish(keep=self._options.keep_players)], messages.Finished)
        return sum(one.left_behind for one in finished)

    def _result(self, started_at: datetime, outcome: Outcome, unanswered: int, left_behind: int) -> Result:
        recorder, last = self._recorder, outcome.last
        broken = (
            *recorder.broken,
            *told(self._ledger.broken),
            *self._differences,
            *(last.problems if outcome.quiet_after is None else ()),
        )
        quiet_after = None if outcome.quiet_after is None else round(outcome.quiet_after, 2)
        return Result(
            started_at=started_at.isoformat(timespec="seconds"),
            interrupted=self._hurry.is_set(),
            played=self._played,
            options=self._options,
            target={
                "restUrl": self._config.rest_url,
                "webSocketUrl": self._config.web_socket_url,
                "region": self._config.region,
            },
            machine=machine.describe(),
            verdict=Verdict(
                held=not broken,
                broken=broken,
                clients=last.clients,
                boards=last.boards,
                quiet_after=quiet_after,
            ),
            score_to_screen=recorder.to_screen.whole(),
            score_to_answer=recorder.to_answer.whole(),
            request=recorder.request.whole(),
            scores=recorder.scores(unanswered),
            boards=recorder.boards(),
            seasons=self._ledger.seasons(),
            unjudged=self._ledger.unjudged,
            totals=dict(recorder.totals),
            errors=dict(recorder.errors),
            seconds=recorder.seconds(),
            tester=recorder.tester(self._played, left_behind),
        )


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
