"""Compares a part of a board's rank index with the rows, and the nodes with their children."""

from typing import NamedTuple

from game.rank_tree import Node, Range
from store import rank_nodes, row_ranges
from store.database import Database
from store.rank_index import side_by_side


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
    return await _compare(db, board, root, root.total * number // of, root.total * (number + 1) // of)


async def _compare(db: Database, board: str, node: Node, first: int, last: int) -> set[WrongCount]:
    """Compare the children that begin or end with rows from `first` to `last` of the node's range."""
    parts: dict[Range, tuple[int, int]] = {}  # the rows before a child, and in it
    begin = 0
    for place, count in enumerate(node.counts):
        if count is not None and begin <= last and begin + count >= first:
            parts[node.child(place)] = begin, count
        begin += count or 0
    if node.level == 1:
        counted = await side_by_side(row_ranges.count(db, board, part) for part in parts)
        true = dict(zip(parts, (found.rows for found in counted), strict=True))
        below: list[set[WrongCount]] = []
    else:
        names = {part: rank_nodes.node_id(node.level - 1, part.lo) for part in parts}
        loaded = await rank_nodes.load(db, board, names.values())
        children = {part: loaded[name] for part, name in names.items() if name in loaded}
        true = {part: child.total for part, child in children.items() if child.total is not None}
        below = await side_by_side(
            _compare(db, board, child, first - parts[part][0], last - parts[part][0])
            for part, child in children.items()
        )
        # A child that is missing is mended by who comes down to it.
        true |= dict.fromkeys(parts.keys() - children.keys(), -1)
    wrong = {
        WrongCount(node.level, part, parts[part][1], found)
        for part, found in true.items()
        if found != parts[part][1]
    }
    return wrong.union(*below)
