"""Ranks, and the rows at a rank: by the index (`store.rank_index`), or by counting where it is not finished.

By the index, a look-up reads one node per level and counts within one leaf. It is exact as soon as the scores
before it have been worked off, a second or so after they were accepted.
"""

from collections.abc import Callable
from typing import NamedTuple

from game.board import Entry
from game.catalogue import Board
from game.rank_tree import EVERYTHING, Node, Range, last_before
from game.scoring import Order
from store import rank_marks, rank_nodes, row_ranges, scores
from store.database import Database, backoff
from store.rank_index import side_by_side
from store.rank_nodes import MovedError, node_id
from store.scores import Score

COUNTED = 500
"""The rows that are counted, without an index, for a request that needs no token: see `place`."""

_ATTEMPTS = 10
"""How often a look-up begins again because nodes on its way were changed."""


class Place(NamedTuple):
    """A place on a board: the rows that are better, and all rows."""

    better: int
    of: int


class Around(NamedTuple):
    """A part of a board with a player in it, and the number of all rows."""

    entries: tuple[Entry, ...]
    of: int


class _Leaf(NamedTuple):
    """A leaf: its rows, those that are better than all of it, and those of the whole board."""

    range: Range
    rows: int
    better: int
    of: int

    @property
    def is_all(self) -> bool:
        """Whether the board has no other: then it is counted, which costs no more, and is exact at once."""
        return self.range == EVERYTHING


async def place(
    db: Database, board: Board, key: str, *, behind: bool = False, counted: int | None = None
) -> Place | None:
    """Return the place of a sort key, of a row or not; with `behind`, the place behind the row of this key.

    counted: the most rows that may be counted where there is no index; any number by default. None is
        returned where the board has more.
    """
    leaf = await _find(db, board, lambda node, _: node.place(key))
    wanted = better_than(board.order, key, equal=behind)
    if leaf is None or leaf.is_all:
        everything = await row_ranges.count(db, board.key, EVERYTHING, limit=counted)
        if everything.whole:
            return Place((await row_ranges.count(db, board.key, wanted)).rows, everything.rows)
    if leaf is None:
        return None
    found = await row_ranges.count(db, board.key, _overlap(leaf.range, wanted))
    return Place(leaf.better + min(found.rows, leaf.rows), leaf.of)


async def final_place(db: Database, board: Board, key: str, *, counted: int) -> Place | None:
    """Return the place of a row's sort key in a season that is over, exact though records were lost.

    By the index only once all of it was compared with the rows since the end (`store.rank_marks`), and by
    counting before. None is returned where more than `counted` rows would have to be counted.
    """
    if await rank_marks.is_verified(db, board.key):
        return await place(db, board, key, counted=counted)
    wanted = better_than(board.order, key)
    rest = Range("", wanted.lo) if wanted.lo else Range(key, None)
    parts = [row_ranges.count(db, board.key, part, limit=counted) for part in (wanted, rest)]
    better, others = await side_by_side(parts)
    if not (better.whole and others.whole and better.seen + others.seen <= counted):
        return None
    return Place(better.rows, better.rows + others.rows)


async def around(db: Database, board: Board, key: str, *, neighbours: int) -> Around:
    """Return the entry of a sort key with up to `neighbours` above it and below it, and their ranks.

    The entry is missing when the row is gone, or cannot be read: read the player's best again.
    """
    above, rows = await scores.neighbours(db, board, key, neighbours)
    found = await place(db, board, key)
    better, of = found or (0, 0)  # it is not None, for any number of rows may be counted
    if len(above) < neighbours:
        better = len(above)  # these are all that there are
    first = max(1, better + 1 - len(above))
    entries = scores.entries([*above, *rows], first)
    return Around(entries, max(of, entries[-1].rank if entries else 0))


async def rows_from(db: Database, board: Board, rank: int, limit: int) -> list[Score] | None:
    """Return up to `limit` rows in the board's order, from the one of a rank on; ranks count from 1.

    None where there is no index, and more than COUNTED rows would have to be passed over.
    """
    leaf = await _find(db, board, lambda node, better: node.at_rank(board.order, rank - better))
    if (leaf is None or leaf.is_all) and rank <= COUNTED + 1:
        return await _skip(db, board, None, rank - 1, limit)
    if leaf is None:
        everything = await row_ranges.count(db, board.key, EVERYTHING, limit=COUNTED)
        return [] if everything.whole else None
    if rank > leaf.of:
        return []
    lo, hi = leaf.range
    after = hi if board.order == "desc" else (last_before(lo) if lo else None)
    return await _skip(db, board, after, rank - 1 - leaf.better, limit)


def better_than(order: Order, key: str, *, equal: bool = False) -> Range:
    """Return the range of the keys that are better than one; with `equal`, the key itself is among them."""
    successor = f"{key}\0"
    if order == "desc":
        return Range(key if equal else successor, None)
    return Range("", successor if equal else key)


async def _skip(db: Database, board: Board, after: str | None, skip: int, limit: int) -> list[Score]:
    return (await scores.rows(db, board, limit=skip + limit, after=after))[skip:]


def _overlap(part: Range, other: Range) -> Range:
    ends = [hi for hi in (part.hi, other.hi) if hi is not None]
    return Range(max(part.lo, other.lo), min(ends, default=None))


async def _find(db: Database, board: Board, choose: Callable[[Node, int], int]) -> _Leaf | None:
    """Return a leaf; None where not all rows are counted.

    choose: returns which child of a node to go on with, given the rows that are better than all of the node.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return await _come_down(db, board, choose)
        except MovedError:
            await backoff(attempt)
    return None


async def _come_down(db: Database, board: Board, choose: Callable[[Node, int], int]) -> _Leaf | None:
    node = (await rank_nodes.load_root(db, board.key)).node
    of = node.total if node else None
    if node is None or of is None:
        return None
    better = 0
    while True:
        chosen = choose(node, better)
        ahead, rows, part = node.better(board.order, chosen), node.counts[chosen], node.child(chosen)
        if ahead is None or rows is None:
            return None
        better += ahead
        if node.level == 1:
            return _Leaf(part, rows, better, of)
        name = node_id(node.level - 1, part.lo)
        child = (await rank_nodes.load(db, board.key, [name])).get(name)
        if child is None or child.range != part:
            raise MovedError(name)
        node = child
