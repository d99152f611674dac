"""The ranker: from a batch of stream records to true counts in the rank index of each board they touch.

    records of rows that came or went -> boards and sort keys -> `store.rank_index` makes the counts true

It is the second consumer of the stream of `Scores`, beside the broadcaster: DynamoDB allows two readers per
shard, and there is no third. It knows no catalogue: the index of every board that has records is kept.

Once an hour a sweep finishes indexes in which rows are not counted yet, and compares a part of each other
index with the rows: in PARTS hours, all of it. It repairs what stays wrong for LATE_SECONDS, and so is not
merely late: records that were given up or lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from game.rank_tree import COMES_OR_GOES
from store.database import Database
from store.errors import StoreError
from store.rank_check import WrongCount, find_wrong
from store.rank_index import RankIndex
from streams.records import RecordError, Touch, parse
from streams.tour import visit

PARTS = 168
"""The parts of an index that the sweep compares in turn: a week of hours."""
LATE_SECONDS = 30
"""A count that is wrong for so long, and the same, is not one whose records are on their way."""
BUILD_SECONDS = 240
"""How long a sweep goes on with indexes that are not finished."""
_SIDE_BY_SIDE = 8
"""Boards that a sweep looks at at a time."""

_PASSING = (ClientError, BotoCoreError, StoreError)

logger = logging.getLogger("podium.ranker")


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
            if record.get("eventName") not in COMES_OR_GOES:
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

    async def sweep(self, boards: Collection[str], report: RankReport, *, parts: int = PARTS) -> list[str]:
        """Finish the indexes of boards, compare and repair one of `parts`; return the boards that failed."""
        now = self._now_ms()
        part = now // 3_600_000 % parts
        end = now + BUILD_SECONDS * 1000
        wrong: dict[str, set[WrongCount]] = {}

        async def look(board: str) -> None:
            await self._build(board, end, report)
            if found := await find_wrong(self._db, board, part, parts):
                wrong[board] = found

        async def repair(board: str) -> None:
            lasting = wrong[board] & await find_wrong(self._db, board, part, parts)
            for one in lasting:
                logger.error("board %s: %s, to be counted again", board, one.sentence)
            report.repaired += len(lasting)
            await self._maintain(board, {one.range.lo for one in lasting}, report)

        failed = await self._each(boards, look)
        if wrong:
            await self._sleep(LATE_SECONDS)
        return [*failed, *await self._each(wrong, repair)]

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
