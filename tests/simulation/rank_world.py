"""A board's index in a store in memory, with scorers and consumers whose requests are interleaved."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from bench.memory_dynamo import Keys, MemoryDynamo
from game import rank_tree
from game.catalogue import Board
from game.scoring import Order
from store import rank_index, rank_nodes, ranks
from store.database import Item
from store.rank_index import RankIndex
from tests.simulation.schedule import Schedule, database

BOARD = "forest"
ORDERS: tuple[Order, ...] = ("desc", "asc")

Index = type[RankIndex]
Batches = Sequence[Sequence[str]]
"""Keys of records, by the consumer that gets them."""


@contextmanager
def small_trees(*, leaf_rows: int = 2, children: int = 3, chunk_rows: int = 4) -> Iterator[None]:
    """Let trees of a few rows have several levels: keys are of one or two letters."""
    room: dict[str, Any] = {"NODE_BYTES": rank_tree._NODE_OVERHEAD + 8 * children, "LEAF_ROWS": leaf_rows}
    with (
        mock.patch.multiple(rank_tree, **room, _JOINED_ROWS=0),
        mock.patch.multiple(rank_index, LEAF_ROWS=leaf_rows, CHUNK_ROWS=chunk_rows, backoff=_at_once),
        mock.patch.object(ranks, "backoff", _at_once),
    ):
        yield


async def _at_once(_: int) -> None:
    """Wait for nothing: in which order the actors go on is chosen anyway."""


@dataclass(frozen=True)
class Scene:
    """Rows and nodes to begin with."""

    keys: tuple[str, ...]
    nodes: dict[tuple[str, str], Item]


def scene(keys: Collection[str], *, indexed: bool = True) -> Scene:
    """Return a scene with these rows, and an index that was kept as they came, if there is one."""
    dynamo = MemoryDynamo()

    async def keep() -> None:
        for key in keys:
            dynamo.put_rows(BOARD, [key])
            await RankIndex(database(dynamo), BOARD).maintain([key])

    if indexed:
        asyncio.run(keep())
    return Scene(tuple(sorted(keys)), dynamo.nodes)


@dataclass
class RankWorld:
    """Actors at work on a scene. What a dead one had to do is done again in the end."""

    begin: Scene
    schedule: Schedule
    index: Index = RankIndex
    page_rows: int | None = None
    dynamo: MemoryDynamo = field(init=False)
    mended: int = 0
    """How many nodes were found damaged: none is, unless a test does it."""
    changes: int = 0
    """How many rows were written or deleted."""
    looked_up: int = 0
    """How many ranks were looked up by the index."""
    left: dict[str, list[str]] = field(default_factory=dict)
    """The keys of records that each actor has to work off, or had to when it died."""

    def __post_init__(self) -> None:
        self.dynamo = MemoryDynamo(
            around=self.schedule.turn,
            metered=False,
            page_rows=self.page_rows,
            rows={BOARD: Keys(self.begin.keys)},
            nodes=dict(self.begin.nodes),
        )
        self.db = database(self.dynamo)

    def scorer(self, name: str, put: Collection[str] = (), delete: Collection[str] = ()) -> None:
        """Start an actor that writes rows, and then works off their records."""

        def write() -> None:
            self.dynamo.put_rows(BOARD, put)
            self.dynamo.delete_rows(BOARD, delete)
            self.left[name] = [*put, *delete]

        async def work() -> None:
            await self.schedule.turn("a score", write)
            await self._consume(name)

        self.schedule.start(name, work())

    def score(self, name: str, put: Collection[str], delete: Collection[str], batches: Batches) -> None:
        """Start an actor that writes rows, and then lets a consumer work off each of these batches."""

        def write() -> None:
            self.dynamo.put_rows(BOARD, put)
            self.dynamo.delete_rows(BOARD, delete)
            self.changes += len({*put, *delete})
            for number, batch in enumerate(batches):
                self.left[f"{name}/{number}"] = list(batch)

        async def work() -> None:
            await self.schedule.turn("a score", write)
            for number in range(len(batches)):
                self.schedule.start(f"{name}/{number}", self._consume(f"{name}/{number}"))

        self.schedule.start(name, work())

    def reader(self, name: str, key: str, order: Order) -> None:
        """Start an actor that looks up a rank.

        It is off by no more than the records that were not worked off, and the rows that change meanwhile.
        """

        async def look() -> None:
            await self.schedule.turn("a look", lambda: None)
            board = Board(id=BOARD, order=order, top=1)
            before, changed = self._better(key, order), self.changes
            unworked = len({key for keys in self.left.values() for key in keys})
            found = await ranks.place(self.db, board, key)
            if found:
                assert abs(found.better - before) <= unworked + self.changes - changed
                self.looked_up += 1

        self.schedule.start(name, look())

    def _better(self, key: str, order: Order) -> int:
        return sum(map(ranks.better_than(order, key).holds, self.keys()))

    async def _consume(self, name: str) -> None:
        await self.work_off(self.left[name])
        self.left[name] = []

    def builder(self, name: str) -> None:
        """Start an actor that counts what is not counted."""

        self.schedule.start(name, self.build())

    async def work_off(self, keys: Collection[str]) -> None:
        """Work off records of these keys."""
        index = self.index(self.db, BOARD)
        await index.maintain(keys)
        self.mended += index.mended

    async def build(self) -> None:
        """Count what is not counted."""
        index = self.index(self.db, BOARD)
        while not await index.build():
            pass
        self.mended += index.mended

    async def finish(self) -> None:
        """Run to the end, give what dead actors had to do to others, and check every count."""
        await self.schedule.run()
        self.dynamo.around = _undisturbed
        for keys in self.left.values():
            if keys:
                await self.work_off(keys)
        await self.build()
        await check(self.dynamo)

    def keys(self) -> list[str]:
        """Return the keys of the board's rows."""
        return keys_of(self.dynamo)


async def _undisturbed(_: str, answer: object) -> object:
    return answer()  # type: ignore[operator]


def keys_of(dynamo: MemoryDynamo) -> list[str]:
    """Return the keys of all rows, ascending."""
    return dynamo.rows[BOARD].between("", "\U0010ffff" * 2, 10**9)


async def check(dynamo: MemoryDynamo) -> None:
    """Compare every count of the index with the rows."""
    db, keys = database(dynamo), [key for key in keys_of(dynamo) if key not in dynamo.unreadable]
    nodes = [(await rank_nodes.load_root(db, BOARD)).node]
    while nodes:
        node = nodes.pop()
        assert node is not None
        parts = [node.child(place) for place in range(len(node.counts))]
        for part, count in zip(parts, node.counts, strict=True):
            assert count == sum(map(part.holds, keys)), f"{part} of {node}"
        if node.level > 1:
            names = [rank_nodes.node_id(node.level - 1, part.lo) for part in parts]
            children = await rank_nodes.load(db, BOARD, names)
            assert [children[name].range for name in names] == parts
            nodes += children.values()


async def check_ranks(dynamo: MemoryDynamo) -> None:
    """Compare every rank, and the rows at every rank, with a brute-force count."""
    db, keys = database(dynamo), [key for key in keys_of(dynamo) if key not in dynamo.unreadable]
    for order in ORDERS:
        board = Board(id=BOARD, order=order, top=1)
        best_first = sorted(keys, reverse=order == "desc")
        for rank, key in enumerate(best_first, start=1):
            assert await ranks.place(db, board, key) == (rank - 1, len(keys))
            assert await ranks.place(db, board, key, behind=True) == (rank, len(keys))
