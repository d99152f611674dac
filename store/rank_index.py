"""The rank index: a tree over each board's sort keys with the rows in every range, so that ranks are exact.

    records -> 1. come down from the root to the leaves of the keys, loading each node before its children
            -> 2. COUNT each of these leaves; cut one that has grown
            -> 3. write the nodes of level 1 with the counts, each on condition that it is as it was loaded
            -> 4. level by level upwards: write each node with its children's totals, on the same condition

A record says only THAT a leaf may have changed; the rows say what is true, and of a node its children.
Batches may be repeated, split, reordered, or worked off by several consumers at once, any of which may die at
any request. All the same: **once a record has been worked off, every count on the way from the root to its
leaf is of a time after the row was written.** Because:

- A node is loaded BEFORE its leaves are counted, or its children's totals are read or written. Where the
  condition of the write then holds, no other has written the node in between: the new count replaces one that
  is no younger.
- Each node on the way is written even if nothing changes, up to the root, also for a repeated record. The new
  revision is what stops a slower consumer that still holds an older count.
- A lost race is run again from the root: the key may be in another node by now. Of each key it is remembered
  up to which level the counts are true, or else a large batch would never win the root from small ones.
- A node that was loaded must have the range that its parent says. If not, the parent has been changed since.
  If the parent has not, the node is damaged, and a subtree in which nothing is counted takes its place.
- Children are cut from their parent's step: both are written in one transaction, with the new nodes. A node
  that is too wide meanwhile is a little dearer, and as true as any. So with the root: it keeps its id, and
  what was in it moves into new nodes below. The begin of a node's range is in its id, and never changes.
- Small leaves are joined within their node, by the sum of their counts. Nodes are never joined.
- A leaf that is not counted (None) may have any number of rows: a new index is a root with one such leaf. It
  is published first, and counted as any leaf that has grown: of a large one CHUNK_ROWS are cut off at a time,
  and the rest stays uncounted. Consumers write the node of such a leaf, too: to pass it by would let a
  builder that has read the rows before write a count without theirs. While any leaf is not counted, nor is
  the root, and readers do without the index (`store.ranks`).
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from game.rank_tree import LEAF_ROWS, Child, Node, Range, cut, new_root, sapling
from store import rank_nodes, row_ranges
from store.database import ATTEMPTS, Database, backoff
from store.errors import ConflictError
from store.rank_nodes import HeldRoot, MovedError, node_id

CHUNK_ROWS = 1000
"""The rows that are looked at to cut a leaf: of a larger one, the others stay uncounted."""

_LEAF_UNITS = 4
"""Read units of a COUNT, of 4 KB each, above which a leaf is cut though it has few rows."""
_FEW_ROWS = 8
"""A leaf of no more rows is not cut, however large they are."""
_TOGETHER = 60
"""The most nodes of one transaction: DynamoDB takes 100."""

T = TypeVar("T")

logger = logging.getLogger("podium.ranks")


@dataclass
class _Step:
    """A node on the way of some keys: as it was loaded, and later as it was written."""

    node: Node
    keys: list[str]


_Level = Mapping[str, _Step]
"""The nodes of a level, by the begins of their ranges."""


class RankIndex:
    """The index of one board, for those who keep it true."""

    def __init__(self, db: Database, board: str) -> None:
        self._db = db
        self._board = board
        self.mended = 0
        """How many damaged nodes were replaced."""

    async def maintain(self, keys: Iterable[str]) -> None:
        """Make every count on the way to these keys true, as of now or later.

        Raises ConflictError where others keep writing the same nodes.
        """
        done = dict.fromkeys(keys, 0)
        fruitless = 0
        while done:
            before = dict(done)
            await self._climb(done)
            fruitless = fruitless + 1 if done == before else 0
            if fruitless == ATTEMPTS:
                raise ConflictError(f"others wrote the ranks of {self._board} {ATTEMPTS} times")
            if done:
                await backoff(fruitless)

    async def build(self) -> bool:
        """Count up to about CHUNK_ROWS rows that are not counted yet; return whether all are now."""
        key = await self._uncounted()
        if key is None:
            return True
        await self.maintain([key])
        return False

    async def _climb(self, done: dict[str, int]) -> None:
        """Come down from the root and climb as far as no other writer interferes.

        done: the level, for each key, up to which the counts are true; keys for which all are are taken out.
        """
        root = await self._root()
        for key, level in done.items():
            if level >= root.level:  # the root could not be read: this is another tree
                done[key] = 0
        levels = await self._come_down(root, done)
        for level in range(1, root.level + 1):
            below = levels.get(level - 1, {})
            await side_by_side(self._settle(step, below, done) for step in levels[level].values())

    async def _root(self) -> Node:
        held: HeldRoot = await rank_nodes.load_root(self._db, self._board)
        while held.node is None:
            with suppress(MovedError):
                root = await rank_nodes.replace_root(self._db, self._board, held, new_root())
                self.mended += held.revision is not None
                return root
            held = await rank_nodes.load_root(self._db, self._board)
        return held.node

    async def _come_down(self, root: Node, done: Mapping[str, int]) -> Mapping[int, _Level]:
        """Return the nodes to be written, and those whose totals are to be read, by level."""
        steps: dict[str, _Step] = {root.range.lo: _Step(root, list(done))}
        levels: dict[int, _Level] = {root.level: steps}
        for level in range(root.level - 1, 0, -1):
            wanted: dict[Range, tuple[_Step, list[str]]] = {}
            for step in steps.values():
                for key in step.keys:
                    if done[key] <= level:
                        part = step.node.child(step.node.place(key))
                        wanted.setdefault(part, (step, []))[1].append(key)
            ids = {part: node_id(level, part.lo) for part in wanted}
            nodes = await rank_nodes.load(self._db, self._board, ids.values())
            steps = {}
            for part, (parent, keys) in wanted.items():
                node = nodes.get(ids[part])
                if node is not None and self._is_child(node, part):
                    steps[part.lo] = _Step(node, keys)
                else:
                    await self._mend(parent.node, part)
            levels[level] = steps
        return levels

    async def _settle(self, step: _Step, below: _Level, done: dict[str, int]) -> None:
        """Write a node with what has become of its children, unless another writer has changed it."""
        ready: dict[int, list[str]] = {}
        for key in step.keys:
            if done[key] == step.node.level - 1:
                ready.setdefault(step.node.place(key), []).append(key)
        if step.node.level > 1:
            ready = {place: keys for place, keys in ready.items() if step.node.child(place).lo in below}
        if not ready:
            return
        with suppress(MovedError):
            if step.node.level == 1:
                step.node = await self._write_counts(step.node, ready)
            else:
                step.node = await self._write_totals(step.node, ready, below)
            for keys in ready.values():
                for key in keys:
                    done[key] = step.node.level
                    if step.node.is_root:
                        del done[key]
            if step.node.is_root and step.node.is_wide:
                await self._grow(step.node)

    async def _write_counts(self, node: Node, places: Iterable[int]) -> Node:
        leaves = await side_by_side(self._count(node.child(place)) for place in places)
        new = node.with_children(dict(zip(places, leaves, strict=True))).joined()
        return await self._write(new, node)

    async def _write_totals(self, node: Node, places: Iterable[int], below: _Level) -> Node:
        changes: dict[int, list[Child]] = {}
        cut_up: list[tuple[Node, Node]] = []
        made: list[Node] = []
        for place in places:
            child = below[node.child(place).lo].node
            pieces = child.split() if child.is_wide else [child]
            if 1 + len(cut_up) + len(made) + len(pieces) > _TOGETHER:
                pieces = [child]  # it is cut when it is written again
            if len(pieces) > 1:
                cut_up.append((pieces[0], child))
                made += pieces[1:]
            changes[place] = [Child(piece.range.lo, piece.total) for piece in pieces]
        new = node.with_children(changes)
        if not made:
            return await self._write(new, node)
        return (await self._write_together([(new, node), *cut_up], made))[0]

    async def _grow(self, root: Node) -> None:
        """Move what is in the root into new nodes, unless another writer has changed it."""
        pieces = root.split()
        with suppress(MovedError):
            await self._write_together([(root.above(pieces), root)], pieces)

    async def _count(self, part: Range) -> list[Child]:
        """Return a leaf with the number of its rows; or the leaves that it is cut into."""
        counted = await row_ranges.count(self._db, self._board, part, limit=LEAF_ROWS + 1)
        heavy = counted.units > _LEAF_UNITS and counted.seen > _FEW_ROWS
        if counted.whole and not heavy:
            return [Child(part.lo, counted.rows)]
        rows = LEAF_ROWS if not heavy else max(_FEW_ROWS, int(counted.seen * _LEAF_UNITS / counted.units))
        keys, whole = await row_ranges.first_keys(self._db, self._board, part, CHUNK_ROWS)
        begins = [part.lo, *cut(keys, min(rows, LEAF_ROWS))]
        parts = [*map(Range, begins, begins[1:]), *([Range(begins[-1], part.hi)] if whole else [])]
        counts = await side_by_side(row_ranges.count(self._db, self._board, one) for one in parts)
        leaves = [Child(one.lo, found.rows) for one, found in zip(parts, counts, strict=True)]
        return leaves if whole else [*leaves, Child(begins[-1], None)]

    async def _mend(self, parent: Node, part: Range) -> None:
        """Replace a child that is not the parent's, unless the parent was changed since it was loaded."""
        new = parent.with_children({parent.place(part.lo): [Child(part.lo, None)]})
        with suppress(MovedError):
            await self._write_together([(new, parent)], sapling(parent.level - 1, part))
            self.mended += 1
            logger.error("board %s: ranks were damaged at %s; its rows are counted again", self._board, part)

    def _is_child(self, node: Node, part: Range) -> bool:
        return node.range == part

    async def _write(self, node: Node, read: Node) -> Node:
        return await rank_nodes.write(self._db, self._board, node, read)

    async def _write_together(self, changed: Sequence[tuple[Node, Node]], made: Sequence[Node]) -> list[Node]:
        return await rank_nodes.write_together(self._db, self._board, changed, made)

    async def _uncounted(self) -> str | None:
        """Return a key on the way to which something is not counted; None where all is."""
        node = await self._root()
        while node.total is None:
            part = node.child(node.counts.index(None))
            if node.level == 1:
                return part.lo
            name = node_id(node.level - 1, part.lo)
            child = (await rank_nodes.load(self._db, self._board, [name])).get(name)
            if child is None or child.range != part or child.total is not None:
                return part.lo  # it is known below by now, or damaged
            node = child
        return None


async def side_by_side(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run coroutines side by side to their ends; return what they returned. Raises the first one's error."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # there is no exception among them
