"""Marks beside the rank indexes in `Ranks`: the index of a season that is over was compared with its rows.

A record that was lost leaves a count wrong, and a prize is decided by the exact rank. So the sweep
(`streams.ranker`) compares all of an index once, when no score can come any more, and repairs what is wrong;
then it writes the mark. What changes afterwards, a moderator's removal or a merge, the ranker follows as
ever; and where a node is damaged, its rows are not counted until they are, and look-ups count themselves.

An index of many rows is compared in several runs: a mark says up to which key. Two sweeps at once do some of
it twice. The mark goes with the index (`rank_nodes.drop`).
"""

from collections.abc import Collection
from typing import NamedTuple

from store.database import BATCH_GET_LIMIT, Database, Item, batch_get
from store.rank_nodes import item_key
from store.schema import RANKS

MARK = "mark"
"""Its sort key: with the nodes' before `root`, so that it goes with them."""


class Mark(NamedTuple):
    """How far an index was compared: every key before `up_to`, or all of it."""

    up_to: str = ""
    is_whole: bool = False


async def load(db: Database, board: str) -> Mark:
    """Return how far a board's index was compared, read consistently."""
    answer = await db.client.get_item(
        TableName=db.name(RANKS), Key=item_key(board, MARK), ConsistentRead=True
    )
    item = answer.get("Item")
    return Mark() if item is None else _parse(item)


async def is_verified(db: Database, board: str) -> bool:
    """Return whether all of a board's index was compared."""
    return (await load(db, board)).is_whole


async def unverified(db: Database, boards: Collection[str]) -> list[str]:
    """Return those of the boards whose indexes were not compared as a whole, in the same order."""
    wanted, whole = list(boards), set()
    for start in range(0, len(wanted), BATCH_GET_LIMIT):
        keys = [item_key(board, MARK) for board in wanted[start : start + BATCH_GET_LIMIT]]
        for item in (await batch_get(db, {RANKS: keys}))[RANKS]:
            if _parse(item).is_whole:
                whole.add(item["board"]["S"])
    return [board for board in wanted if board not in whole]


async def save(db: Database, board: str, mark: Mark) -> None:
    """Write down how far a board's index was compared."""
    item: Item = {**item_key(board, MARK), "upTo": {"S": mark.up_to}, "whole": {"BOOL": mark.is_whole}}
    await db.client.put_item(TableName=db.name(RANKS), Item=item)


def _parse(item: Item) -> Mark:
    """Return the mark behind an item; of one that cannot be read, nothing was compared."""
    up_to, whole = item.get("upTo", {}).get("S"), item.get("whole", {}).get("BOOL")
    return Mark(up_to, whole) if isinstance(up_to, str) and isinstance(whole, bool) else Mark()
