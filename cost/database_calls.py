"""The DynamoDB requests behind everything that happens, in one table, and the units that they cost.

Each operation names the module that makes its requests. A test drives that code, and compares: when it asks
for something else, the test fails, and with it the price of a month.

How DynamoDB counts (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html):

- A consistent read costs a unit for each 4 KB, or part of them, of every row; an eventually consistent one
  half of that. A Query counts the bytes of all its rows together.
- A write costs a unit for each 1 KB, or part of them, of the larger of the row before and after it, and as
  much for each index that shows the row.
- In a transaction both cost twice as much.
- Deletions by TTL, and Lambda's reading of the stream, cost nothing.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from game.activity import active_hours
from game.live import CHANNEL_PARTS
from game.rank_tree import NODE_BYTES
from store.schema import (
    BUDGETS,
    CLAIMS,
    CONNECTIONS,
    IDEMPOTENCY,
    LEADERBOARDS,
    LIMITS,
    PLAYERS,
    RANKS,
    SCORES,
    STANDINGS,
    USER_PROFILES,
    USER_PROGRESS,
    Table,
)

Kind = Literal[
    "GetItem",
    "BatchGetItem",
    "EventualBatchGetItem",
    "Query",
    "EventualQuery",
    "IndexQuery",
    "TransactGetItems",
    "PutItem",
    "UpdateItem",
    "BatchWriteItem",
    "TransactWriteItems",
]
Variable = Literal[
    "top",
    "followed",
    "held",
    "boards",
    "subscribers",
    "counted",
    "first_page",
    "slices",
    "pages",
    "leaf_rows",
    "rank_nodes",
    "ranked_leaves",
    "ranked_nodes",
    "seasons",
    "claims",
    "unclaimed",
]
Quantity = float | Variable

_READ_BYTES = 4096
_WRITE_BYTES = 1024
_READS = {
    "GetItem",
    "BatchGetItem",
    "EventualBatchGetItem",
    "Query",
    "EventualQuery",
    "IndexQuery",
    "TransactGetItems",
}
_HALVED = {"EventualQuery", "IndexQuery"}


@dataclass(frozen=True)
class Call:
    """A request: its rows by their table, and how often it is made."""

    kind: Kind
    rows: Mapping[Table, Quantity]
    times: Quantity = 1


Operation = tuple[Call, ...]
"""The requests behind something that happens. Its description names the module that makes them."""


class Units(NamedTuple):
    """Request units."""

    reads: float
    writes: float

    def __add__(self, other: object) -> "Units":
        if not isinstance(other, Units):
            return NotImplemented
        return Units(self.reads + other.reads, self.writes + other.writes)

    def times(self, count: float) -> "Units":
        """Return these units multiplied by `count`."""
        return Units(self.reads * count, self.writes * count)


SCORE_KEPT = (
    Call("BatchGetItem", {PLAYERS: 1, USER_PROFILES: 1, STANDINGS: 2}),
    Call("BatchGetItem", {SCORES: 2}),
)
"""A score that is no better than the player's best, in an area that counts (store/submission.py)."""

# On the area's board and on the global one: the standing changes, the old row goes, the new one comes.
SCORE_IMPROVED = (
    *SCORE_KEPT,
    Call("TransactWriteItems", {PLAYERS: 1, STANDINGS: 2, SCORES: 4}),
)
"""A new best, in an area that counts (store/submission.py)."""

RUN = (Call("BatchGetItem", {PLAYERS: 1, LIMITS: 1}),)
"""POST /run in an area that limits attempts (store/terms.py)."""

# Its own row and two counts, in the score's transaction. For a score that is no better there is one only now,
# with the player's row in it: two units that are not in here.
RUN_SPENT = (
    Call("BatchGetItem", {LIMITS: 2}),
    Call("GetItem", {IDEMPOTENCY: 1}),
    Call("TransactWriteItems", {IDEMPOTENCY: 1, LIMITS: 2}),
)
"""What a run adds to its score, in an area that limits attempts and submissions (store/submission.py)."""

# Of a board over one area: what the player has there in this season, and the row of it.
SEASON_READ = (Call("BatchGetItem", {STANDINGS: 1, SCORES: 1}),)
"""What a board with seasons adds to a score in its area (store/submission.py)."""

_KEY_READ = Call("GetItem", {IDEMPOTENCY: 1})
SEASON_KEY_KEPT = (_KEY_READ, Call("TransactWriteItems", {PLAYERS: 1, IDEMPOTENCY: 1}))
"""The key of a score without a run there, which is no better: its season is that of the first receipt."""
SEASON_KEY_IMPROVED = (_KEY_READ, Call("TransactWriteItems", {IDEMPOTENCY: 1}))
"""The same, of a better one."""

# One that is no new best of all time has a transaction only now, with the player's row in it: two units that
# are not in here. The first one of a season has no old row to delete: two units less.
SEASON_IMPROVED = (Call("TransactWriteItems", {STANDINGS: 1, SCORES: 2}),)
"""The same, where the score is the player's best of the season (store/submission.py)."""

BATCH = (Call("GetItem", {LEADERBOARDS: 1}),)
"""A batch of the stream, on one board: is a record over the bar? (streams/broadcaster.py)."""

PUBLICATION = (Call("Query", {SCORES: "top"}), Call("UpdateItem", {LEADERBOARDS: 1}))
"""A new version of a board, beside the batch that brings it (streams/broadcaster.py)."""

# Ids alone are read, which are few bytes: 2,000 boards take some units more.
SWEEP_BEGUN = (Call("IndexQuery", {}, times=len(active_hours(0))),)
"""A sweep looks for the boards that are active (store/activity.py)."""

SWEEP = (Call("GetItem", {LEADERBOARDS: 1}), Call("Query", {SCORES: "top"}))
"""The sweep of an active board that is as it should be (streams/broadcaster.py)."""

MARK = (Call("UpdateItem", {LEADERBOARDS: 1}),)
"""A board on which no score changes anything stays active for another hour (realtime/activity.py)."""

FANOUT_DIRECT = (Call("Query", {CONNECTIONS: "subscribers"}), Call("UpdateItem", {LEADERBOARDS: 1}))
"""A fan-out by one function (streams/fanout.py)."""

# A pusher reads the board's row, then its slice a page at a time, and records each page that it is done with.
FANOUT_SPLIT = (
    Call("Query", {CONNECTIONS: "first_page"}),
    Call("Query", {CONNECTIONS: 1}),
    Call("UpdateItem", {LEADERBOARDS: 1}),
    Call("GetItem", {LEADERBOARDS: 1}, times="slices"),
    Call("Query", {CONNECTIONS: "subscribers"}),
    Call("UpdateItem", {LEADERBOARDS: 1}, times="pages"),
    Call("UpdateItem", {LEADERBOARDS: 1}),
)
"""A fan-out by several functions (streams/fanout.py)."""

PUSHES_CLAIMED = (Call("UpdateItem", {BUDGETS: 1}),)
"""A few pushes claimed of what the functions share (store/budgets.py)."""

GUEST = (Call("UpdateItem", {BUDGETS: 1}),)
"""A new guest is counted (store/guests.py)."""

CONNECT = (
    Call("BatchWriteItem", {CONNECTIONS: 2}),
    Call("GetItem", {PLAYERS: 1}),
    # The player's connections: this one, and any others.
    Call("Query", {CONNECTIONS: 1}),
)
"""A connection opens (realtime/routes.py)."""

# Two of the rows are there already: they cost no write of the index, which is not taken off here.
SUBSCRIBE = (
    Call("BatchWriteItem", {CONNECTIONS: "held"}),
    Call("GetItem", {PLAYERS: 1}),
    Call("BatchGetItem", {LEADERBOARDS: "followed"}),
)
"""A client subscribes to all its boards (realtime/routes.py)."""

# One of the rows held lists the boards. A connection's first frame looks into the index, too.
SUBSCRIBE_COUNTED = (
    Call("GetItem", {CONNECTIONS: 1}),
    Call("IndexQuery", {CONNECTIONS: 2}),
    Call("TransactWriteItems", {CONNECTIONS: "held"}),
    Call("GetItem", {PLAYERS: 1}),
    Call("BatchGetItem", {LEADERBOARDS: "followed"}),
)
"""The same in a game with more boards than a connection may have (store/subscriptions.py)."""

# What a function has read within the second it does not read again: at the most it is this.
PING = (Call("EventualBatchGetItem", {LEADERBOARDS: "followed"}),)
"""A client pings with all its boards (realtime/recent.py)."""

DISCONNECT = (Call("IndexQuery", {CONNECTIONS: "held"}), Call("BatchWriteItem", {CONNECTIONS: "held"}))
"""A connection closes (store/connections.py)."""

SPECTATOR_CONNECT = (
    Call("UpdateItem", {BUDGETS: 1}),
    Call("BatchWriteItem", {CONNECTIONS: 2}),
    # The connections from its address: this one, and any others.
    Call("Query", {CONNECTIONS: 1}),
)
"""A spectator's connection opens (store/spectators.py)."""

SPECTATOR_DISCONNECT = (*DISCONNECT, Call("UpdateItem", {BUDGETS: 1}))
"""A spectator's connection closes (realtime/routes.py)."""

SPECTATORS_READ = (Call("GetItem", {BUDGETS: 1}),)
"""A sweep reads how many spectators there are (store/spectators.py)."""

SPECTATORS_COUNTED = (
    Call("EventualQuery", {CONNECTIONS: "counted"}, times=CHANNEL_PARTS),
    Call("GetItem", {BUDGETS: 1}),
    Call("UpdateItem", {BUDGETS: 1}),
)
"""A sweep that counts the spectators' rows, beside what every sweep reads (store/spectators.py)."""

RANK = (
    Call("BatchGetItem", {STANDINGS: 1, PLAYERS: 1}),
    Call("Query", {SCORES: 5}),
    Call("Query", {SCORES: 6}),
    Call("GetItem", {RANKS: 1}),
    Call("BatchGetItem", {RANKS: "rank_nodes"}),
    Call("Query", {SCORES: "leaf_rows"}),
)
"""GET /leaderboard/me (api/routes/leaderboard.py): the neighbours, and a look-up in the index."""

RANKED = (
    Call("GetItem", {RANKS: 1}),
    Call("BatchGetItem", {RANKS: "ranked_nodes"}),
    Call("Query", {SCORES: "leaf_rows"}, times="ranked_leaves"),
    Call("PutItem", {RANKS: "ranked_nodes"}),
    Call("PutItem", {RANKS: 1}),
)
"""A batch of the stream, on one board: the nodes below the root, and the root (store/rank_index.py)."""

PROFILE = (Call("BatchGetItem", {USER_PROFILES: 1, PLAYERS: 1}),)
"""GET /profile (api/routes/profile.py)."""

PROGRESS = (Call("BatchGetItem", {USER_PROGRESS: 1, PLAYERS: 1}), Call("Query", {STANDINGS: "boards"}))
"""GET /progress (api/routes/economy.py)."""

ACTION = (
    Call("TransactGetItems", {PLAYERS: 1, USER_PROGRESS: 1, IDEMPOTENCY: 1}),
    Call("TransactWriteItems", {PLAYERS: 1, USER_PROGRESS: 1, IDEMPOTENCY: 1}),
)
"""A save, a task, a purchase or an unlock, with an Idempotency-Key (store/actions.py)."""

REWARDS = (
    Call("GetItem", {PLAYERS: 1}),
    Call("Query", {STANDINGS: "seasons"}),
    Call("Query", {CLAIMS: "claims"}),
    Call("BatchGetItem", {SCORES: "unclaimed"}),
    Call("GetItem", {RANKS: 1}, times="unclaimed"),
    Call("BatchGetItem", {RANKS: "rank_nodes"}, times="unclaimed"),
    Call("Query", {SCORES: "leaf_rows"}, times="unclaimed"),
)
"""GET /rewards in a game with one board that has prizes (store/rewards.py).

The ranks of the seasons that the player was in, and has not claimed, are looked up in the index.
"""

CLAIM = (
    Call("TransactGetItems", {PLAYERS: 1, USER_PROGRESS: 1, IDEMPOTENCY: 1}),
    Call("BatchGetItem", {PLAYERS: 1, CLAIMS: 1, STANDINGS: 1}),
    Call("BatchGetItem", {SCORES: 1}),
    Call("GetItem", {RANKS: 1}, times=2),
    Call("BatchGetItem", {RANKS: "rank_nodes"}),
    Call("Query", {SCORES: "leaf_rows"}),
    Call(
        "TransactWriteItems",
        {PLAYERS: 1, USER_PROGRESS: 1, CLAIMS: 1, STANDINGS: 1, SCORES: 1, IDEMPOTENCY: 1},
    ),
)
"""POST /rewards/claim with an Idempotency-Key, once the season's index was compared (store/rewards.py)."""

PORTRAIT_ASKED = (
    Call("GetItem", {PLAYERS: 1}),
    Call("BatchGetItem", {USER_PROFILES: 1, PLAYERS: 1}, times=2),
    Call("TransactWriteItems", {USER_PROFILES: 1, PLAYERS: 1}),
)
"""POST /avatar/presign, and /avatar/process by a player with a profile (api/routes/avatar.py)."""

PORTRAIT_MADE = (
    Call("TransactGetItems", {PLAYERS: 1, USER_PROFILES: 1}),
    Call("TransactGetItems", {PLAYERS: 1, USER_PROFILES: 1}),
    Call("TransactWriteItems", {PLAYERS: 1, USER_PROFILES: 1}),
    Call("Query", {STANDINGS: "boards"}),
    Call("UpdateItem", {SCORES: 1}, times="boards"),
    Call("Query", {STANDINGS: "boards"}),
    Call("UpdateItem", {PLAYERS: 1}),
)
"""A portrait that appears on all of the player's boards (cv/handler.py)."""

PORTRAIT_TOLD = (Call("Query", {CONNECTIONS: 1}),)
"""The avatar frame (realtime/avatars.py)."""


def of_spectator(operation: Operation) -> Operation:
    """Return the requests behind a spectator's frame: those of a player's, but no player is looked up."""
    return tuple(call for call in operation if PLAYERS not in call.rows)


def units(
    operation: Operation, row_bytes: Mapping[Table, float], variables: Mapping[Variable, float]
) -> Units:
    """Return what an operation costs, with rows of these sizes and these values for its variables."""
    return sum((_cost(call, row_bytes, variables) for call in operation), Units(0, 0))


def row_bytes(*, portrait_share: float, board: float) -> dict[Table, float]:
    """Return typical sizes of rows, attribute names included; that of a board's row is given.

    `portrait_share` is the share of players with a portrait.
    """
    return {
        USER_PROFILES: 130 + 370 * portrait_share,
        USER_PROGRESS: 220,
        STANDINGS: 180,
        SCORES: 176 + 87 * portrait_share,
        CONNECTIONS: 112,
        LEADERBOARDS: board,
        IDEMPOTENCY: 400,
        # A look, or a tombstone; most players have neither, and what has no row costs as much.
        PLAYERS: 90,
        BUDGETS: 26,
        # A node is split before it is larger than one write unit.
        RANKS: NODE_BYTES,
        LIMITS: 104,
        # With two items.
        CLAIMS: 125,
    }


def read_units(size: float) -> float:
    """Return the units of a consistent read of one row, or of one Query, of `size` bytes."""
    return max(1, math.ceil(size / _READ_BYTES))


def write_units(size: float) -> float:
    """Return the units of a write of one row of `size` bytes."""
    return max(1, math.ceil(size / _WRITE_BYTES))


def _cost(call: Call, row_bytes: Mapping[Table, float], variables: Mapping[Variable, float]) -> Units:
    rows = [(row, _value(count, variables)) for row, count in call.rows.items()]
    cost = _reads(call.kind, rows, row_bytes) if call.kind in _READS else _writes(call.kind, rows, row_bytes)
    return cost.times(_value(call.times, variables))


def _reads(kind: Kind, rows: Iterable[tuple[Table, float]], row_bytes: Mapping[Table, float]) -> Units:
    if kind == "Query" or kind in _HALVED:
        read = read_units(sum(row_bytes[row] * count for row, count in rows))
        return Units(read / 2 if kind in _HALVED else read, 0)
    factor = {"TransactGetItems": 2, "EventualBatchGetItem": 0.5}.get(kind, 1)
    return Units(factor * sum(read_units(row_bytes[row]) * count for row, count in rows), 0)


def _writes(kind: Kind, rows: Iterable[tuple[Table, float]], row_bytes: Mapping[Table, float]) -> Units:
    factor = 2 if kind == "TransactWriteItems" else 1
    return Units(
        0,
        factor * sum(write_units(row_bytes[row]) * count * _copies(row) for row, count in rows),
    )


def _copies(row: Table) -> int:
    """Return the places that a write changes: the table, and its index, unless that shows little of it."""
    # The index of boards has their hours, which change once in one.
    return 2 if row.index and not row.index.sparse and row is not LEADERBOARDS else 1


def _value(quantity: Quantity, variables: Mapping[Variable, float]) -> float:
    return variables[quantity] if isinstance(quantity, str) else quantity
