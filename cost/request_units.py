"""The DynamoDB units that a game uses a second, and what its tables hold."""

import math

from cost import database_calls as calls
from cost.board_rates import Boards, active_share, fans_out_alone
from cost.database_calls import Operation, Units, Variable
from cost.frame_sizes import snapshot_bytes
from cost.rank_upkeep import LEAF_ROWS, Upkeep, levels, upkeep
from cost.traffic import Traffic
from cost.workload import SECONDS_A_DAY, SECONDS_AN_HOUR, Workload
from game.live import (
    BOARDS_LIMIT,
    CHANNEL_PARTS,
    PAGE_LIMIT,
    RANK_WINDOW_SECONDS,
    RECOUNT_SECONDS,
)
from game.prizes import LOOKUPS
from game.seasons import DAY_MS, MARGIN_MS
from store.schema import CLAIMS, IDEMPOTENCY, SCORES, STANDINGS, USER_PROFILES, USER_PROGRESS, Table

SWEEP_SECONDS = 60

PUSHES_A_CLAIM = 40
"""Pushes that a function claims at a time, where many share 8,000 a second (realtime/push/shared_pace.py)."""

_BOARD_ROW_REST = 500
"""Bytes of a board's row beside its entries: keys, and one diff in the outbox."""
_ROW_OVERHEAD = 100
"""Bytes that DynamoDB adds to a stored row."""


class Ledger:
    """The costs of operations in one game."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self.row_bytes = row_bytes(workload)

    def units(self, operation: Operation, subscribers: float = 0) -> Units:
        """Return what an operation costs; `subscribers` are those of its board."""
        return calls.units(operation, self.row_bytes, _variables(self._workload, subscribers))

    def board_units(self, boards: Boards, served: float) -> Units:
        """Return a second of the boards, where this share of the versions gets a fan-out of its own."""
        total = self.units(calls.SWEEP_BEGUN).times(1 / SWEEP_SECONDS)
        total += self.rank_units(boards)
        for board in boards:
            active = active_share(self._workload, board)
            total += self.units(calls.SWEEP).times(board.count * active / SWEEP_SECONDS)
            total += self.units(calls.MARK).times(board.count * active / SECONDS_AN_HOUR)
            alone = fans_out_alone(self._workload, board)
            fan_out = calls.FANOUT_DIRECT if alone else calls.FANOUT_SPLIT
            claims = math.ceil(board.subscribers / PUSHES_A_CLAIM) if board.subscribers > 1 else 0
            one = (
                self.units(calls.BATCH).times(board.batches)
                + self.units(calls.PUBLICATION).times(board.versions)
                + self.units(fan_out, board.subscribers).times(board.versions * served)
                + self.units(calls.PUSHES_CLAIMED).times(claims * board.versions * served)
            )
            total += one.times(board.count)
        return total

    def rank_units(self, boards: Boards) -> Units:
        """Return a second of keeping the rank indexes of the boards."""
        total = Units(0, 0)
        for board in boards:
            batches = rank_batches(board.records)
            if batches:
                one = self._upkeep_units(upkeep(self._workload.players, board.records / batches))
                total += one.times(batches * board.count)
        return total

    def _upkeep_units(self, batch: Upkeep) -> Units:
        variables = _variables(self._workload, 0)
        variables |= {"ranked_leaves": batch.leaves, "ranked_nodes": batch.nodes - 1}
        return calls.units(calls.RANKED, self.row_bytes, variables)

    def player_units(self, traffic: Traffic) -> Units:
        """Return a second of what players do."""
        sessions = traffic.sessions
        # A run is the key of its score.
        keyed = self._workload.season_share * (1 - self._workload.run_share)
        rated = (
            (calls.SCORE_KEPT, traffic.scores - traffic.improved),
            (calls.SCORE_IMPROVED, traffic.improved),
            (calls.SEASON_READ, traffic.scores * self._workload.season_share),
            (calls.SEASON_IMPROVED, traffic.improved * self._workload.season_share),
            (calls.SEASON_KEY_KEPT, (traffic.scores - traffic.improved) * keyed),
            (calls.SEASON_KEY_IMPROVED, traffic.improved * keyed),
            (calls.RUN, traffic.scores * self._workload.run_share),
            (calls.RUN_SPENT, traffic.scores * self._workload.run_share),
            (calls.GUEST, traffic.guests),
            (calls.CONNECT, sessions),
            (subscribe(self._workload), sessions),
            (calls.DISCONNECT, sessions),
            (calls.SPECTATOR_CONNECT, traffic.visits),
            (calls.of_spectator(subscribe(self._workload)), traffic.visits),
            (calls.SPECTATOR_DISCONNECT, traffic.visits),
            (calls.SPECTATORS_READ, 1 / SWEEP_SECONDS),
            (calls.SPECTATORS_COUNTED, 1 / RECOUNT_SECONDS if traffic.visits else 0.0),
            (calls.PING, traffic.pings),
            (calls.PROFILE, sessions),
            (calls.PROGRESS, sessions),
            (calls.ACTION, sessions * self._workload.actions_per_session),
            (calls.RANK, sessions * self._workload.rank_lookups_per_session),
            (calls.REWARDS, sessions * self._workload.reward_lists_per_session),
            (calls.CLAIM, traffic.claims),
            (calls.PORTRAIT_ASKED, traffic.uploads),
            (calls.PORTRAIT_MADE, traffic.uploads),
            (calls.PORTRAIT_TOLD, traffic.uploads),
        )
        return sum((self.units(operation).times(rate) for operation, rate in rated), Units(0, 0))


def subscribe(workload: Workload) -> calls.Operation:
    """Return what a client asks for when it subscribes to all its boards."""
    return calls.SUBSCRIBE if workload.boards <= BOARDS_LIMIT else calls.SUBSCRIBE_COUNTED


def rank_batches(records: float) -> float:
    """Return the batches of the ranker on a board: a window begins with a record."""
    return 1 / (RANK_WINDOW_SECONDS + 1 / records) if records else 0.0


def row_bytes(workload: Workload) -> dict[Table, float]:
    """Return how large rows are in this game; a board's holds its entries, and what is about to be pushed."""
    board = snapshot_bytes(workload.top, workload.portrait_share) + _BOARD_ROW_REST
    return calls.row_bytes(portrait_share=workload.portrait_share, board=board)


def stored_bytes(workload: Workload) -> float:
    """Return the bytes in the tables: players' rows, and a day's request keys."""
    sizes = {row: size + _ROW_OVERHEAD for row, size in row_bytes(workload).items()}
    boards = (sizes[STANDINGS] + sizes[SCORES]) * workload.boards
    player = sizes[USER_PROFILES] + sizes[USER_PROGRESS] + boards
    requests = workload.sessions * workload.actions_per_session * SECONDS_A_DAY
    # A run is kept under its nonce, for a day and a little; so is the key of a score in a season.
    keyed = workload.run_share + workload.season_share * (1 - workload.run_share)
    requests += workload.scores * keyed * SECONDS_A_DAY
    if workload.season_share:
        # Every player of the month is taken to play in each season that is kept. Records of claims stay for
        # good: these are of as many seasons.
        row = sizes[STANDINGS] + sizes[SCORES] + workload.prize_share * sizes[CLAIMS]
        player += row * (workload.kept_seasons + MARGIN_MS / DAY_MS / workload.season_days)
    return workload.players * player + requests * sizes[IDEMPOTENCY]


def _variables(workload: Workload, subscribers: float) -> dict[Variable, float]:
    slice_pages = math.ceil(subscribers / workload.pushers / PAGE_LIMIT)
    return {
        "top": workload.top,
        "followed": workload.boards_followed,
        # Beside its boards a connection is on the channels `all` and `user#…`.
        "held": workload.boards_followed + 2,
        "leaf_rows": LEAF_ROWS,
        # Of a board on which every player has a row, below the root.
        "rank_nodes": len(levels(workload.players)) - 2,
        "ranked_leaves": 0,
        "ranked_nodes": 0,
        "boards": workload.boards,
        "subscribers": subscribers,
        # In each of the parts that their channel is stored in.
        "counted": workload.spectators / CHANNEL_PARTS,
        "first_page": math.ceil((workload.direct_limit + 1) / PAGE_LIMIT) * PAGE_LIMIT,
        "seasons": workload.seasons_listed,
        "unclaimed": min(LOOKUPS, workload.seasons_listed),
        "claims": workload.prize_share * workload.seasons_listed,
        "slices": workload.pushers,
        "pages": workload.pushers * slice_pages,
    }
