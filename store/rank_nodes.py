"""`Ranks`: the nodes of each board's index (`game.rank_tree`), read consistently, written conditionally.

A node's sort key is `root`, or its level and the begin of its range (`1#0001000000012`): the ids of its
children follow from its separators. A node that cannot be read is logged, and is missing to the reader.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from game.rank_tree import EVERYTHING, Node, Range, common_prefix
from store.database import (
    BATCH_GET_LIMIT,
    Database,
    Item,
    batch_get,
    batch_write,
    query_pages,
    row_error,
    to_item,
)
from store.errors import RequestError, StoreError, lost_race
from store.schema import RANKS

ROOT = "root"
_NOT_COUNTED = -1


class MovedError(StoreError):
    """Another writer has changed the node: come down from the root again."""


@dataclass(frozen=True)
class HeldRoot:
    """A board's root; `node` is None where there is none that can be read. `revision` is the stored one."""

    node: Node | None
    revision: Mapping[str, Any] | None


def node_id(level: int, lo: str) -> str:
    """Return the sort key of a node that is not the root."""
    return f"{level}#{lo}"


def id_of(node: Node) -> str:
    """Return a node's sort key."""
    return ROOT if node.is_root else node_id(node.level, node.range.lo)


def revised(node: Node) -> Node:
    """Return the node as it is to be written."""
    return replace(node, revision=secrets.token_urlsafe(8))


async def load_root(db: Database, board: str) -> HeldRoot:
    """Return a board's root."""
    answer = await db.client.get_item(
        TableName=db.name(RANKS), Key=item_key(board, ROOT), ConsistentRead=True
    )
    item = answer.get("Item")
    return HeldRoot(_readable(db, item), item.get("revision") if item else None)


async def load(db: Database, board: str, ids: Collection[str]) -> dict[str, Node]:
    """Return those of the nodes that are there, by id."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Node] = {}
    for start in range(0, len(wanted), BATCH_GET_LIMIT):
        keys = [item_key(board, one) for one in wanted[start : start + BATCH_GET_LIMIT]]
        for item in (await batch_get(db, {RANKS: keys}))[RANKS]:
            if node := _readable(db, item):
                found[item["node"]["S"]] = node
    return found


async def replace_root(db: Database, board: str, held: HeldRoot, root: Node) -> Node:
    """Write a root where there was none that could be read; return it as written. Raises MovedError."""
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(revision)"}
    if held.revision is not None:
        condition = _unchanged(held.revision)
    return await _put(db, board, root, condition)


async def write(db: Database, board: str, node: Node, read: Node) -> Node:
    """Write a node on condition that it still is as it was read; return it as written. Raises MovedError."""
    return await _put(db, board, node, _unchanged({"S": read.revision}))


async def write_together(
    db: Database, board: str, changed: Sequence[tuple[Node, Node]], made: Sequence[Node]
) -> list[Node]:
    """Write nodes in one transaction; return the changed ones, as written. Raises MovedError.

    changed: each as it is to be, and as it was read. Nothing is written unless all still are as read.
    made: nodes that the changed ones did not refer to: what may be stored in their places is of an index
        that was dropped or mended, and no tree refers to it.
    """
    new = [revised(node) for node, _ in changed]
    conditions = [_unchanged({"S": read.revision}) for _, read in changed]
    puts: list[Any] = [
        {"Put": {"TableName": db.name(RANKS), "Item": to_stored(board, node), **condition}}
        for node, condition in [
            *zip(new, conditions, strict=True),
            *((revised(node), {}) for node in made),
        ]
    ]
    try:
        await db.client.transact_write_items(TransactItems=puts)
    except RequestError as error:
        if lost_race(error):
            raise MovedError(id_of(new[0])) from error
        raise
    return new


async def indexed_boards(db: Database) -> list[str]:
    """Return the boards that have an index. Reads the whole table."""
    pages = db.client.get_paginator("scan").paginate(
        TableName=db.name(RANKS),
        FilterExpression="node = :root",
        ExpressionAttributeValues=to_item({":root": ROOT}),
        ProjectionExpression="board",
    )
    return [item["board"]["S"] async for page in pages for item in page["Items"]]


async def is_there(db: Database, board: str) -> bool:
    """Return whether anything is left of a board's index."""
    answer = await db.client.query(
        TableName=db.name(RANKS),
        KeyConditionExpression="board = :board",
        ExpressionAttributeValues=to_item({":board": board}),
        ProjectionExpression="node",
        Limit=1,
    )
    return bool(answer["Items"])


async def drop(db: Database, board: str) -> None:
    """Delete a board's index. It may be made again meanwhile: the root goes first. Can be repeated."""
    await db.client.delete_item(TableName=db.name(RANKS), Key=item_key(board, ROOT))
    pages = query_pages(
        db,
        {
            "TableName": db.name(RANKS),
            "KeyConditionExpression": "board = :board AND node < :root",
            "ExpressionAttributeValues": to_item({":board": board, ":root": ROOT}),
            "ProjectionExpression": "node",
        },
    )
    async for page in pages:
        await batch_write(
            db, RANKS, [{"DeleteRequest": {"Key": item_key(board, row["node"])}} for row in page]
        )


async def _put(db: Database, board: str, node: Node, condition: Any) -> Node:
    new = revised(node)
    try:
        await db.client.put_item(TableName=db.name(RANKS), Item=to_stored(board, new), **condition)
    except RequestError as error:
        if lost_race(error):
            raise MovedError(id_of(node)) from error
        raise
    return new


def _unchanged(revision: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ConditionExpression": "revision = :revision",
        "ExpressionAttributeValues": {":revision": revision},
    }


def item_key(board: str, name: str) -> Item:
    """Return the key of what is stored of a board's index under a name."""
    return to_item({"board": board, "node": name})


def to_stored(board: str, node: Node) -> Item:
    """Return a node as it is stored."""
    prefix = common_prefix(node.separators)
    counts = [_NOT_COUNTED if count is None else count for count in node.counts]
    item = {
        **item_key(board, id_of(node)),
        "level": {"N": str(node.level)},
        "revision": {"S": node.revision},
        "separators": {"L": [{"S": text[len(prefix) :]} for text in node.separators]},
        "counts": {"L": [{"N": str(count)} for count in counts]},
    }
    if prefix:
        item["prefix"] = {"S": prefix}
    if node.range.hi is not None:
        item["hi"] = {"S": node.range.hi}
    return item


def _readable(db: Database, item: Item | None) -> Node | None:
    if item is None:
        return None
    try:
        return _parse(item)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        damaged = row_error(RANKS, item, error)
        db.damage.error(damaged.row, "to be counted again: %s", damaged)
        return None


def _parse(item: Item) -> Node:
    """Return the node behind an item. Raises the errors of a text or number that is something else."""
    name = item["node"]["S"]
    level = int(item["level"]["N"])
    prefix = item.get("prefix", {"S": ""})["S"]
    hi = item["hi"]["S"] if "hi" in item else None
    part = EVERYTHING if name == ROOT else Range(name.partition("#")[2], hi)
    separators = tuple(prefix + text["S"] for text in item["separators"]["L"])
    counts = [int(count["N"]) for count in item["counts"]["L"]]
    bounds = [part.lo, *separators]
    if level < 1 or name not in (ROOT, node_id(level, part.lo)):
        raise ValueError("its level is another one's")
    if len(counts) != len(bounds) or min(counts) < _NOT_COUNTED:
        raise ValueError("its counts are not those of its separators")
    if any(one >= other for one, other in pairwise(bounds)) or not part.holds(bounds[-1]):
        raise ValueError("its separators do not ascend within its range")
    return Node(
        level,
        part,
        separators,
        tuple(None if count == _NOT_COUNTED else count for count in counts),
        item["revision"]["S"],
        name == ROOT,
    )
