"""A board of any size with its rank index, made at once: rows by a formula, nodes as splits leave them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from bench.memory_dynamo import Keys, MemoryDynamo, Usage
from game.rank_tree import EVERYTHING, Child, Node, Range, separator
from game.scoring import encode
from store import rank_nodes
from store.database import Database
from store.rank_index import RankIndex

BOARD = "forest"
TIED = 10
"""Rows that share their points."""
_EPOCH = 1_763_812_800_000
_TIE_MILLISECONDS = 86_400_000


class Rows(Sequence[str]):
    """Sort keys of a `desc` board, ascending, of which TIED share their points; computed when asked."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(self._count))]
        if not 0 <= place < self._count:
            raise IndexError(place)  # which ends an iteration
        points, tie = divmod(place, TIED)
        # Among equals, who was later comes first.
        achieved_at = _EPOCH - tie * _TIE_MILLISECONDS - place * 7919 % _TIE_MILLISECONDS
        return encode("desc", points, achieved_at, f"player-{place}")


@dataclass
class RankScene:
    """Rows, their index, and who improves; the same at every run."""

    dynamo: MemoryDynamo
    rows: int
    random: random.Random

    @property
    def index(self) -> RankIndex:
        """Return the board's index."""
        return RankIndex(self.db, BOARD)

    @property
    def db(self) -> Database:
        """Return the tables."""
        db: Any = self.dynamo
        return Database(db)

    def improve(self) -> list[str]:
        """Let a player have more points; return the keys of the records."""
        old = Rows(self.rows)[self.random.randrange(self.rows)]
        points = self.random.randrange(self.rows // TIED)
        new = encode("desc", points, _EPOCH + self.random.randrange(_TIE_MILLISECONDS), old[-12:])
        self.dynamo.delete_rows(BOARD, [old])
        self.dynamo.put_rows(BOARD, [new])
        return [old, new]

    async def improved(self, scores: int, batch: int) -> Usage:
        """Return what `scores` improved scores use of the index, in batches."""
        before = self.dynamo.used.copy()
        for _ in range(scores // batch):
            await self.index.maintain([key for _ in range(batch) for key in self.improve()])
        return self.dynamo.used - before


def rank_scene(rows: int, seed: int = 1) -> RankScene:
    """Return a board with this number of rows, and its index."""
    chance = random.Random(seed)
    keys = Rows(rows)
    dynamo = MemoryDynamo(rows={BOARD: Keys(keys)})
    for node in nodes_of(keys, chance):
        item = rank_nodes.to_stored(BOARD, rank_nodes.revised(node))
        dynamo.nodes[BOARD, item["node"]["S"]] = item
    return RankScene(dynamo, rows, chance)


def nodes_of(keys: Sequence[str], chance: random.Random) -> list[Node]:
    """Return the nodes of an index whose leaves and nodes are between half full and full."""
    children, begin = [], 0
    while begin < len(keys):
        # `game.rank_tree.cut` finds a place between two numbers of points nearby.
        end = min(len(keys), begin + TIED * chance.randint(3, 6))
        lo = separator(keys[begin - 1], keys[begin]) if begin else ""
        children.append(Child(lo, end - begin))
        begin = end
    made: list[Node] = []
    level = 1
    while True:
        root = _node(level, EVERYTHING, children)
        if not root.is_wide:
            return [*made, replace(root, is_root=True)]
        nodes = _group(level, children, chance)
        made += nodes
        children = [Child(node.range.lo, node.total) for node in nodes]
        level += 1


def _group(level: int, children: Sequence[Child], chance: random.Random) -> list[Node]:
    nodes, begin = [], 0
    while begin < len(children):
        size = 120
        while True:
            end = min(len(children), begin + size)
            hi = children[end].lo if end < len(children) else None
            node = _node(level, Range(children[begin].lo, hi), children[begin:end])
            if not node.is_wide:
                break
            size -= 4
        size = chance.randint(size // 2, size)
        end = min(len(children), begin + size)
        hi = children[end].lo if end < len(children) else None
        nodes.append(_node(level, Range(children[begin].lo, hi), children[begin:end]))
        begin = end
    return nodes


def _node(level: int, part: Range, children: Sequence[Child]) -> Node:
    return Node(
        level, part, tuple(child.lo for child in children[1:]), tuple(child.rows for child in children)
    )
