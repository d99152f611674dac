"""Compares a part of a board's rank index with the rows, and the nodes with their children."""

from collections.abc import Callable
from typing import NamedTuple

from game.rank_tree import EVERYTHING, Node, Range
from store import rank_nodes, row_ranges
from store.database import Database
from store.rank_index import side_by_side

_NOT_COUNTED, _MISSING = -1, -2
"""What stands for the rows of a range that are not counted, and of one whose node is missing."""
_Wanted = Callable[[Range, int, int], bool]
"""Says whether to compare a range, given how many rows come before it, and how many are in it."""


class WrongCount(NamedTuple):
    """A count in a node of a level that is not what is below."""

    level: int
    range: Range
    stored: int
    true: int

    @property
    def sentence(self) -> str:
        """What is wrong."""
        return (
            f"{self.stored} rows are said to be in {tuple(self.range)} at level {self.level}, not {self.true}"
        )


async def find_wrong(db: Database, board: str, number: int, of: int) -> set[WrongCount]:
    """Return what is wrong in the part `number` (from 0) of `of` equal parts of an index.

    What records on their way will make right is among it. Rows that are not counted yet are not.
    """
    root = (await rank_nodes.load_root(db, board)).node
    if root is None or root.total is None:
        return set()
    first, last = root.total * number // of, root.total * (number + 1) // of

    def is_wanted(_: Range, begin: int, rows: int) -> bool:
        return begin <= last and begin + rows >= first

    return await _compare(db, board, root, 0, is_wanted, whole=False)


async def find_wrong_within(db: Database, board: str, part: Range) -> set[WrongCount]:
    """Return what is wrong in a range of keys, on all levels; rows that are not counted are wrong, too."""

    def is_wanted(one: Range, _begin: int, _rows: int) -> bool:
        return (one.hi is None or one.hi > part.lo) and (part.hi is None or one.lo < part.hi)

    root = (await rank_nodes.load_root(db, board)).node
    if root is None:
        return {WrongCount(0, part, 0, _NOT_COUNTED)}
    return await _compare(db, board, root, 0, is_wanted, whole=True)


async def leaves_at(db: Database, board: str, key: str) -> Range:
    """Return the range of the node of level 1 that holds a key, or of a node above it that lacks it."""
    node = (await rank_nodes.load_root(db, board)).node
    part = EVERYTHING
    while node is not None and node.level > 1:
        part = node.child(node.place(key))
        name = rank_nodes.node_id(node.level - 1, part.lo)
        node = (await rank_nodes.load(db, board, [name])).get(name)
    return part


async def _compare(
    db: Database, board: str, node: Node, begin: int, wanted: _Wanted, *, whole: bool
) -> set[WrongCount]:
    """Compare those children of a node that are wanted; `begin` rows come before it.

    whole: whether what is not counted is wrong.
    """
    parts: dict[Range, tuple[int, int]] = {}  # the rows before a child, and in it
    for place, count in enumerate(node.counts):
        if (whole or count is not None) and wanted(node.child(place), begin, count or 0):
            parts[node.child(place)] = begin, _NOT_COUNTED if count is None else count
        begin += count or 0
    if node.level == 1:
        counted = await side_by_side(row_ranges.count(db, board, part) for part in parts)
        true = dict(zip(parts, (found.rows for found in counted), strict=True))
        below: list[set[WrongCount]] = []
    else:
        names = {part: rank_nodes.node_id(node.level - 1, part.lo) for part in parts}
        loaded = await rank_nodes.load(db, board, names.values())
        children = {part: loaded[name] for part, name in names.items() if name in loaded}
        true = {
            part: _NOT_COUNTED if child.total is None else child.total
            for part, child in children.items()
            if whole or child.total is not None
        }
        below = await side_by_side(
            _compare(db, board, child, parts[part][0], wanted, whole=whole)
            for part, child in children.items()
        )
        # A child that is missing is mended by who comes down to it.
        true |= dict.fromkeys(parts.keys() - children.keys(), _MISSING)
    wrong = {
        WrongCount(node.level, part, parts[part][1], found)
        for part, found in true.items()
        if found != parts[part][1]
    }
    return wrong.union(*below)
