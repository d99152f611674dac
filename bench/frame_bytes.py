"""What a subscriber downloads in an hour of play: diffs, beside a snapshot of the board for each version.

The play is a recording (`bench/play.py`). Its first hour builds the boards up, and is not counted; the second
is. The boards are kept in memory, as the table would have them, and each window of scores is one batch of the
stream: where the top K of a board has changed, the very code of the broadcaster makes the frame, which is the
diff, or the snapshot where that is smaller. The subscriber follows every board. What they get when they
subscribe is the same either way, and left out.
"""

import asyncio
import bisect
import statistics
from collections.abc import Iterable, Iterator
from itertools import groupby

from bench.figure import Figure
from bench.play import SECONDS_AN_HOUR, START, Player, Score, record
from bench.scale import Scale
from game.board import Entry, Position, ranked
from game.catalogue import GLOBAL_BOARD, Board, Catalogue, load_catalogue
from game.scoring import better, encode
from realtime import protocol

TOPS = (10, 50, 100)
"""K: entries that a board shows."""
WINDOWS = (0.05, 1)
"""Seconds of play in one batch: about what the stream takes by itself, and a batching window that is set."""

PEER = "snapshots"


async def run(scale: Scale) -> list[Figure]:
    """Bytes in the hour, and those of the median and of the 99th percentile's frame, by K and by window."""
    return await asyncio.to_thread(_figures, 0.05 if scale.quick else 1)


def _figures(hours: float) -> list[Figure]:
    figures = []
    scores = list(record(load_catalogue(), hours=2 * hours))
    for top in TOPS:
        catalogue = with_top(load_catalogue(), top)
        since = START + int(hours * SECONDS_AN_HOUR * 1000)
        for window in WINDOWS:
            sizes = list(frame_sizes(catalogue, scores, window=window, since=since))
            ours, peer = zip(*sizes, strict=True)
            figures += [
                Figure(
                    "bytes", f"K = {top}, batches of {window:g} s, {case}", mine, theirs, PEER, unit, "less"
                )
                for case, unit, mine, theirs in (
                    ("in all", "MB", sum(ours) / 1e6, sum(peer) / 1e6),
                    ("median frame", "bytes", statistics.median(ours), statistics.median(peer)),
                    ("p99 frame", "bytes", _percentile(ours, 99), _percentile(peer, 99)),
                )
            ]
    return figures


def with_top(catalogue: Catalogue, top: int) -> Catalogue:
    """The catalogue with this K on every board."""
    return catalogue.model_copy(
        update={
            "global_": catalogue.global_.model_copy(update={"top": top}),
            "areas": {name: area.model_copy(update={"top": top}) for name, area in catalogue.areas.items()},
        }
    )


def frame_sizes(
    catalogue: Catalogue, scores: Iterable[Score], *, window: float, since: int
) -> Iterator[tuple[int, int]]:
    """Bytes of each version's frame and of its snapshot, of the versions from `since` on (milliseconds)."""
    live = {name: _Live(board) for name, board in catalogue.boards.items()}
    length = round(window * 1000)
    published = False
    for number, batch in groupby(scores, lambda score: (score.at - START) // length):
        counted = START + number * length >= since
        if counted and not published:
            for board in live.values():
                board.publish()
            published = True
        touched = {board for score in batch for board in _take(catalogue, live, score)}
        for name in sorted(touched) if counted else ():
            if frames := live[name].publish():
                yield len(frames[0].encode()), len(frames[1].encode())


def _take(catalogue: Catalogue, live: dict[str, "_Live"], score: Score) -> Iterator[str]:
    """Put a score on the boards, as `store.submission` does; the boards whose rows it changed."""
    if not live[score.area].improve(score.player, score.points, score.at):
        return
    yield score.area
    if score.area in catalogue.counting_areas:
        bests = (live[area].best(score.player) for area in catalogue.counting_areas)
        total = sum(points for points in bests if points is not None)
        if live[GLOBAL_BOARD].improve(score.player, total, score.at):
            yield GLOBAL_BOARD


class _Live:
    """A board: its rows by sort key, and what is published of them."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._keys: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._key_of: dict[str, str] = {}
        self._position = Position(START, 1)
        self._published: tuple[Entry, ...] = ()
        self._top: list[str] = []

    def best(self, player: Player) -> int | None:
        """A player's points, if they are on the board."""
        key = self._key_of.get(player.user_id)
        return None if key is None else self._entries[key].score

    def improve(self, player: Player, points: int, at: int) -> bool:
        """Put a player's new best in place of the old one. False where it is none."""
        best = self.best(player)
        if best is not None:
            if not better(self._board.order, points, best):
                return False
            old = self._key_of[player.user_id]
            del self._keys[bisect.bisect_left(self._keys, old)], self._entries[old]
        key = encode(self._board.order, points, at, player.user_id)
        bisect.insort(self._keys, key)
        self._key_of[player.user_id] = key
        self._entries[key] = Entry(rank=0, score=points, achieved_at=at, **player._asdict())
        return True

    def publish(self) -> tuple[str, str] | None:
        """The next version's frame and its snapshot; None where the top K is as it was."""
        board, position = self._board, self._position._replace(version=self._position.version + 1)
        keys = self._keys[-board.top :] if board.order == "desc" else self._keys[: board.top]
        if keys == self._top:
            return None
        self._top = keys
        truth = ranked(board.order, (self._entries[key] for key in keys))
        frame = protocol.encode_change(board.id, board.top, self._position, self._published, truth)
        assert frame is not None  # other keys, other entries
        self._position, self._published = position, truth
        return frame, protocol.encode_snapshot(board.id, board.top, position, truth)


def _percentile(values: Iterable[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
