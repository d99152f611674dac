"""From a board's outbox to its subscribers: by the function that published, or by several pushers at once.

    up to `direct_limit` subscribers   push to each, then clear the outbox; what takes too long is a pusher's
    more                               record a fan-out in the board's row, in slices by ranges of connection
                                       ids; start a pusher for each of them, and do not wait
    a pusher                           reads its slice a page at a time, pushes, records how far it has come;
                                       short of time, it starts another one, which goes on from there
    the last pusher                    ends the fan-out, and goes on with what was published meanwhile

What must hold, whichever process dies at any moment:

- A frame leaves the outbox only when every subscriber took it, is gone, or was closed. Where one subscriber
  is stuck, the others are served all the same, and the frame goes out to everybody again.
- A pusher that dies is invoked again by Lambda; when all of them are dead the fan-out expires, and the next
  batch or the sweep takes over what is pending. The same follows where a pusher could not hand over.
- One slow board does not hold up the others of a batch: their function does not push to it for longer than
  DIRECT_SECONDS. One slow client does not hold up its slice: the next page does not wait for it.
- The slices together hold every id there can be, and are read after the version was written: one who
  subscribed later has the version in the snapshot.
- A board has one fan-out at a time, so that a slow one is not overtaken by the next, whose diffs would then
  make everybody ask for a snapshot. What is published meanwhile waits in the outbox.
- What has gathered there goes out as one snapshot: a push is what is scarce (10,000 a second in an account),
  not the bytes in it. So the more subscribers there are, the more versions one push stands for.
"""

import asyncio
import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence

from pydantic import Field

from game.catalogue import Catalogue
from game.live import DIRECT_LIMIT, PUSHERS
from game.model import Model
from game.seasons import Moment
from realtime import protocol
from realtime.gone import forget, hang_up
from realtime.push.client import PushClient
from store import boards, connections, fanouts
from store.boards import FanOutRow, PublishedBoard
from store.connections import IdRange
from store.database import Database
from store.errors import RequestError
from store.fanouts import SupersededError
from streams import slices
from streams.page_queue import PageQueue, Served, Watched
from streams.report import Report

PUSH_SECONDS = 10
"""How long the push of one frame to one subscriber may take, retries included."""

PUSH_RATE = 200
"""Subscribers a second for whom a push is given more time: slower than any endpoint in good health."""

ROUNDS_IN_VAIN = 2
"""After this number of pushes in a row that reached no subscriber, the endpoint is not there."""

DIRECT_SECONDS = 5
"""How long a function pushes to a board by itself, before it leaves that to a pusher."""

LEASE_SECONDS = 45
"""How long a fan-out lives without a sign of any of its pushers."""

BEAT_SECONDS = LEASE_SECONDS / 3
"""How often a pusher gives a sign of life, at the least; every page that is done is one."""

PAGES_AT_ONCE = 4
"""Pages of a slice under way: one whose ids are being tried, and others that wait for slow clients."""

HAND_OVER_SECONDS = 240
"""A pusher with less time than this hands over: it has run for less than the alarm on its time allows."""

LAST_SECONDS = 30
"""A pusher that could not hand over works on, and gives up when it has less time than this."""

logger = logging.getLogger("podium.fanout")


class UnpushedError(Exception):
    """Subscribers have neither their frames nor been closed: the frames stay in the outbox."""


class Slice(Model):
    """The order to a pusher: a slice of a board's fan-out. Its range and frames are in the board's row.

    `name` is `shard` in the event, so that functions of the release before and of this one start each other.
    """

    board: str
    epoch: int
    fanout: str
    name: str = Field(alias="shard")


StartPusher = Callable[[Slice], Awaitable[None]]
"""Has a pusher work on a slice, and does not wait for it."""

TimeLeft = Callable[[], float]
"""How many seconds a function may go on for."""


def _endless() -> float:
    return math.inf


class FanOutRunner:
    """Brings outboxes to subscribers. `now_ms` gives epoch milliseconds.

    direct_limit: the most subscribers of a board to whom the function that published it pushes alone.
    pushers: how many slices a larger board is split into.
    """

    def __init__(
        self,
        db: Database,
        catalogue: Catalogue,
        push: PushClient,
        now_ms: Callable[[], int],
        start_pusher: StartPusher,
        *,
        direct_limit: int = DIRECT_LIMIT,
        pushers: int = PUSHERS,
    ) -> None:
        self._db = db
        self._catalogue = catalogue
        self._push = push
        self._now_ms = now_ms
        self._start_pusher = start_pusher
        self._direct_limit = direct_limit
        self._pushers = pushers

    async def push_outbox(
        self,
        board: PublishedBoard,
        report: Report,
        scored_at: int | None = None,
        *,
        time_left: TimeLeft = _endless,
    ) -> None:
        """Bring what is unpushed to the subscribers, or have pushers do it.

        `scored_at` is when the oldest of the scores in it was achieved, in epoch milliseconds, where that is
        known. Raises UnpushedError when some have neither got it nor been closed.
        """
        try:
            while board.outbox or board.fanout:
                if board.fanout and not board.fanout.pending:
                    board = await self._finish(board, board.fanout, report)
                elif board.fanout:
                    # No pusher promises more than its lease; twice that forgives any clock.
                    if not 0 < board.fanout.expires_at - self._now_ms() <= 2 * LEASE_SECONDS * 1000:
                        await self._split(board, board.fanout, report, time_left)
                    # Otherwise its pushers are at work: the last of them goes on with the rest.
                    return
                else:
                    board = await self._begin(board, report, scored_at, time_left)
        except SupersededError:
            # The function that came first finds in the row all that we did.
            logger.info("board %s: another worker has taken over this fan-out", board.game_area)

    async def push_slice(self, task: Slice, report: Report, *, time_left: TimeLeft = _endless) -> None:
        """Push to a slice. Nothing is done where the slice is done already, or the fan-out is over.

        With less than HAND_OVER_SECONDS left, another pusher is started for what is left of the slice; one
        page is pushed to in any case. Raises UnpushedError when this was the last slice, and some subscribers
        of any of them are stuck; or when the time is up, and no other pusher could be started.
        """
        board = await boards.load(self._db, task.board)
        fanout = board.fanout if board else None
        if (
            board is None
            or fanout is None
            or (board.epoch, fanout.id) != (task.epoch, task.fanout)
            or task.name not in fanout.pending
        ):
            return
        try:
            done = await self._work_off(board, fanout, task, report, time_left)
        except SupersededError:
            logger.warning("board %s: the fan-out was taken over, or is over", task.board)
            return
        if done and done.fanout and not done.fanout.pending:
            await self.push_outbox(done, report, time_left=time_left)

    async def _begin(
        self, board: PublishedBoard, report: Report, scored_at: int | None, time_left: TimeLeft
    ) -> PublishedBoard:
        """Push to a small board's subscribers, or split a large one's; the row without what is seen to."""
        pages = await self._some_subscribers(board)
        stuck = 0
        if sum(map(len, pages)) <= self._direct_limit:
            undone, stuck = await self._push_directly(board, pages, report)
            if undone is None:
                if stuck:
                    raise UnpushedError(f"{stuck} connections have neither their frames nor been closed")
                await boards.clear_outbox(self._db, board)
                report.pushed(scored_at, self._now_ms())
                return board.model_copy(update={"outbox": {}})
            # One pusher has the time that this function lacks; several are for a crowd.
            ranges = [IdRange(undone)]
        else:
            greatest = await connections.greatest_subscriber(self._db, board.game_area)
            ranges = slices.split(pages[0][0], greatest or pages[-1][-1], self._pushers)
        now = self._now_ms()
        fanout = FanOutRow(
            id="",
            to=max(board.outbox),
            started_at=now,
            expires_at=now,
            scored_at=scored_at,
            pending={str(number): ids for number, ids in enumerate(ranges)},
            stuck=stuck > 0,
        )
        await self._split(board, fanout, report, time_left)
        return board.model_copy(update={"outbox": {}})

    async def _some_subscribers(self, board: PublishedBoard) -> list[list[str]]:
        """Return a small board's subscribers, or more than `direct_limit` of a larger one's, in pages."""
        pages: list[list[str]] = []
        async for page in connections.subscribers(self._db, board.game_area):
            pages.append(page)
            if sum(map(len, pages)) > self._direct_limit:
                break
        return pages

    async def _push_directly(
        self, board: PublishedBoard, pages: Sequence[Sequence[str]], report: Report
    ) -> tuple[str | None, int]:
        """Push the outbox to these pages in turn, for DIRECT_SECONDS.

        Returns the least id of those that may not have it, None where all have; and how many are stuck.
        """
        frames = [frame for _, frame in sorted(board.outbox.items())]
        stuck, undone = 0, None
        try:
            async with asyncio.timeout(DIRECT_SECONDS) as scope:
                for page in pages:
                    undone = page[0]
                    stuck += await self._deliver(frames, page, report)
        except TimeoutError:
            if not scope.expired():
                raise
            logger.warning("board %s: its push takes long; a pusher goes on with it", board.game_area)
            return undone, stuck
        return None, stuck

    async def _split(
        self, board: PublishedBoard, fanout: FanOutRow, report: Report, time_left: TimeLeft
    ) -> None:
        """Record a fan-out under a new id, and start its pushers."""
        new = fanout.model_copy(update={"id": uuid.uuid4().hex, "expires_at": self._expiry()})
        await fanouts.start(self._db, board, new)
        tasks = [
            Slice(board=board.game_area, epoch=board.epoch, fanout=new.id, name=name) for name in new.pending
        ]
        started = await asyncio.gather(*map(self._start_pusher, tasks), return_exceptions=True)
        for task, error in zip(tasks, started, strict=True):
            if isinstance(error, RequestError):
                logger.error("no pusher for a slice of board %s: %s", board.game_area, error)
                await self.push_slice(task, report, time_left=time_left)
            elif error:
                raise error

    async def _work_off(
        self, board: PublishedBoard, fanout: FanOutRow, task: Slice, report: Report, time_left: TimeLeft
    ) -> PublishedBoard | None:
        """Push to a slice's pages in order; return the row at the end, None where another pusher goes on."""
        frame = self._frame(board, fanout)

        async def deliver(ids: Sequence[str], served: Served) -> int:
            return await self._deliver([frame], ids, report, served)

        async def advance(first: str | None) -> PublishedBoard:
            return await fanouts.advance(
                self._db,
                board,
                fanout,
                task.name,
                first=first,
                stuck=pages.stuck > 0,
                expires_at=self._expiry(),
            )

        begun = False
        async with PageQueue(deliver, advance, beat_seconds=BEAT_SECONDS, limit=PAGES_AT_ONCE) as pages:
            async for ids in connections.subscribers(self._db, board.game_area, fanout.pending[task.name]):
                hand_over = begun and time_left() < HAND_OVER_SECONDS
                while pages.full or pages.oldest_is_done or (hand_over and pages.first is not None):
                    await pages.finish_oldest()
                    await advance(pages.first or ids[0])
                if hand_over and await self._hand_over(task, time_left):
                    return None
                await pages.push(ids)
                begun = True
            while pages.first is not None:
                await pages.finish_oldest()
                if pages.first is not None:
                    await advance(pages.first)
            return await advance(None)

    async def _hand_over(self, task: Slice, time_left: TimeLeft) -> bool:
        """Start another pusher for the rest of a slice; return whether it was started.

        Raises UnpushedError when it was not, and there is no time left to go on.
        """
        try:
            await self._start_pusher(task)
        except RequestError as error:
            logger.error("a slice of board %s cannot be handed over: %s", task.board, error)
            if time_left() < LAST_SECONDS:
                raise UnpushedError("a pusher's time is up, and no other could be started") from error
            return False
        return True

    def _frame(self, board: PublishedBoard, fanout: FanOutRow) -> str:
        """Return the one frame of a fan-out: the diff, or the newest snapshot where it stands for several."""
        versions = [version for version in board.outbox if version <= fanout.to]
        if versions == [fanout.to]:
            return board.outbox[fanout.to]
        rules = board.bind(self._catalogue.boards[board.game_area])
        moment = Moment(self._now_ms(), board.spread)
        return protocol.encode_snapshot(rules, board.position, board.entries, moment)

    async def _finish(self, board: PublishedBoard, fanout: FanOutRow, report: Report) -> PublishedBoard:
        rest = await fanouts.finish(self._db, board, fanout, self._now_ms())
        report.finished(fanout, self._now_ms())
        if fanout.stuck and max(rest.outbox, default=0) <= fanout.to:
            # Nothing newer is there to be pushed to them at once: the sweep, or the next batch, tries again.
            raise UnpushedError("a slice has connections with neither their frames nor closed")
        return rest

    async def _deliver(
        self, frames: Sequence[str], ids: Collection[str], report: Report, served: Served | None = None
    ) -> int:
        """Push frames in their order; how many subscribers have neither got them nor been closed."""
        stuck = 0
        reachable = set(ids)
        for frame in frames:
            left, in_vain = reachable.copy(), 0
            while left:
                within = PUSH_SECONDS + len(left) / PUSH_RATE
                result = await self._push.push(
                    frame, Watched(left, served) if served else left, within=within
                )
                report.took(result)
                reachable.difference_update(result.gone, result.failed)
                await forget(self._db, self._push, result.gone)
                stuck += len(await hang_up(self._push, result.failed))
                in_vain = in_vain + 1 if len(result.untried) == len(left) else 0
                if in_vain == ROUNDS_IN_VAIN:
                    reachable.difference_update(left)
                    stuck += len(left)
                    break
                left = set(result.untried)
        return stuck

    def _expiry(self) -> int:
        return self._now_ms() + LEASE_SECONDS * 1000
