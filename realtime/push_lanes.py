"""The lanes of one client, and how the jobs share them.

Everything here is a callback: an answer comes in, the lane takes the next id, its request goes out. No task,
no future and no timer belongs to a single request. Time is kept by a few timers a client:

    wake      at the moment when the next waiting id, resting lane or pace is due
    ticker    once a second: a new stamp for the signatures; lanes without an answer are given up
    deadline  one a job

A lane is connecting, busy, idle or resting. There are at most `in_flight` of them, counting those that could
not be opened, or broke, for the time that they have to rest; they are opened when there is work for them, and
left open, for the next job, when there is none.
"""

import asyncio
import heapq
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from realtime.push_job import Job, backoff
from realtime.push_lane import Lane
from realtime.push_pace import Pace
from realtime.push_response import retry_after
from realtime.signing import Stamp

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]
"""Opens a connection to the endpoint, as `loop.create_connection` does. Raises OSError."""

IDLE_SECONDS = 20.0
"""A lane that was idle for longer is replaced: who is at the other end may have forgotten it."""

_OK = 200
_REDIRECT = 300
_GONE = 410
_THROTTLED = 429
_SERVER_ERROR = 500

_TICKS_A_TIMEOUT = 5

logger = logging.getLogger("podium.push")


class Lanes:
    """Works off jobs, over as many lanes as they need.

    stamp: what signs the requests from a moment (seconds since the epoch) on.
    in_flight: how many lanes there are at the most.
    attempt_timeout: seconds for which an answer, or a connection, is waited for; up to a fifth more.
    rate: requests a second at the most; None for as many as there are answers.
    clock: seconds since the epoch.
    """

    def __init__(
        self,
        connect: Connect,
        stamp: Callable[[float], Stamp],
        *,
        in_flight: int,
        attempt_timeout: float,
        rate: float | None,
        clock: Callable[[], float],
    ) -> None:
        self.tick = 0
        self._connect = connect
        self._make_stamp = stamp
        self._stamp: Stamp
        self._clock = clock
        self._in_flight = in_flight
        self._attempt_timeout = attempt_timeout
        self._tick_seconds = min(1.0, attempt_timeout / _TICKS_A_TIMEOUT)
        self._loop = asyncio.get_running_loop()
        self._pace = None if rate is None else Pace(rate, self._loop.time())
        self._jobs: dict[Job, None] = {}
        self._runnable: deque[Job] = deque()
        self._lanes: dict[Lane, None] = {}
        self._idle: list[Lane] = []
        self._connecting: dict[Lane, asyncio.Task[None]] = {}
        self._resting: list[tuple[float, int, Lane]] = []
        self._order = itertools.count()
        self._troubles = 0
        self._wake: asyncio.TimerHandle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._closed = False

    async def work_off(self, job: Job) -> None:
        """Return when the job is done, at its deadline at the latest. Cancelling harms nothing else.

        Raises what the job's collection of ids raises, and RuntimeError when closed.
        """
        if self._closed:
            raise RuntimeError("the push client is closed")
        self._stamp = self._make_stamp(self._clock())
        self._jobs[job] = None
        self._runnable.append(job)
        deadline = self._loop.call_at(job.deadline, self._end, job)
        try:
            self._dispatch()
            await job.done
        finally:
            deadline.cancel()
            job.close()
            self._jobs.pop(job, None)

    async def close(self) -> None:
        """End every connection. Jobs end as at their deadline."""
        self._closed = True
        for job in self._jobs:
            self._end(job)
        for timer in (self._wake, self._ticker):
            if timer:
                timer.cancel()
        for lane in self._lanes:
            lane.abort()
        connecting = list(self._connecting.values())
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        self._lanes.clear()
        self._idle.clear()

    # What happens to lanes

    def connected(self, lane: Lane) -> None:
        """See LaneOwner."""
        if lane.job is not None and lane.job.open:
            self._send(lane, lane.job)
        else:
            lane.job = None
            self._feed(lane)

    def answered(self, lane: Lane, status: int, response: bytes) -> None:
        """See LaneOwner."""
        job = lane.job
        lane.job = None
        rest = None
        if _OK <= status < _REDIRECT:
            if not lane.proven:
                lane.proven = lane.reused = True
                lane.throttled = self._troubles = 0
            if job is not None and job.open:
                job.delivered()
        else:
            rest = self._refused(lane, job, status, response)
        if rest is not None:
            self._rest(lane, rest)
        elif lane.dead:
            self._discard(lane)
            self._dispatch()
        else:
            self._feed(lane)

    def lost(self, lane: Lane, *, unheard: bool) -> None:
        """See LaneOwner."""
        if lane in self._idle:
            self._idle.remove(lane)
            self._discard(lane)
            return
        if lane.job is None:
            # It rests, and its place with it.
            return
        if lane.reused and unheard and lane.job.open:
            # The server closed it while our request was on its way, or while nobody looked.
            self._discard(lane)
            self._open(lane)
            return
        self._trouble(lane)

    def _refused(self, lane: Lane, job: Job | None, status: int, response: bytes) -> float | None:
        """Settle an id whose answer was not a good one; until when the lane has to rest, if it has to."""
        lane.proven = False
        lane.reused = True
        pause = (
            retry_after(response, self._clock()) if status == _THROTTLED or status >= _SERVER_ERROR else None
        )
        now = self._loop.time()
        if job is not None and job.open:
            if status == _GONE:
                job.gone(lane.connection_id)
            elif status == _THROTTLED or status >= _SERVER_ERROR:
                job.again(lane.connection_id, tries=lane.tries, now=now, not_before=now + (pause or 0.0))
                self._wake_for(job)
            else:
                job.failed(lane.connection_id)
        if status != _THROTTLED:
            return None
        lane.throttled += 1
        return now + (backoff(lane.throttled) if pause is None else pause)

    def _trouble(self, lane: Lane, error: BaseException | None = None) -> None:
        """A connection could not be opened, or ended before the answer. Its place rests for a while."""
        if lane.troubles == self._troubles:
            # Lanes that were opened before the last trouble say nothing new.
            self._troubles += 1
            if self._troubles == 1:
                logger.warning("no answer from the connections endpoint: %s", error or "connection lost")
        now = self._loop.time()
        job = lane.job
        lane.job = None
        if job is not None and job.open:
            job.again(lane.connection_id, tries=lane.tries, now=now)
            self._wake_for(job)
        self._rest(lane, now + backoff(max(self._troubles, 1)))

    # Work for lanes

    def _feed(self, lane: Lane) -> None:
        """Give a lane its next id, of the jobs in turn; without one it is idle."""
        runnable = self._runnable
        while runnable and (self._pace is None or self._pace.ready):
            job = runnable[0]
            taken = job.take()
            if taken is None:
                # It comes back when one of its ids is due.
                runnable.popleft()
                continue
            if len(runnable) > 1:
                runnable.rotate(-1)
            lane.connection_id, lane.tries = taken
            if self._send(lane, job):
                return
        lane.reused = True
        lane.idle_since = self._clock()
        self._idle.append(lane)

    def _send(self, lane: Lane, job: Job) -> bool:
        try:
            request = job.request(self._stamp, lane.connection_id)
        except ValueError:
            job.failed(lane.connection_id)
            return False
        if self._pace is not None:
            self._pace.spend()
        lane.job = job
        lane.send(request)
        return True

    def _dispatch(self) -> None:
        """Put the idle lanes to work, and open more when they are too few."""
        if self._closed:
            return
        now = self._loop.time()
        if self._pace is not None:
            self._pace.fill(now)
        oldest = self._clock() - IDLE_SECONDS
        while self._idle and self._work():
            lane = self._idle.pop()
            if lane.idle_since < oldest or lane.transport is None or lane.transport.is_closing():
                lane.abort()
                self._discard(lane)
            else:
                self._feed(lane)
        work = self._work()
        while len(self._connecting) < work and len(self._lanes) < self._in_flight:
            self._open()
        if self._ticker is None and self._lanes:
            self._ticker = self._loop.call_later(self._tick_seconds, self._on_tick)
        if self._pace is not None and self._runnable and not self._pace.ready:
            self._wake_at(self._pace.full_at)

    def _work(self) -> int:
        """How many requests could go out now."""
        work = sum(job.takeable for job in self._runnable)
        return work if self._pace is None else min(work, self._pace.ready)

    # Opening, resting

    def _open(self, previous: Lane | None = None) -> None:
        """Open a lane; for the id that is out on the previous one, if there is one."""
        lane = Lane(self)
        lane.troubles = self._troubles
        if previous is not None:
            lane.job, lane.connection_id, lane.tries = previous.job, previous.connection_id, previous.tries
        self._lanes[lane] = None
        self._connecting[lane] = self._loop.create_task(self._connect_lane(lane))

    async def _connect_lane(self, lane: Lane) -> None:
        problem: BaseException = TimeoutError()
        try:
            async with asyncio.timeout(self._attempt_timeout):
                await self._connect(lambda: lane)
        except OSError as error:
            problem = error
        finally:
            del self._connecting[lane]
            if lane.transport is None and not lane.dead:
                lane.dead = True
                self._trouble(lane, problem)

    def _discard(self, lane: Lane) -> None:
        self._lanes.pop(lane, None)

    def _rest(self, lane: Lane, until: float) -> None:
        """Leave a lane, or the place of a dead one, without work for a while."""
        heapq.heappush(self._resting, (until, next(self._order), lane))
        self._wake_at(until)

    # Time

    def _wake_for(self, job: Job) -> None:
        if job.due is not None:
            self._wake_at(job.due)

    def _wake_at(self, when: float) -> None:
        if self._wake is not None:
            if self._wake.when() <= when:
                return
            self._wake.cancel()
        self._wake = self._loop.call_at(when, self._on_wake)

    def _on_wake(self) -> None:
        self._wake = None
        now = self._loop.time()
        for job in self._jobs:
            job.make_due(now)
            if job.takeable and job not in self._runnable:
                self._runnable.append(job)
        while self._resting and self._resting[0][0] <= now:
            _, _, lane = heapq.heappop(self._resting)
            if lane.dead:
                self._discard(lane)
            else:
                lane.idle_since = self._clock()
                self._idle.append(lane)
        if self._resting:
            self._wake_at(self._resting[0][0])
        for job in self._jobs:
            self._wake_for(job)
        self._dispatch()

    def _on_tick(self) -> None:
        self._ticker = None
        self.tick += 1
        self._stamp = self._make_stamp(self._clock())
        for lane in [lane for lane in self._lanes if self._overdue(lane)]:
            lane.abort()
            self._trouble(lane, TimeoutError("an answer took too long"))
        if self._jobs or any(lane.job is not None for lane in self._lanes):
            self._ticker = self._loop.call_later(self._tick_seconds, self._on_tick)

    def _overdue(self, lane: Lane) -> bool:
        out = lane.job is not None and lane.transport is not None
        return out and self.tick - lane.sent_tick > _TICKS_A_TIMEOUT

    def _end(self, job: Job) -> None:
        """The job's time is up. Its requests that are out are answered to nobody."""
        job.end([lane.connection_id for lane in self._lanes if lane.job is job])
