"""The worker processes, as the load test sees them."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from loadtest.errors import LoadTestError
from loadtest.link import Link
from loadtest.messages import AnyOrder, AnyReport, Failed, Finished

_CHECKOUT = Path(__file__).parents[1]

_ReportT = TypeVar("_ReportT")


class Fleet:
    """All workers. What they report unasked goes to `heard`, with the worker's number."""

    def __init__(self, workers: "Sequence[_WorkerProcess]") -> None:
        self._workers = workers

    @classmethod
    @asynccontextmanager
    async def open(cls, size: int, heard: Callable[[int, AnyReport], None]) -> AsyncIterator["Fleet"]:
        """Start `count` workers; none is left afterwards. Raises LoadTestError when one fails meanwhile."""
        workers: list[_WorkerProcess] = []
        try:
            for number in range(size):
                # One by one, so that those which have been started are ended if the next one cannot be.
                workers += [await _WorkerProcess.start(number, heard)]
            async with asyncio.TaskGroup() as group:
                listening = [group.create_task(worker.listen()) for worker in workers]
                yield cls(workers)
                for task in listening:
                    task.cancel()
        except* LoadTestError as failures:
            raise LoadTestError(str(_first(failures))) from failures
        finally:
            for worker in workers:
                await worker.end()

    async def ask(self, orders: Sequence[AnyOrder], answer: type[_ReportT]) -> list[_ReportT]:
        """Give each worker its order (one for all, if there is but one), and wait for what they answer."""
        each = orders if len(orders) == len(self._workers) else [orders[0]] * len(self._workers)
        return list(
            await asyncio.gather(
                *(worker.ask(order, answer) for worker, order in zip(self._workers, each, strict=True))
            )
        )

    def tell(self, order: AnyOrder) -> None:
        """Give every worker an order that is not answered."""
        for worker in self._workers:
            worker.tell(order)


class _WorkerProcess:
    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        link: Link[AnyReport],
        heard: Callable[[int, AnyReport], None],
    ) -> None:
        self._number = number
        self._process = process
        self._link = link
        self._heard = heard
        self._answer: Callable[[AnyReport], None] = lambda _: None
        self._finished = False

    @classmethod
    async def start(cls, number: int, heard: Callable[[int, AnyReport], None]) -> "_WorkerProcess":
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "loadtest.worker", str(theirs.fileno())),
                cwd=_CHECKOUT,
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                # Ctrl-C is for us: we end them in order.
                start_new_session=True,
            )
        return cls(number, process, await Link[AnyReport].open(ours), heard)

    async def listen(self) -> None:
        while (report := await self._link.hear()) is not None:
            if isinstance(report, Failed):
                raise LoadTestError(report.why)
            self._answer(report)
            self._heard(self._number, report)
            if isinstance(report, Finished):
                self._finished = True
                return
        raise LoadTestError(f"Worker {self._number} ended by itself; what it said is above.")

    async def ask(self, order: AnyOrder, answer: type[_ReportT]) -> _ReportT:
        expected: asyncio.Future[_ReportT] = asyncio.get_running_loop().create_future()

        def take(report: AnyReport) -> None:
            if isinstance(report, answer) and not expected.done():
                expected.set_result(report)

        self._answer = take
        self.tell(order)
        return await expected

    def tell(self, order: AnyOrder) -> None:
        self._link.say(order)

    async def end(self) -> None:
        await self._link.close()
        if not self._finished and self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
