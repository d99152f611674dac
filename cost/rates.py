"""Everything that is metered, a second of it at one moment of the day.

    activity -> what players do                                     (traffic)
             -> records, batches and versions of each board         (board_rates)
             -> pushes: versions times subscribers, as far as API Gateway's quota goes
             -> messages, bytes, invocations, GB-seconds, DynamoDB units

Where more pushes are wanted than the quota leaves room for, versions wait and are pushed together: fewer
fan-outs, each of one snapshot (streams/fanout.py).
"""

from dataclasses import dataclass, fields
from typing import Self

from cost import frame_sizes
from cost.board_rates import BoardRates, Boards, board_rates, fans_out_alone
from cost.rank_upkeep import upkeep
from cost.request_units import SWEEP_SECONDS, Ledger, rank_batches
from cost.traffic import Traffic, traffic
from cost.workload import Workload
from game.functions import RANKER, SIGN_UP

REST_BYTES = 1000
"""Of a REST answer with its headers: a guess, like the next one."""
PICTURE_BYTES = 4000
"""Of a portrait as a board shows it: 48 or 128 pixels a side."""


@dataclass(frozen=True)
class Rates:
    """A second. `requests` to API Gateway are no pushes; `running` counts functions at work."""

    connected: float
    sessions: float
    scores: float
    improved: float
    versions: float
    wanted_pushes: float
    pushes: float
    requests: float
    rest_requests: float
    messages: float
    out_bytes: float
    invocations: float
    gb_seconds: float
    running: float
    read_units: float
    write_units: float
    uploads: float
    picture_views: float

    @classmethod
    def mean(cls, moments: list[Self]) -> Self:
        """Return the mean of several moments."""
        return cls(
            **{
                field.name: sum(getattr(moment, field.name) for moment in moments) / len(moments)
                for field in fields(cls)
            }
        )


@dataclass(frozen=True)
class _Pushing:
    """`room` is requests per second for pushes, `served` the part of the versions that get a fan-out each."""

    boards: Boards
    room: float
    wanted: float
    served: float

    @property
    def pushes(self) -> float:
        return self.wanted * self.served


@dataclass(frozen=True)
class _Functions:
    """Invocations a second, the seconds that they take, and those times their memory."""

    invocations: float
    running: float
    gb_seconds: float


def rates(workload: Workload, activity: float = 1.0) -> Rates:
    """Return everything at this activity: 1 is the average."""
    players = traffic(workload, activity)
    pushing = _pushing(workload, board_rates(workload, activity), players)
    snapshot = frame_sizes.snapshot_bytes(workload.top, workload.portrait_share)
    frame = _frame_bytes(workload, pushing, snapshot)
    functions = _functions(workload, players, pushing)
    ledger = Ledger(workload)
    units = ledger.board_units(pushing.boards, pushing.served) + ledger.player_units(players)
    return Rates(
        connected=players.connected,
        sessions=players.sessions,
        scores=players.scores,
        improved=players.improved,
        versions=sum(board.count * board.versions for board in pushing.boards),
        wanted_pushes=pushing.wanted,
        pushes=pushing.pushes,
        requests=players.requests,
        rest_requests=players.rest,
        messages=players.sockets_in
        + players.small_answers
        + players.snapshots * frame_sizes.metered(snapshot)
        + pushing.pushes * frame_sizes.metered(frame),
        out_bytes=pushing.pushes * frame
        + players.snapshots * snapshot
        + players.small_answers * frame_sizes.pong_bytes()
        + players.rest * REST_BYTES
        + players.views * PICTURE_BYTES,
        invocations=functions.invocations,
        gb_seconds=functions.gb_seconds,
        running=functions.running,
        read_units=units.reads,
        write_units=units.writes,
        uploads=players.uploads,
        picture_views=players.views,
    )


def _pushing(workload: Workload, boards: Boards, players: Traffic) -> _Pushing:
    room = max(0.0, workload.requests_quota - players.requests)
    wanted = sum(board.wanted_pushes for board in boards)
    return _Pushing(boards, room, wanted, min(1.0, room / wanted) if wanted else 1.0)


def _frame_bytes(workload: Workload, pushing: _Pushing, snapshot: float) -> float:
    """Return the mean size of a pushed frame: a diff, or the snapshot that stands for several."""
    diffs = 0.0
    for board in pushing.boards:
        if board.wanted_pushes:
            changes = max(1, round(board.changes / board.versions))
            size = frame_sizes.diff_bytes(workload.top, changes, workload.portrait_share)
            diffs += board.wanted_pushes / pushing.wanted * size
    return pushing.served * diffs + (1 - pushing.served) * snapshot if diffs else 0.0


def _functions(workload: Workload, players: Traffic, pushing: _Pushing) -> _Functions:
    # The authorizer and $connect, subscribe, pings, $disconnect; and the one that tells of a portrait.
    routes = (players.sessions + players.visits) * 4 + players.pings + players.uploads
    batches = sum(board.count * board.batches for board in pushing.boards) + 1 / SWEEP_SECONDS
    pushers = sum(_pushers(workload, board) * pushing.served for board in pushing.boards)
    rest_seconds = players.rest * workload.request_milliseconds / 1000
    route_seconds = routes * workload.request_milliseconds / 1000
    batch_seconds = batches * workload.batch_milliseconds / 1000
    batch_seconds += sum(_push_seconds(workload, board, pushing) for board in pushing.boards)
    ranker_batches, ranker_seconds = _ranker(workload, pushing)
    portrait_seconds = players.uploads * workload.portrait_seconds
    # Cognito asks before it makes a player.
    sign_up_seconds = players.joined * workload.request_milliseconds / 1000
    megabyte_seconds = (
        rest_seconds * workload.api_megabytes
        + route_seconds * workload.route_megabytes
        + batch_seconds * workload.push_megabytes
        + ranker_seconds * RANKER.memory
        + portrait_seconds * workload.portrait_megabytes
        + sign_up_seconds * SIGN_UP.memory
    )
    return _Functions(
        invocations=players.rest
        + routes
        + batches
        + ranker_batches
        + pushers
        + players.uploads
        + players.joined,
        running=rest_seconds
        + route_seconds
        + batch_seconds
        + ranker_seconds
        + portrait_seconds
        + sign_up_seconds,
        gb_seconds=megabyte_seconds / 1024,
    )


def _ranker(workload: Workload, pushing: _Pushing) -> tuple[float, float]:
    """Return the ranker's batches, each with the records of all boards, and the seconds that they take."""
    batches = rank_batches(sum(board.count * board.records for board in pushing.boards))
    requests = 0.0
    for board in pushing.boards:
        own = rank_batches(board.records)
        if own:
            requests += own * board.count * upkeep(workload.players, board.records / own).requests
    return batches, requests * workload.rank_request_milliseconds / 1000


def _pushers(workload: Workload, board: BoardRates) -> float:
    """Return the invocations of pushers, beside those of the broadcaster."""
    return 0.0 if fans_out_alone(workload, board) else board.count * board.versions * workload.pushers


def _push_seconds(workload: Workload, board: BoardRates, pushing: _Pushing) -> float:
    """Return the seconds of Lambda that pushing takes: at a function's rate, or at the quota's for all."""
    if not board.wanted_pushes or not pushing.room:
        return 0.0
    side_by_side = 1 if fans_out_alone(workload, board) else workload.pushers
    return (
        board.wanted_pushes
        * pushing.served
        * max(1 / workload.pushes_per_second, side_by_side / pushing.room)
    )
