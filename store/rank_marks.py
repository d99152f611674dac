"""Marks beside the rank indexes in `Ranks`: the index of a season that is over was compared with its rows.

A record that was lost leaves a count wrong, and a prize is decided by the exact rank. So the sweep
(`streams.ranker`) compares all of an index, when no score can come any more, and repairs what is wrong; then
it writes the mark. It does so once more when moderators have reviewed the season. What changes meanwhile and
afterwards, a removal or a merge, the ranker follows as ever; and where a node is damaged, its rows are not
counted until they are, and look-ups count themselves.

An index of many rows is compared in several runs: a mark says up to which key. Two sweeps at once do some of
it twice. The mark goes with the index (`rank_nodes.drop`).
"""

from collections.abc import Mapping
from typing import NamedTuple

from store.database import BATCH_GET_LIMIT, Database, Item, batch_get
from store.rank_nodes import item_key
from store.schema import RANKS

MARK = "mark"
"""Its sort key: with the nodes' before `root`, so that it goes with them."""


class Mark(NamedTuple):
    """When all of an index was last compared, and how far the comparison that goes on has come.

    compared_at: when the last one that was finished had begun, in milliseconds since the epoch; 0: none was.
    up_to, begun_at: every key before `up_to` was compared since `begun_at`.
    """

    compared_at: int = 0
    up_to: str = ""
    begun_at: int = 0


async def load(db: Database, board: str) -> Mark:
    """Return how far a board's index was compared, read consistently."""
    answer = await db.client.get_item(
        TableName=db.name(RANKS), Key=item_key(board, MARK), ConsistentRead=True
    )
    item = answer.get("Item")
    return Mark() if item is None else _parse(item)


async def is_verified(db: Database, board: str) -> bool:
    """Return whether all of a board's index was compared."""
    return (await load(db, board)).compared_at > 0


async def unverified(db: Database, boards: Mapping[str, int]) -> list[str]:
    """Return those of the boards whose indexes were not compared as a whole, in the same order.

    boards: for each the time since when, in milliseconds since the epoch.
    """
    wanted, whole = list(boards), set()
    for start in range(0, len(wanted), BATCH_GET_LIMIT):
        keys = [item_key(board, MARK) for board in wanted[start : start + BATCH_GET_LIMIT]]
        for item in (await batch_get(db, {RANKS: keys}))[RANKS]:
            name = item["board"]["S"]
            if _parse(item).compared_at >= boards[name]:
                whole.add(name)
    return [board for board in wanted if board not in whole]


async def save(db: Database, board: str, mark: Mark) -> None:
    """Write down how far a board's index was compared."""
    item: Item = {
        **item_key(board, MARK),
        "comparedAt": {"N": str(mark.compared_at)},
        "upTo": {"S": mark.up_to},
        "begunAt": {"N": str(mark.begun_at)},
    }
    await db.client.put_item(TableName=db.name(RANKS), Item=item)


def _parse(item: Item) -> Mark:
    """Return the mark behind an item; of one that cannot be read, nothing was compared."""
    try:
        return Mark(int(item["comparedAt"]["N"]), item["upTo"]["S"], int(item["begunAt"]["N"]))
    except (KeyError, ValueError):
        return Mark()
