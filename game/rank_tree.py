"""The tree behind exact ranks: ranges of sort keys, and how many rows of a board are in each.

A leaf is a range of at most about LEAF_ROWS rows. It is no object of its own: a node of level 1 has the
separator at which the leaf begins, and its count. A node of level 2 has the totals of nodes of level 1 in the
same way, and so on up to the root. Keys are compared as texts, the least first, whatever the board's order:
on a `desc` board, greater keys are better.

Where a range begins and ends is a matter of convenience: any text is a good separator. Only counts have to be
true. A count may be None: the rows of that range have not been counted yet, and there may be any number.
What is stored, and what keeps the counts true, is told in `store.rank_index`.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from game.scoring import Order

COMES_OR_GOES = ("INSERT", "REMOVE")
"""The events of the stream that change counts: a new name or portrait is neither."""

LEAF_ROWS = 64
"""The most rows of a leaf, which is split when it has more: at 256 bytes, this many are 16 KB."""

NODE_BYTES = 1024
"""The bytes of a stored node above which it is split: DynamoDB writes 1 KB for one write unit."""

_FILLED = 0.75
"""How much of its room a piece takes up after a split."""
_JOINED_ROWS = LEAF_ROWS // 4
"""Neighbouring leaves that have this many rows together become one."""
# Attributes' names and the values that each node has, with a board's id of up to 64 bytes:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
_NODE_OVERHEAD = 150

Count = int | None
"""A number of rows; None where they have not been counted."""


class Range(NamedTuple):
    """The keys from `lo` on that come before `hi`; a `hi` of None is beyond all keys."""

    lo: str
    hi: str | None

    def holds(self, key: str) -> bool:
        """Return whether a key is in the range."""
        return self.lo <= key and (self.hi is None or key < self.hi)


EVERYTHING = Range("", None)


class Child(NamedTuple):
    """A part of a node's range, from `lo` to the next one's."""

    lo: str
    rows: Count


@dataclass(frozen=True)
class Node:
    """A node. Its children are leaves where its level is 1, and else nodes of the level below.

    separators: where each child but the first begins, ascending, within the range.
    counts: one for each child.
    revision: a new one at every write; "" before the first.
    is_root: whether it is the tree's root, which keeps its place when the tree grows.
    """

    level: int
    range: Range
    separators: tuple[str, ...]
    counts: tuple[Count, ...]
    revision: str = ""
    is_root: bool = False

    @property
    def total(self) -> Count:
        """The rows in its range; None while some are not counted."""
        return _sum(self.counts)

    @property
    def is_wide(self) -> bool:
        """Whether it has grown beyond NODE_BYTES and can be split."""
        return len(self.counts) > 1 and self.size > NODE_BYTES

    @property
    def size(self) -> int:
        """The bytes that it takes up in DynamoDB, or some more."""
        prefix = common_prefix(self.separators)
        texts = sum(2 + len(text) - len(prefix) for text in self.separators)
        numbers = sum(2 + _digits(count) for count in self.counts)
        return _NODE_OVERHEAD + len(prefix) + len(self.range.lo) + len(self.range.hi or "") + texts + numbers

    def place(self, key: str) -> int:
        """Return the number of the child that holds a key of the node's range."""
        return bisect_right(self.separators, key)

    def child(self, place: int) -> Range:
        """Return the range of a child."""
        lo = self.separators[place - 1] if place else self.range.lo
        return Range(lo, self.separators[place] if place < len(self.separators) else self.range.hi)

    def with_children(self, changes: Mapping[int, Sequence[Child]]) -> "Node":
        """Return the node with children replaced: each, by its place, by one or more that cover its range."""
        children: list[Child] = []
        for place, count in enumerate(self.counts):
            children += changes.get(place, (Child(self.child(place).lo, count),))
        return self._of(self.range, children)

    def joined(self) -> "Node":
        """Return the node with small leaves joined to their neighbours.

        The new count is the sum of the old ones, and as true as they were.
        """
        if self.level > 1:
            return self
        kept: list[Child] = []
        for child in self._children():
            together = _sum((kept[-1].rows, child.rows)) if kept else None
            if together is not None and together <= _JOINED_ROWS:
                kept[-1] = Child(kept[-1].lo, together)
            else:
                kept.append(child)
        return self._of(self.range, kept)

    def split(self) -> list["Node"]:
        """Return nodes of the same level that cover its range together and are well below NODE_BYTES."""
        children = self._children()
        room = NODE_BYTES - _NODE_OVERHEAD
        parts = max(2, -(-(self.size - _NODE_OVERHEAD) // int(room * _FILLED)))
        parts = min(parts, len(children))
        starts = [0, *_cuts([child.lo for child in children], parts), len(children)]
        ends = [children[start].lo for start in starts[1:-1]]
        ranges = map(Range, [self.range.lo, *ends], [*ends, self.range.hi])
        return [
            replace(self._of(part, children[start:end]), is_root=False, revision="")
            for part, (start, end) in zip(ranges, pairwise(starts), strict=True)
        ]

    def above(self, pieces: Sequence["Node"]) -> "Node":
        """Return the node that takes this one's place, one level higher, with the pieces as its children."""
        return replace(
            self._of(self.range, [Child(piece.range.lo, piece.total) for piece in pieces]),
            level=self.level + 1,
        )

    def better(self, order: Order, place: int) -> Count:
        """Return how many rows are in the children that are better than one, on a board of this order."""
        return _sum(self.counts[place + 1 :] if order == "desc" else self.counts[:place])

    def at_rank(self, order: Order, rank: int) -> int:
        """Return the place of the child that has the row of a rank, counted from 1 among the node's rows.

        Where there are fewer rows it is the worst child; or one that is not counted, if that comes before.
        """
        places = range(len(self.counts))
        for place in reversed(places) if order == "desc" else places:
            count = self.counts[place]
            if count is None or rank <= count:
                return place
            rank -= count
        return 0 if order == "desc" else len(self.counts) - 1

    def _children(self) -> list[Child]:
        return [Child(self.child(place).lo, count) for place, count in enumerate(self.counts)]

    def _of(self, part: Range, children: Sequence[Child]) -> "Node":
        return replace(
            self,
            range=part,
            separators=tuple(child.lo for child in children[1:]),
            counts=tuple(child.rows for child in children),
        )


def new_root() -> Node:
    """Return the root of a tree in which nothing has been counted yet."""
    return replace(sapling(1, EVERYTHING)[0], is_root=True)


def sapling(level: int, part: Range) -> list[Node]:
    """Return the nodes of a new tree over a range, the highest first; nothing in it has been counted yet."""
    return [Node(one, part, (), (None,)) for one in range(level, 0, -1)]


def common_prefix(texts: Sequence[str]) -> str:
    """Return the longest text with which all begin; "" where there are none."""
    if not texts:
        return ""
    first, last = min(texts), max(texts)
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]


def separator(left: str, right: str) -> str:
    """Return the shortest text that is greater than `left` and no greater than `right`, a later key."""
    return right[: len(common_prefix((left, right))) + 1]


def last_before(text: str) -> str:
    """Return the last text before another that is not empty.

    Left out are those with U+10FFFF, the last character, which no key has.
    """
    code = ord(text[-1]) - 1
    if code < 0:
        return text[:-1]
    # Surrogates are no characters of their own.
    return text[:-1] + chr(0xD7FF if 0xD800 <= code <= 0xDFFF else code) + "\U0010ffff"


def cut(keys: Sequence[str], rows: int) -> list[str]:
    """Return separators that cut ascending keys into pieces that leave a leaf of `rows` some room."""
    begins = ["", *map(separator, keys, keys[1:])]
    return [begins[place] for place in _cuts(begins, -(-len(keys) // int(rows * _FILLED)))]


def _cuts(begins: Sequence[str], parts: int) -> list[int]:
    """Return at which of some texts to begin the second part, the third and so on.

    The parts are about equal: close to where they would be, the shortest text is taken.
    """
    size = len(begins) / parts
    slack = int(size / 6)

    def choose(middle: int) -> int:
        near = range(max(1, middle - slack), min(len(begins) - 1, middle + slack) + 1)
        return min(near, key=lambda place: (len(begins[place]), abs(place - middle)))

    return [choose(round(number * size)) for number in range(1, parts)]


def _sum(counts: Sequence[Count]) -> Count:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _digits(count: Count) -> int:
    """Return the bytes of a number of DynamoDB's: one for each two digits, and for a sign."""
    return 2 if count is None else (len(str(count)) + 1) // 2
