"""From a board's outbox to its subscribers: by whoever published, or by several pushers at once.

    up to `direct_limit` subscribers   push to each, then clear the outbox
    more                               record a fan-out in the board's row, in shards by ranges of connection
                                       ids; start a pusher for each of them, and do not wait
    a pusher                           reads its shard a page at a time, pushes, records how far it has come
    the last pusher                    ends the fan-out, and goes on with what was published meanwhile

What must hold, whoever dies when:

- A frame leaves the outbox only when every subscriber took it, is gone, or was closed. Where somebody is
  stuck, the others are served all the same, and the frame goes out to everybody again.
- A pusher that dies is invoked again by Lambda; when all of them are dead the fan-out expires, and the next
  batch or the sweep takes over what is pending.
- The shards together hold every id there can be, and are read after the version was written: one who
  subscribed later has the version in the snapshot.
- A board has one fan-out at a time, so that a slow one is not overtaken by the next, whose diffs would then
  make everybody ask for a snapshot. What is published meanwhile waits in the outbox.
- What has gathered there goes out as one snapshot: a push is what is scarce (10,000 a second in an account),
  not the bytes in it. So the more subscribers there are, the more versions one push stands for.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from game.catalogue import Catalogue
from game.model import Model
from realtime import protocol
from realtime.gone import forget, hang_up
from realtime.push import PushClient
from store import boards, connections, fanouts, shards
from store.boards import Fanout, PublishedBoard
from store.database import Database
from store.fanouts import SupersededError
from streams.report import Report

PUSH_SECONDS = 10
"""How long the push of one frame to one subscriber may take, retries included."""

PUSH_RATE = 200
"""Subscribers a second for whom a push is given more time: slower than any endpoint in good health."""

DIRECT_LIMIT = 5000
"""Subscribers of a board whom one function pushes to by itself."""

PUSHERS = 8
"""Shards of a board with more subscribers."""

LEASE_SECONDS = 45
"""How long a fan-out lives without a sign of any of its pushers: twice what a page may take."""

logger = logging.getLogger("podium.fanout")


class UnpushedError(Exception):
    """Subscribers have neither their frames nor been closed: the frames stay in the outbox."""


class Shard(Model):
    """What a pusher is given: a shard of a board's fan-out. Its range and frames are in the board's row."""

    board: str
    epoch: int
    fanout: str
    shard: str


StartPusher = Callable[[Shard], Awaitable[None]]
"""Has a pusher work on a shard, and does not wait for it."""


class FanOut:
    """Brings outboxes to subscribers. `clock` gives epoch milliseconds.

    direct_limit: how many subscribers a board may have for whoever published it to push to them alone.
    pushers: how many shards a larger board is split into.
    """

    def __init__(
        self,
        db: Database,
        catalogue: Catalogue,
        push: PushClient,
        clock: Callable[[], int],
        start_pusher: StartPusher,
        *,
        direct_limit: int = DIRECT_LIMIT,
        pushers: int = PUSHERS,
    ) -> None:
        self._db = db
        self._catalogue = catalogue
        self._push = push
        self._clock = clock
        self._start_pusher = start_pusher
        self._direct_limit = direct_limit
        self._pushers = pushers

    async def push_outbox(self, board: PublishedBoard, report: Report, scored_at: int | None = None) -> None:
        """Bring what is unpushed to the subscribers, or see to it that somebody does.

        `scored_at` is when the oldest of the scores in it was achieved, in epoch milliseconds, where that is
        known. Raises UnpushedError when some have neither got it nor been closed.
        """
        try:
            while board.outbox or board.fanout:
                if board.fanout and not board.fanout.pending:
                    board = await self._finish(board, board.fanout, report)
                elif board.fanout:
                    if board.fanout.expires_at <= self._clock():
                        await self._split(board, board.fanout, report)
                    # Otherwise its pushers are at work: the last of them goes on with the rest.
                    return
                else:
                    board = await self._begin(board, report, scored_at)
        except SupersededError:
            # Whoever came first finds in the row all that we did.
            logger.info("board %s: somebody else is at it", board.game_area)

    async def push_shard(self, task: Shard, report: Report) -> None:
        """A pusher's work. Nothing is done where the shard is done already, or the fan-out is over.

        Raises UnpushedError when this was the last shard, and some subscribers of any of them are stuck.
        """
        board = await boards.load(self._db, task.board)
        fanout = board.fanout if board else None
        if (
            board is None
            or fanout is None
            or (board.epoch, fanout.id) != (task.epoch, task.fanout)
            or task.shard not in fanout.pending
        ):
            return
        try:
            board = await self._work_off(board, fanout, task.shard, report)
        except SupersededError:
            logger.warning("board %s: the fan-out was taken over, or is over", task.board)
            return
        if board.fanout and not board.fanout.pending:
            await self.push_outbox(board, report)

    async def _begin(self, board: PublishedBoard, report: Report, scored_at: int | None) -> PublishedBoard:
        """Push to a small board's subscribers, or split a large one's; the row without what is seen to."""
        ids = await self._some_subscribers(board)
        if len(ids) <= self._direct_limit:
            frames = [frame for _, frame in sorted(board.outbox.items())]
            if stuck := await self._deliver(frames, ids, report):
                raise UnpushedError(f"{stuck} connections have neither their frames nor been closed")
            await boards.clear_outbox(self._db, board)
            report.pushed(scored_at, self._clock())
            return board.model_copy(update={"outbox": {}})
        greatest = await connections.greatest_subscriber(self._db, board.game_area)
        ranges = shards.split(ids[0], greatest or ids[-1], self._pushers)
        now = self._clock()
        fanout = Fanout(
            id="",
            to=max(board.outbox),
            started_at=now,
            expires_at=now,
            scored_at=scored_at,
            pending={str(number): shard for number, shard in enumerate(ranges)},
        )
        await self._split(board, fanout, report)
        return board.model_copy(update={"outbox": {}})

    async def _some_subscribers(self, board: PublishedBoard) -> list[str]:
        """All of a small board's subscribers, and more than `direct_limit` of a larger one's."""
        ids: list[str] = []
        async for page in connections.subscribers(self._db, board.game_area):
            ids += page
            if len(ids) > self._direct_limit:
                break
        return ids

    async def _split(self, board: PublishedBoard, fanout: Fanout, report: Report) -> None:
        """Record a fan-out under a new id, and start its pushers."""
        new = fanout.model_copy(update={"id": uuid.uuid4().hex, "expires_at": self._expiry()})
        await fanouts.start(self._db, board, new)
        tasks = [
            Shard(board=board.game_area, epoch=board.epoch, fanout=new.id, shard=name) for name in new.pending
        ]
        started = await asyncio.gather(*map(self._start_pusher, tasks), return_exceptions=True)
        for task, error in zip(tasks, started, strict=True):
            if isinstance(error, (ClientError, BotoCoreError)):
                logger.error("no pusher for a shard of board %s: %s", board.game_area, error)
                await self.push_shard(task, report)
            elif error:
                raise error

    async def _work_off(
        self, board: PublishedBoard, fanout: Fanout, shard: str, report: Report
    ) -> PublishedBoard:
        frame = self._frame(board, fanout)
        stuck = 0

        async def advance(first: str | None) -> PublishedBoard:
            return await fanouts.advance(
                self._db, board, fanout, shard, first=first, stuck=stuck > 0, expires_at=self._expiry()
            )

        first_page = True
        async for page in connections.subscribers(self._db, board.game_area, fanout.pending[shard]):
            if not first_page:
                await advance(page[0])
            first_page = False
            stuck += await self._deliver([frame], page, report)
        return await advance(None)

    def _frame(self, board: PublishedBoard, fanout: Fanout) -> str:
        """The one frame of a fan-out: the diff, or the newest snapshot where it stands for several."""
        versions = [version for version in board.outbox if version <= fanout.to]
        if versions == [fanout.to]:
            return board.outbox[fanout.to]
        size = self._catalogue.boards[board.game_area].top
        return protocol.encode_snapshot(board.game_area, size, board.position, board.entries)

    async def _finish(self, board: PublishedBoard, fanout: Fanout, report: Report) -> PublishedBoard:
        rest = await fanouts.finish(self._db, board, fanout)
        report.finished(fanout, self._clock())
        if fanout.stuck and max(rest.outbox, default=0) <= fanout.to:
            # Nothing newer is there to be pushed to them at once: the sweep, or the next batch, tries again.
            raise UnpushedError("a shard has connections with neither their frames nor closed")
        return rest

    async def _deliver(self, frames: Sequence[str], ids: Collection[str], report: Report) -> int:
        """Push frames in their order; how many subscribers have neither got them nor been closed."""
        stuck = 0
        reachable = set(ids)
        for frame in frames:
            within = PUSH_SECONDS + len(reachable) / PUSH_RATE
            result = await self._push.push(frame, reachable, within=within)
            report.took(result)
            reachable.difference_update(result.gone, result.failed, result.untried)
            await forget(self._db, self._push, result.gone)
            stuck += len(await hang_up(self._push, result.failed)) + len(result.untried)
        return stuck

    def _expiry(self) -> int:
        return self._clock() + LEASE_SECONDS * 1000
