"""The ranker: from a batch of stream records to true counts in the rank index of each board they touch.

    records of rows that came or went -> boards and sort keys -> `store.rank_index` makes the counts true

It is the second consumer of the stream of `Scores`, beside the broadcaster: DynamoDB allows two readers per
shard, and there is no third. It knows no catalogue: the index of every board that has records is kept.

Once an hour a sweep finishes indexes in which rows are not counted yet, and compares a part of each other
index with the rows: in PARTS hours, all of it. It repairs what stays wrong for LATE_SECONDS, and so is not
merely late: records that were given up or lost.

Of a season that is over and has prizes, the sweep compares all of the index, as soon as no score can come
any more and again after the review, and marks it (`store.rank_marks`): a prize is decided by a rank that is
exact. The index of a season that can be read no longer is dropped. What DynamoDB removes of such seasons by
itself changes none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from game.activity import HOUR_MS
from game.catalogue import Catalogue
from game.rank_tree import COMES_OR_GOES, Range
from game.season_ranks import decided_keys, expired_keys, is_expired, open_keys
from store import rank_marks, rank_nodes
from store.database import Database
from store.errors import StoreError
from store.rank_check import WrongCount, find_wrong, find_wrong_within, leaves_at
from store.rank_index import RankIndex
from store.rank_marks import Mark
from streams.records import RecordError, Touch, is_expiry, parse
from streams.tour import visit

PARTS = 168
"""The parts of an index that the sweep compares in turn: a week of hours."""
LATE_SECONDS = 30
"""A count that is wrong for so long, and the same, is not one whose records are on their way."""
BUILD_SECONDS = 240
"""How long a sweep goes on with indexes that are not finished."""
VERIFY_SECONDS = 150
"""How long a sweep goes on comparing seasons that are over."""
DROPPED_AT_ONCE = 100
"""Indexes of expired seasons that a sweep drops; the next one goes on."""
_REPAIRS = 3
"""How often what is wrong in a part is repaired before the next sweep has it."""
_SIDE_BY_SIDE = 8
"""Boards that a sweep looks at at a time."""

logger = logging.getLogger("podium.ranker")


class WrongRanksError(Exception):
    """A part of an index is wrong whatever was repaired; the next sweep tries again."""


_PASSING = (ClientError, BotoCoreError, StoreError, WrongRanksError)


@dataclass
class RankReport:
    """Counts of one run, for the metrics and the log."""

    repaired: int = 0
    """Counts that were wrong for good, and nodes that could not be read."""


class Ranker:
    """Keeps rank indexes true. `now_ms` gives epoch milliseconds, `sleep` waits a number of seconds."""

    def __init__(
        self,
        db: Database,
        now_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db = db
        self._now_ms = now_ms
        self._sleep = sleep

    async def process(self, records: Iterable[Mapping[str, Any]], report: RankReport) -> list[str]:
        """Work off a batch; return the sequence numbers of the records to be given again.

        They are the first of each board for which a service failed. A record that cannot be read, and a
        mistake of ours on one board, are logged and left to the sweep, for no repetition mends them.
        """
        touched: dict[str, list[Touch]] = {}
        for record in records:
            if record.get("eventName") not in COMES_OR_GOES or is_expiry(record):
                continue
            try:
                touch = parse(record)
            except RecordError as error:
                logger.error("left to the sweep: %s", error)
                continue
            touched.setdefault(touch.board, []).append(touch)

        async def keep(board: str) -> None:
            await self._maintain(board, {touch.sort_key for touch in touched[board]}, report)

        failed = await self._each(touched, keep)
        return [
            touched[board][0].sequence_number
            for board, error in failed.items()
            if isinstance(error, _PASSING)
        ]

    async def tend(
        self,
        catalogue: Catalogue,
        report: RankReport,
        *,
        parts: int = PARTS,
        indexed: Collection[str] | None = None,
    ) -> list[str]:
        """Do all that a sweep does for the boards of a catalogue; return the boards that failed.

        indexed: the boards that have an index, where that is known.
        """
        now = self._now_ms()
        if indexed is None:
            kept, expired = open_keys(catalogue, now), [*expired_keys(catalogue, now)]
        else:
            expired = [key for key in indexed if is_expired(catalogue, key, now)]
            kept = [key for key in indexed if key not in expired]
        failed = await self.sweep(kept, report, parts=parts)
        failed += await self.verify(decided_keys(catalogue, now), report)
        return failed + await self.drop(expired)

    async def sweep(self, boards: Collection[str], report: RankReport, *, parts: int = PARTS) -> list[str]:
        """Finish the indexes of boards, compare and repair one of `parts`; return the boards that failed."""
        now = self._now_ms()
        part = now // HOUR_MS % parts
        end = now + BUILD_SECONDS * 1000
        wrong: dict[str, set[WrongCount]] = {}

        async def look(board: str) -> None:
            await self._build(board, end, report)
            if found := await find_wrong(self._db, board, part, parts):
                wrong[board] = found

        async def repair(board: str) -> None:
            lasting = wrong[board] & await find_wrong(self._db, board, part, parts)
            await self._repair(board, lasting, report)

        failed = await self._each(boards, look)
        if wrong:
            await self._sleep(LATE_SECONDS)
        return [*failed, *await self._each(wrong, repair)]

    async def verify(self, boards: Mapping[str, int], report: RankReport) -> list[str]:
        """Compare all of the indexes of seasons that are over, unless that was done since a time for each.

        Return the boards that failed. For VERIFY_SECONDS; the next run goes on where this one stopped.
        """
        end = self._now_ms() + VERIFY_SECONDS * 1000

        async def look(board: str) -> None:
            if self._now_ms() < end:
                await self._verify(board, boards[board], end, report)

        waiting = await rank_marks.unverified(self._db, boards)
        return [*await self._each(waiting, look)]

    async def drop(self, boards: Iterable[str]) -> list[str]:
        """Drop the indexes of seasons that expired, where there are any; return the boards that failed."""
        dropped = 0

        async def drop(board: str) -> None:
            nonlocal dropped
            if dropped < DROPPED_AT_ONCE and await rank_nodes.is_there(self._db, board):
                dropped += 1
                await rank_nodes.drop(self._db, board)

        return [*await self._each([*boards], drop)]

    async def _verify(self, board: str, since: int, end: int, report: RankReport) -> None:
        await self._build(board, end, report)
        compared_at, up_to, begun_at = await rank_marks.load(self._db, board)
        if begun_at < since:
            up_to, begun_at = "", self._now_ms()
        while True:
            part = Range(up_to, (await leaves_at(self._db, board, up_to)).hi)
            if not await self._make_true(board, part, report):
                raise WrongRanksError(f"{tuple(part)} is wrong after {_REPAIRS} repairs")
            if part.hi is None:
                break
            up_to = part.hi
            if self._now_ms() >= end:
                await rank_marks.save(self._db, board, Mark(compared_at, up_to, begun_at))
                logger.warning("board %s: its ranks are compared up to %s", board, up_to)
                return
        await rank_marks.save(self._db, board, Mark(compared_at=begun_at))

    async def _make_true(self, board: str, part: Range, report: RankReport) -> bool:
        """Repair what is wrong in a part of an index; return whether nothing is any more."""
        for _ in range(_REPAIRS):
            found = await find_wrong_within(self._db, board, part)
            if not found:
                return True
            await self._sleep(LATE_SECONDS)
            lasting = found & await find_wrong_within(self._db, board, part)
            await self._repair(board, lasting, report)
        return not await find_wrong_within(self._db, board, part)

    async def _repair(self, board: str, lasting: Collection[WrongCount], report: RankReport) -> None:
        for one in lasting:
            logger.error("board %s: %s, to be counted again", board, one.sentence)
        report.repaired += len(lasting)
        await self._maintain(board, {one.range.lo for one in lasting}, report)

    async def _build(self, board: str, end: int, report: RankReport) -> None:
        index = RankIndex(self._db, board)
        while not await index.build():
            if self._now_ms() >= end:
                logger.warning("board %s: not all rows are counted yet", board)
                break
        report.repaired += index.mended

    async def _maintain(self, board: str, keys: Collection[str], report: RankReport) -> None:
        index = RankIndex(self._db, board)
        try:
            await index.maintain(keys)
        finally:
            report.repaired += index.mended

    async def _each(
        self, boards: Collection[str], work: Callable[[str], Awaitable[None]]
    ) -> dict[str, Exception]:
        """Do something for boards, some at a time; log what failed, and return it by board."""
        tour = await visit(boards, work, _nothing, at_once=_SIDE_BY_SIDE)
        tour.log_failures(logger, _PASSING)
        return tour.failed


async def _nothing(_: None) -> None:
    """Push nothing: ranks have no subscribers."""
