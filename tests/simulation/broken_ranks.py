"""The rank index with one of its rules left out, each of which a test has to find."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from game.rank_tree import EVERYTHING, Node, Range, new_root
from store import rank_nodes, row_ranges
from store.rank_index import RankIndex
from store.rank_nodes import MovedError


class SkipsEqual(RankIndex):
    """A node is not written whose counts are as they were."""

    async def _write(self, node: Node, read: Node) -> Node:
        return read if node == read else await super()._write(node, read)


class CountsFirst(RankIndex):
    """The leaf is counted before its node is loaded: the condition is of a later time than the count."""

    async def _write(self, node: Node, read: Node) -> Node:
        return await super()._write(node, await self._now(read) if read.level == 1 else read)

    async def _now(self, read: Node) -> Node:
        name = rank_nodes.id_of(read)
        held = (await rank_nodes.load(self._db, self._board, [name])).get(name)
        # What has been counted holds for these children only.
        return held if held and held.separators == read.separators else read


class ReadsChildFirst(CountsFirst):
    """A child's total is read before its parent is loaded."""

    async def _write(self, node: Node, read: Node) -> Node:
        return await super(CountsFirst, self)._write(node, await self._now(read) if read.level > 1 else read)


class HoldsOn(RankIndex):
    """After a lost race the same nodes are written again, without coming down from the root."""

    _levels: Mapping[int, object] | None = None

    async def _come_down(self, root: Node, done: Mapping[str, int]):  # type: ignore[no-untyped-def]
        if self._levels is None or root.level not in self._levels:
            self._levels = await super()._come_down(root, done)
        return self._levels


class StopsWhenRight(RankIndex):
    """A key is done when the count of its leaf is right already."""

    async def _climb(self, done: dict[str, int]) -> None:
        root = await self._root()
        levels = await self._come_down(root, dict.fromkeys(done, 0))
        for step in levels[1].values():
            for key in step.keys:
                place = step.node.place(key)
                found = await row_ranges.count(self._db, self._board, step.node.child(place))
                if found.rows == step.node.counts[place]:
                    del done[key]
        if done:
            await super()._climb(done)


class TrustsIds(RankIndex):
    """What a node's range is, is not looked at."""

    def _is_child(self, node: Node, part: Range) -> bool:
        return True


class SplitsOneByOne(RankIndex):
    """What belongs together is written one after the other, without a transaction: new nodes last."""

    async def _write_together(self, changed: Sequence[tuple[Node, Node]], made: Sequence[Node]) -> list[Node]:
        written = [await self._write(node, read) for node, read in changed]
        for node in made:
            with suppress(MovedError):
                await rank_nodes.write_together(self._db, self._board, [], [node])
        return written


class GrowsFirst(RankIndex):
    """The root is written before the nodes that take up what was in it."""

    async def _grow(self, root: Node) -> None:
        pieces = root.split()
        with suppress(MovedError):
            await self._write(root.above(pieces), root)
            await rank_nodes.write_together(self._db, self._board, [], pieces)


class CountsBeforeRoot(RankIndex):
    """A new index is counted before it is published; a consumer that finds it made meanwhile is content."""

    async def _climb(self, done: dict[str, int]) -> None:
        held = await rank_nodes.load_root(self._db, self._board)
        if held.node is not None:
            await super()._climb(done)
            return
        found = await row_ranges.count(self._db, self._board, EVERYTHING)
        with suppress(MovedError):
            root = replace(new_root(), counts=(found.rows,))
            await rank_nodes.replace_root(self._db, self._board, held, root)
        done.clear()


class PassesByUncounted(RankIndex):
    """A consumer does not write the node of a leaf that is not counted: a builder does that."""

    async def maintain(self, keys: Sequence[str]) -> None:  # type: ignore[override]
        levels = await self._come_down(await self._root(), dict.fromkeys(keys, 0))
        passed = {
            key
            for step in levels[1].values()
            for key in step.keys
            if step.node.counts[step.node.place(key)] is None
        }
        await super().maintain([key for key in keys if key not in passed])

    async def build(self) -> bool:
        key = await self._uncounted()
        if key is not None:
            await super().maintain([key])
        return key is None
