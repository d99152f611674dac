"""The connections of one client, and how the jobs share them.

Everything here is a callback: an answer comes in, the connection takes the next id, its request goes out. No
task, no future and no timer belongs to a single request. Time is kept by a few timers a client:

    wake      at the moment when the next waiting id, cooling connection or burst of the pace is due
    ticker    once a second: a new stamp for the signatures; connections whose answer is overdue are given up
    deadline  one a job

A connection is connecting, busy, idle, cooling down or dead. There are at most `in_flight` of them,
the places of dead ones that cool down included. They are opened when there is work, and stay open for the
next job.
"""

import asyncio
import heapq
import itertools
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable

from realtime.push.connection import Connection
from realtime.push.job import SILENT_TRIES, FirstTries, Job, backoff
from realtime.push.pace import AnyPace, Pace
from realtime.push.response import retry_after
from realtime.push.shared_pace import Claim, SharedPace
from realtime.push.signing import Stamp

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]
"""Opens a connection to the endpoint for what the callable makes, as `loop.create_connection` does."""

IDLE_SECONDS = 20.0
"""A connection that was idle for longer is replaced: who is at the other end may have forgotten it."""

COOL_DOWN_LIMIT_SECONDS = 60.0
"""However long a server asks to be left alone: connections outlive the push that was told so."""

_OK = 200
_REDIRECT = 300
_GONE = 410
_THROTTLED = 429
_SERVER_ERROR = 500

_TICK_SECONDS = 1.0
_LEAST_TICKS_TO_ANSWER = 5

logger = logging.getLogger("podium.push")


class ConnectionPool:
    """Works off jobs, over as many connections as they need.

    stamp: what signs the requests from a moment (seconds since the epoch) on; asked for once a second.
    in_flight: how many connections there are at the most.
    attempt_timeout: seconds to wait for a connection, and for an answer up to a fifth longer.
    rate: requests per second at the most; None for as many as there are answers.
    claim: claims requests of a rate that others share; None where all of it is this client's.
    now_s: seconds since the epoch.
    """

    def __init__(
        self,
        connect: Connect,
        stamp: Callable[[float], Stamp],
        *,
        in_flight: int,
        attempt_timeout: float,
        rate: float | None,
        claim: Claim | None = None,
        now_s: Callable[[], float],
    ) -> None:
        self.tick = 0
        self.first_tries = FirstTries()
        self._connect = connect
        self._new_stamp = stamp
        self._stamp: Stamp
        self._now_s = now_s
        self._in_flight = in_flight
        self._attempt_timeout = attempt_timeout
        self._tick_seconds = min(_TICK_SECONDS, attempt_timeout / _LEAST_TICKS_TO_ANSWER)
        self._ticks_to_answer = math.ceil(attempt_timeout / self._tick_seconds)
        self._loop = asyncio.get_running_loop()
        self._pace: AnyPace | None = None
        if rate is not None and claim is not None:
            self._pace = SharedPace(rate, claim, work=self._paced_work, granted=self._wake_at)
        elif rate is not None:
            self._pace = Pace(rate, self._loop.time())
        # Dictionaries for sets: their order is the same at every run.
        self._jobs: dict[Job, None] = {}
        self._runnable: deque[Job] = deque()
        self._connections: dict[Connection, None] = {}
        self._idle: list[Connection] = []
        self._connecting: dict[Connection, asyncio.Task[None]] = {}
        self._cooling: list[tuple[float, int, Connection]] = []
        self._order = itertools.count()
        # How often in a row a connection could not be opened, or broke before its answer.
        self._troubles = 0
        self._wake: asyncio.Handle | None = None
        self._wake_when = 0.0
        self._ticker: asyncio.Handle | None = None
        self._closed = False

    async def work_off(self, job: Job) -> None:
        """Return when the job is done, at its deadline at the latest. Cancelling this harms no other job.

        Raises what the job's collection of ids raises, and RuntimeError when closed.
        """
        if self._closed:
            raise RuntimeError("the push client is closed")
        self._stamp = self._new_stamp(self._now_s())
        self._jobs[job] = None
        deadline = self._loop.call_at(job.deadline, self._end, job)
        try:
            if self._loop.time() >= job.deadline:
                job.end([])
            else:
                self._make_runnable(job)
                self._dispatch()
            await job.done
        finally:
            deadline.cancel()
            job.close()
            del self._jobs[job]

    async def close(self) -> None:
        """End every connection. Jobs end as at their deadline."""
        self._closed = True
        for job in self._jobs:
            self._end(job)
        for timer in (self._wake, self._ticker):
            if timer:
                timer.cancel()
        if self._pace is not None:
            await self._pace.close()
        for connection in self._connections:
            connection.abort()
        connecting = list(self._connecting.values())
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        # The loop closes an aborted connection's socket in its next round.
        await asyncio.sleep(0)
        self._connections.clear()
        self._idle.clear()
        self._cooling.clear()

    # What the connections tell

    def connected(self, connection: Connection) -> None:
        """See ConnectionOwner."""
        if connection.job is not None and connection.job.open:
            self._send(connection, connection.job)
        else:
            connection.job = None
            self._feed(connection)

    def answered(self, connection: Connection, status: int, response: bytes) -> None:
        """See ConnectionOwner."""
        job = connection.job
        if _OK <= status < _REDIRECT:
            if not connection.proven:
                connection.proven = connection.reused = True
                connection.throttled = self._troubles = 0
            if connection.tries == 1:
                self.first_tries.ended += 1
            if job is not None and job.open:
                job.delivered(tries=connection.tries)
            # Only once the id is settled: should anything raise before, the broken connection returns its id.
            connection.job = None
        elif self._refused(connection, status, response):
            return
        if connection.dead:
            del self._connections[connection]
            self._dispatch()
        else:
            self._feed(connection)

    def lost(self, connection: Connection, *, unheard: bool) -> None:
        """See ConnectionOwner."""
        job = connection.job
        if job is not None:
            if not (connection.reused and unheard):
                self._trouble(connection)
                return
            # The server closed it while the request was on its way, or unnoticed before.
            del self._connections[connection]
            if job.open:
                self._open(connection)
            else:
                self._dispatch()
        elif connection in self._idle:
            self._idle.remove(connection)
            del self._connections[connection]
        # Otherwise it is cooling down, and so goes on its place.

    def _refused(self, connection: Connection, status: int, response: bytes) -> bool:
        """Settle an id whose answer was not a good one. Return whether the connection must cool down."""
        connection.proven = False
        connection.reused = True
        self._troubles = 0
        now = self._loop.time()
        passing = status == _THROTTLED or status >= _SERVER_ERROR
        pause = retry_after(response, self._now_s()) if passing else None
        job = connection.job
        self._note_first_try(connection, failed=passing)
        if job is not None and job.open:
            if passing:
                job.again(
                    connection.connection_id, tries=connection.tries, now=now, not_before=now + (pause or 0.0)
                )
                self._wake_for(job)
            elif status == _GONE:
                job.gone(connection.connection_id)
            else:
                job.failed(connection.connection_id)
        connection.job = None
        if status != _THROTTLED or (job is not None and not job.throttled):
            connection.throttled = 0
            return False
        connection.throttled += 1
        seconds = backoff(connection.throttled) if pause is None else min(pause, COOL_DOWN_LIMIT_SECONDS)
        self._cool_down(connection, now + seconds)
        return True

    def _note_first_try(self, connection: Connection, *, failed: bool) -> None:
        if connection.tries == 1:
            self.first_tries.ended += 1
            self.first_tries.failed += failed

    def _trouble(self, connection: Connection, *, counts_for: int = 1) -> None:
        """Let the place of a connection cool down that could not be opened, or ended before the answer.

        counts_for: how many failed tries of its id that stands for.
        """
        if connection.troubles == self._troubles:
            # Connections that were opened before the last trouble tell nothing new.
            self._troubles += 1
        now = self._loop.time()
        job = connection.job
        if job is not None:
            self._note_first_try(connection, failed=True)
        if job is not None and job.open:
            job.again(connection.connection_id, tries=connection.tries, now=now, counts_for=counts_for)
            self._wake_for(job)
        connection.job = None
        self._cool_down(connection, now + backoff(max(self._troubles, 1)))

    # Work for the connections

    def _feed(self, connection: Connection) -> None:
        """Give a connection its next id, of the jobs in turn; without one it is idle."""
        runnable = self._runnable
        while runnable and (self._pace is None or runnable[0].unpaced or self._pace.ready):
            job = runnable[0]
            taken = job.take()
            if taken is None:
                # It comes back when one of its ids is due.
                runnable.popleft()
                continue
            if len(runnable) > 1 and not job.unpaced:
                runnable.rotate(-1)
            if job.late:
                self._wake_for(job)
            connection.connection_id, connection.tries = taken
            connection.job = job
            if self._send(connection, job):
                return
        connection.reused = True
        connection.idle_since = self._now_s()
        self._idle.append(connection)
        self._wake_for_pace()

    def _send(self, connection: Connection, job: Job) -> bool:
        """Send the request of the id that the connection carries; False when there can be none."""
        try:
            request = job.request(self._stamp, connection.connection_id)
        except ValueError:
            job.failed(connection.connection_id)
            connection.job = None
            return False
        if self._pace is not None and not job.unpaced:
            self._pace.spend()
        connection.send(request)
        return True

    def _dispatch(self) -> None:
        """Put idle connections to work, and open more where they are too few."""
        if self._closed:
            return
        if self._pace is not None:
            self._pace.fill(self._loop.time())
        oldest = self._now_s() - IDLE_SECONDS
        while self._idle and self._work():
            connection = self._idle.pop()
            if connection.closing or connection.idle_since < oldest:
                connection.abort()
                del self._connections[connection]
            else:
                self._feed(connection)
        work = self._work()
        while len(self._connecting) < work and len(self._connections) < self._in_flight:
            self._open()
        self._wake_for_pace()
        if self._ticker is None and self._connections:
            self._ticker = self._loop.call_later(self._tick_seconds, self._on_tick)

    def _work(self) -> int:
        """Return how many requests could go out now."""
        work = self._paced_work()
        unpaced = sum(job.takeable for job in self._runnable if job.unpaced)
        return unpaced + (work if self._pace is None else min(work, self._pace.ready))

    def _paced_work(self) -> int:
        return sum(job.takeable for job in self._runnable if not job.unpaced)

    def _make_runnable(self, job: Job) -> None:
        if job.unpaced:
            # Those that wait for the pace do not hold it up.
            self._runnable.appendleft(job)
        else:
            self._runnable.append(job)

    def _end(self, job: Job) -> None:
        """End a job whose time is up. Answers to its requests that are out count for nothing."""
        job.end([connection.connection_id for connection in self._connections if connection.job is job])

    # Opening and cooling down

    def _open(self, broken: Connection | None = None) -> None:
        """Open a connection; in the place of a broken one, for the id that is out on that."""
        connection = Connection(self, troubles=self._troubles)
        if broken is not None:
            connection.job, connection.connection_id, connection.tries = (
                broken.job,
                broken.connection_id,
                broken.tries,
            )
        self._connections[connection] = None
        self._connecting[connection] = self._loop.create_task(self._open_connection(connection))

    async def _open_connection(self, connection: Connection) -> None:
        problem: Exception | None = None
        try:
            async with asyncio.timeout(self._attempt_timeout):
                await self._connect(lambda: connection)
        except Exception as error:  # noqa: BLE001 - the place must cool down and come back
            problem = error
        finally:
            del self._connecting[connection]
        if problem is not None and not connection.dead:
            if self._troubles == connection.troubles == 0:
                logger.warning("cannot connect to the connections endpoint: %r", problem)
            connection.abort()
            self._trouble(connection)

    def _cool_down(self, connection: Connection, until: float) -> None:
        """Leave a connection, or the place of a dead one, without work for a while."""
        heapq.heappush(self._cooling, (until, next(self._order), connection))
        self._wake_at(until)

    # Time

    def _wake_for(self, job: Job) -> None:
        if job.due is not None:
            self._wake_at(job.due)

    def _wake_for_pace(self) -> None:
        if self._pace is not None and self._runnable and not self._pace.ready:
            self._pace.want()
            if (when := self._pace.full_at) is not None:
                self._wake_at(when)

    def _wake_at(self, when: float) -> None:
        if self._wake is not None:
            if self._wake_when <= when:
                return
            self._wake.cancel()
        # uvloop's handle of a timer that is due at once has no `when`.
        self._wake, self._wake_when = self._loop.call_at(when, self._on_wake), when

    def _on_wake(self) -> None:
        self._wake = None
        now = self._loop.time()
        for job in self._jobs:
            job.make_due(now)
            if job.takeable and job not in self._runnable:
                self._make_runnable(job)
            self._wake_for(job)
        while self._cooling and self._cooling[0][0] <= now:
            _, _, connection = heapq.heappop(self._cooling)
            if connection.dead:
                del self._connections[connection]
            else:
                connection.idle_since = self._now_s()
                self._idle.append(connection)
        if self._cooling:
            self._wake_at(self._cooling[0][0])
        self._dispatch()

    def _on_tick(self) -> None:
        # Busy connections are looked after even when all jobs are over.
        busy = self._jobs or any(connection.job is not None for connection in self._connections)
        self._ticker = self._loop.call_later(self._tick_seconds, self._on_tick) if busy else None
        self.tick += 1
        self._stamp = self._new_stamp(self._now_s())
        for connection in [
            connection
            for connection in self._connections
            if connection.sent_for(self.tick) > self._ticks_to_answer
        ]:
            connection.abort()
            self._trouble(connection, counts_for=SILENT_TRIES)
