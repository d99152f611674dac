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
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from game.board import Entry
from game.catalogue import Board, Catalogue
from game.scoring import encode
from realtime import protocol
from store import boards, scores
from store.board_rules import Admission
from store.boards import OUTBOX_LIMIT, PublishedBoard, StaleBoardError
from store.database import Database, backoff
from store.errors import StoreError
from streams.fanout import FanOutRunner, UnpushedError
from streams.records import RecordError, Touch, parse
from streams.report import Report

PASSING = (ClientError, BotoCoreError, StoreError, UnpushedError)
"""Errors that a repetition may mend."""

logger = logging.getLogger("podium.broadcaster")


class Broadcaster:
    """Keeps published boards true and their subscribers current. `now_ms` gives epoch milliseconds.

    `runner` brings the outboxes to the subscribers. `admission` is required before boards are read by the
    catalogue; None where that was done at the start.
    """

    def __init__(
        self,
        db: Database,
        catalogue: Catalogue,
        runner: FanOutRunner,
        now_ms: Callable[[], int],
        admission: Admission | None = None,
    ) -> None:
        self._db = db
        self._catalogue = catalogue
        self.runner = runner
        self._now_ms = now_ms
        self._admission = admission

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
            # Rows of an area that has left the catalogue are on no board.
            if touch.board in self._catalogue.boards:
                touched.setdefault(touch.board, []).append(touch)
        failed = await self._each(touched, lambda board: self._refresh(board, touched[board.id], report))
        return [
            touched[board][0].sequence_number for board, error in failed.items() if isinstance(error, PASSING)
        ]

    async def sweep(self, report: Report) -> list[str]:
        """Reconcile every board with its table and push what was left over; return boards that failed."""
        await self._admit()
        return [*await self._each(self._catalogue.boards, lambda board: self._refresh(board, None, report))]

    async def _admit(self) -> None:
        if self._admission:
            await self._admission.require()

    async def _each(
        self, names: Collection[str], refresh: Callable[[Board], Awaitable[None]]
    ) -> dict[str, Exception]:
        """Refresh boards side by side; log what failed, and return it by board."""
        results = await asyncio.gather(
            *(refresh(self._catalogue.boards[name]) for name in names), return_exceptions=True
        )
        failed = {}
        for name, result in zip(names, results, strict=True):
            if isinstance(result, Exception):
                logger.error(
                    "board %s: %r", name, result, exc_info=None if isinstance(result, PASSING) else result
                )
                failed[name] = result
            elif result is not None:
                raise result  # the process is about to end
        return failed

    async def _refresh(self, board: Board, touches: Sequence[Touch] | None, report: Report) -> None:
        """Publish what changed and push what is unpushed. `touches` None: take it that anything changed."""
        published = await self._load(board)
        relevant = [touch for touch in touches or () if _matters(board, published, touch)]
        if touches is None or relevant:
            published = await self._publish(board, published, report)
        scored = [touch.achieved_at for touch in relevant if touch.achieved_at is not None]
        await self.runner.push_outbox(published, report, min(scored, default=None))

    async def _load(self, board: Board) -> PublishedBoard:
        return await boards.load_or_create(self._db, board, self._now_ms(), protocol.encode_snapshot)

    async def _publish(self, board: Board, published: PublishedBoard, report: Report) -> PublishedBoard:
        attempt = 0
        while True:
            truth, bar = await scores.top_with_bar(self._db, board)
            frame = protocol.encode_change(board.id, board.top, published.position, published.entries, truth)
            if frame is None:
                return published
            try:
                new = await self._write(board, published, truth, bar, frame)
            except StaleBoardError:
                await backoff(attempt)
                attempt += 1
                published = await self._load(board)
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
            frame = protocol.encode_snapshot(board.id, board.top, position, truth)
        return await boards.publish(self._db, published, truth, frame, collapse=collapse, bar=bar)


def _bar(board: Board, published: PublishedBoard) -> str | None:
    """Return the stored sort key of the K-th row; None while there is room, and where it is not known."""
    if len(published.entries) < board.top:
        return None
    if published.last is None:  # published by a release that kept no bar; else each record would cost a Query
        last = published.entries[-1]
        return encode(board.order, last.points, last.achieved_at, last.user_id)
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
