"""The broadcaster: from a batch of stream records to diffs on every subscriber's screen.

    records -> 1. which boards did they touch, and can any of them change a top K at all?
            -> 2. for each board left: load it as published, then Query its top K, which is the truth
            -> 3. write version v+1 with the diff in the outbox, on condition that the version still is v
            -> 4. read the board's subscribers, push the outbox, clear it (streams/fanout.py)

The stream says only THAT a board is dirty; the table says what is true. A batch may be repeated, split,
reordered or processed twice at once, and the board is still right, because:

- The published board is loaded BEFORE the truth is read. If the condition in 3 then holds, no other run
  published in between, so our truth is no older than the one it replaces.
- The outbox is written with the version. The next run (the retried batch, another batch, the sweep)
  finds what a crash between 3 and 4 left, and pushes it. Pushing twice is harmless: clients ignore what is
  not newer. It is cleared only when every subscriber took it, is gone, or was closed (and so comes back and
  asks for a snapshot).
- The subscribers are read AFTER the version is written. One who subscribed later read the board later, and
  has the version in the snapshot.
- A record below the K-th published entry is dropped without a Query (the bar). That is safe while the bar
  only rises. When a publication lowers it (a row left the board), a record that another broadcaster judged
  by the higher bar may have been dropped after our Query: so the run that lowered the bar looks again.
"""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from game.board import Entry
from game.catalogue import Board, Catalogue
from game.seasons import Moment
from realtime import protocol
from store import activity, boards, scores, spectators
from store.board_rules import Admission
from store.boards import CLOCKS_APART_MS, OUTBOX_LIMIT, PublishedBoard, StaleBoardError
from store.database import Database, backoff
from store.errors import StoreError
from streams.fanout import FanOutRunner, UnpushedError
from streams.records import RecordError, Touch, is_expiry, parse
from streams.report import Report
from streams.tour import Tour, visit

PASSING = (ClientError, BotoCoreError, StoreError, UnpushedError)
"""Errors that a repetition may mend."""

BATCH_BOARDS_AT_ONCE = 40
"""Boards of a batch that are read and published at a time: most of the SDK's connections (`runtime.sdk`)."""

SWEPT_BOARDS_AT_ONCE = 4
"""The same for the sweep. A laptop's emulator takes one request at a time, and scores come in between."""

SWEEP_BEGINS_SECONDS = 30
"""How long a sweep goes on to further boards."""

SWEEP_ENDS_SECONDS = 50
"""When a board that a sweep has begun with fails: before its function ends, and the next one begins."""

logger = logging.getLogger("podium.broadcaster")


class Unpushed(NamedTuple):
    """A board with frames for its subscribers, and when the oldest of the scores in them was achieved."""

    board: PublishedBoard
    scored_at: int | None


class Broadcaster:
    """Keeps published boards true and their subscribers current. `now_ms` gives epoch milliseconds.

    `runner` brings the outboxes to the subscribers. `admission` is required before boards are read by the
    catalogue; None where that was done at the start. spectators: whether the sweep counts them.
    """

    def __init__(
        self,
        db: Database,
        catalogue: Catalogue,
        runner: FanOutRunner,
        now_ms: Callable[[], int],
        admission: Admission | None = None,
        *,
        spectators: bool = False,
    ) -> None:
        self._db = db
        self._catalogue = catalogue
        self.runner = runner
        self._now_ms = now_ms
        self._admission = admission
        self._spectators = spectators
        self._sweep_from: str | None = None

    async def process(self, records: Iterable[Mapping[str, Any]], report: Report) -> list[str]:
        """Work off a batch; return the sequence numbers of the records to be given again.

        They are the first of each board for which a service failed. What no repetition mends is not among
        them, for its whole shard would stand still until it is given up: a record that cannot be read, and a
        mistake of ours on one board. Both are logged, and left to the sweep. Raises BrokenBoardsError.
        """
        await self._admit()
        touched: dict[str, list[Touch]] = {}
        for record in records:
            try:
                touch = parse(record)
            except RecordError as error:
                logger.error("left to the sweep: %s", error)
                continue
            report.saw(touch, self._now_ms())
            # Rows of a board that has left the catalogue are on none. What expires was not to be read before.
            board = self._catalogue.find_board(touch.board)
            if board is not None and not is_expiry(record):
                touched.setdefault(board.id, []).append(touch)
        tour = await visit(
            touched,
            lambda board: self._reconcile(board, touched[board], report),
            lambda unpushed: self._push(unpushed, report),
            at_once=BATCH_BOARDS_AT_ONCE,
        )
        tour.log_failures(logger, PASSING)
        return [
            touched[board][0].sequence_number
            for board, error in tour.failed.items()
            if isinstance(error, PASSING)
        ]

    async def sweep(self, report: Report) -> list[str]:
        """Reconcile the active boards with their tables, push what was left over; return those that failed.

        Boards that were not begun in SWEEP_BEGINS_SECONDS are the first of the next sweep. Meanwhile the
        spectators are counted.
        """
        counting = asyncio.create_task(self._count_spectators(report))
        try:
            return [*await self._sweep_boards(report), *await counting]
        finally:
            counting.cancel()

    async def _count_spectators(self, report: Report) -> list[str]:
        """Return what failed: `spectators`, or nothing. The next sweep tries again."""
        if not self._spectators:
            return []
        try:
            async with asyncio.timeout(SWEEP_ENDS_SECONDS):
                report.spectators = await spectators.tally(self._db, self._now_ms())
        except Exception as error:  # noqa: BLE001 -- it is logged, and no board waits for it
            logger.error("the spectators could not be counted: %r", error)
            return [spectators.SPECTATORS]
        return []

    async def turn(self, report: Report) -> list[str]:
        """Reconcile the active boards that have seasons, after one has begun; return those that failed.

        The sweep does the same within its minute. Harmless when repeated.
        """
        names = [name for name in await self._active() if self._catalogue.boards[name].seasons]
        return [*(await self._visit(names, report)).failed]

    async def _sweep_boards(self, report: Report) -> list[str]:
        names = await self._active()
        first = self._first_swept(names)
        tour = await self._visit(names[first:] + names[:first], report)
        report.swept(len(names), len(tour.left))
        self._sweep_from = tour.left[0] if tour.left else None
        return [*tour.failed]

    async def _active(self) -> list[str]:
        await self._admit()
        active = await activity.active_boards(self._db, self._now_ms())
        return [name for name in active if name in self._catalogue.boards]

    async def _visit(self, names: Iterable[str], report: Report) -> Tour:
        now = asyncio.get_running_loop().time()
        tour = await visit(
            names,
            lambda board: self._reconcile(board, None, report),
            lambda unpushed: self._push(unpushed, report),
            at_once=SWEPT_BOARDS_AT_ONCE,
            begin_until=now + SWEEP_BEGINS_SECONDS,
            end_at=now + SWEEP_ENDS_SECONDS,
        )
        tour.log_failures(logger, (*PASSING, TimeoutError))
        return tour

    def _first_swept(self, names: Sequence[str]) -> int:
        """Return the index at which a sweep begins: where the last one stopped, or anywhere."""
        if not names:
            return 0
        if self._sweep_from is None:
            # A function that has just started must not begin with the same boards each time.
            return self._now_ms() // 1000 % len(names)
        return bisect_left(names, self._sweep_from) % len(names)

    async def _admit(self) -> None:
        if self._admission:
            await self._admission.require()

    async def _reconcile(self, name: str, touches: Sequence[Touch] | None, report: Report) -> Unpushed | None:
        """Publish what changed; return what is unpushed. `touches` None: take it that anything changed."""
        begun = self._begun(touches or ())
        published = await self._load(self._catalogue.boards[name], begun)
        board = published.bind(self._catalogue.boards[name])
        # Past seasons are not live: their clients have turned to the one that is open.
        relevant = [
            touch for touch in touches or () if touch.board == board.key and _matters(board, published, touch)
        ]
        if touches is None or relevant:
            published = await self._publish(board, published, begun, report)
        if not (published.outbox or published.fanout):
            return None
        scored = [touch.achieved_at for touch in relevant if touch.achieved_at is not None]
        return Unpushed(published, min(scored, default=None))

    async def _push(self, unpushed: Unpushed, report: Report) -> None:
        await self.runner.push_outbox(unpushed.board, report, unpushed.scored_at)

    def _begun(self, touches: Iterable[Touch]) -> int:
        """Return a time that is over: a season in which a score was accepted has begun.

        This function's clock may be behind that of the one that accepted it, but not by long: another row of
        a season to come is no score. It may be one of seasons that an edit has replaced.
        """
        now = self._now_ms()
        found = (self._catalogue.find_board(touch.board) for touch in touches)
        begun = (
            board.seasons.starts_at(board.season)
            for board in found
            if board and board.seasons and board.season is not None
        )
        return max((time for time in begun if time <= now + CLOCKS_APART_MS), default=0)

    async def _load(self, board: Board, begun: int) -> PublishedBoard:
        now = max(self._now_ms(), begun)
        return await boards.load_or_create(self._db, board, now, protocol.encode_snapshot, compare=True)

    async def _publish(
        self, board: Board, published: PublishedBoard, begun: int, report: Report
    ) -> PublishedBoard:
        attempt = 0
        while True:
            truth, bar = await scores.top_with_bar(self._db, board)
            moment = Moment(self._now_ms(), published.spread)
            frame = protocol.encode_change(board, published.position, published.entries, truth, moment)
            if frame is None:
                return published
            try:
                new = await self._write(board, published, truth, bar, frame)
            except StaleBoardError:
                await backoff(attempt)
                attempt += 1
                published = await self._load(board, begun)
                board = published.bind(board)  # a season may have turned meanwhile
                continue
            report.boards_changed += 1
            if not _lowers_bar(board, _bar(board, published), bar):
                return new
            published = new

    async def _write(
        self,
        board: Board,
        published: PublishedBoard,
        truth: Sequence[Entry],
        bar: str | None,
        frame: str,
    ) -> PublishedBoard:
        collapse = len(published.outbox) >= OUTBOX_LIMIT
        if collapse:
            position = published.position._replace(version=published.version + 1)
            frame = protocol.encode_snapshot(board, position, truth, Moment(self._now_ms(), published.spread))
        return await boards.publish(
            self._db, published, truth, frame, now=self._now_ms(), collapse=collapse, bar=bar
        )


def _bar(board: Board, published: PublishedBoard) -> str | None:
    """Return the stored sort key of the K-th row; None while there is room, and where it is not known."""
    if len(published.entries) < board.top:
        return None
    if published.last is None:  # published by a release that kept no bar; else each record would cost a Query
        last = published.entries[-1]
        return board.sort_key(last.points, last.achieved_at, last.user_id, last.tiebreak)
    return published.bar


def _matters(board: Board, published: PublishedBoard, touch: Touch) -> bool:
    """Return whether a row at this key can be, or has been, among the top K."""
    bar = _bar(board, published)
    if bar is None:
        return True
    return touch.sort_key >= bar if board.order == "desc" else touch.sort_key <= bar


def _lowers_bar(board: Board, before: str | None, after: str | None) -> bool:
    if before is None:
        return False
    if after is None:
        return True
    return after < before if board.order == "desc" else after > before
