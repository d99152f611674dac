"""What happens a second at one moment of the day: scores, batches, pushes, requests, units.

    activity -> sessions, connected clients, scores
             -> of each board: records, changes, batches, versions      (turnover, window)
             -> pushes: versions times subscribers, as far as API Gateway's quota goes
             -> requests, messages, bytes, invocations, DynamoDB units

Where more pushes are wanted than the quota leaves room for, versions wait and are told of together: fewer
fan-outs, each of one snapshot (streams/fanout.py).
"""

import math
from dataclasses import dataclass, fields
from typing import Self

from loadtest import database_calls as calls
from loadtest import frame_sizes, turnover
from loadtest.database_calls import Operation, Row, Units, Variable
from loadtest.workload import DAYS_A_MONTH, SECONDS_A_DAY, SECONDS_A_MONTH, Workload

POLL_SECONDS = 0.25
"""Lambda reads a stream four times a second, whatever the window:
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
PING_SECONDS = 300
"""From ping to ping of a client (clients/web/podium/connection.js)."""
SWEEP_SECONDS = 60
PAGE_LIMIT = 2000
"""Subscribers in one page of a Query (store/connections.py)."""

START_REQUESTS = 4
"""REST requests with which a session begins: client-config.json, profile, progress, shop."""
UPLOAD_REQUESTS = 2
"""REST requests of an upload: presign and process."""
REST_BYTES = 1000
"""Of a REST answer with its headers: a guess, like the next one."""
PICTURE_BYTES = 4000
"""Of a portrait as a board shows it: 48 or 128 pixels a side."""
_BOARD_ROW_REST = 500
"""What a board's row holds beside its entries: keys, and one diff in the outbox."""


@dataclass(frozen=True)
class Shares:
    """Of scores: how many are their player's best, and how many change the top K of a board."""

    improving: float
    changing: float


@dataclass(frozen=True)
class BoardRates:
    """One board. `count` boards are like it; the rates are of one of them."""

    count: int
    subscribers: float
    records: float
    changes: float
    batches: float
    versions: float

    @property
    def wanted_pushes(self) -> float:
        """Pushes that would tell every subscriber of every version."""
        return self.versions * self.subscribers


@dataclass(frozen=True)
class Rates:
    """A second of all that is counted. `other_requests` are those to API Gateway that are no fan-out."""

    connected: float
    sessions: float
    scores: float
    improved: float
    versions: float
    wanted_pushes: float
    pushes: float
    other_requests: float
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
        """The mean of several moments."""
        return cls(
            **{
                field.name: sum(getattr(moment, field.name) for moment in moments) / len(moments)
                for field in fields(cls)
            }
        )


def shares(workload: Workload) -> Shares:
    """The shares given, or those that follow from a season's scores on one area."""
    season = workload.scores * workload.season_days * SECONDS_A_DAY / workload.areas
    changing = workload.change_share
    if changing is None:
        changing = turnover.change_share(workload.top, season)
    improving = workload.improving_share
    if improving is None:
        improving = turnover.improving_share(season / workload.players)
    # Nothing but a player's new best can change a board.
    return Shares(improving=max(improving, changing), changing=changing)


def board_rates(workload: Workload, activity: float = 1.0) -> tuple[BoardRates, BoardRates]:
    """The global board, which every new best of an area changes a row of; and one of the areas' boards."""
    share = shares(workload)
    scores, connected = workload.scores * activity, workload.connected * activity
    followed, areas = workload.boards_followed, workload.areas
    return (
        _board(
            workload,
            count=1,
            subscribers=connected * min(1.0, followed),
            records=scores * share.improving,
            changes=scores * share.changing,
        ),
        _board(
            workload,
            count=areas,
            subscribers=connected * max(0.0, followed - 1) / areas,
            records=scores * share.improving / areas,
            changes=scores * share.changing / areas,
        ),
    )


def _board(
    workload: Workload, *, count: int, subscribers: float, records: float, changes: float
) -> BoardRates:
    """Batches begin with a record and gather for a window; a version comes of each that holds a change."""
    batches = versions = 0.0
    if records > 0:
        gathering = max(workload.window, POLL_SECONDS)
        batches = 1 / (gathering + 1 / records)
        versions = batches * (1 - (1 - changes / records) * math.exp(-changes * gathering))
    return BoardRates(count, subscribers, records, changes, batches, versions)


def rates(workload: Workload, activity: float = 1.0) -> Rates:
    """Everything at a moment that is so busy: 1 is the average."""
    boards = board_rates(workload, activity)
    share = shares(workload)
    sessions, connected = workload.sessions * activity, workload.connected * activity
    scores = workload.scores * activity
    improved = scores * share.improving
    uploads = workload.players * workload.uploads_per_player / SECONDS_A_MONTH * activity
    views = sessions * workload.boards_followed * workload.top * workload.portrait_share
    pings = connected / PING_SECONDS

    per_session = START_REQUESTS + workload.actions_per_session + workload.rank_lookups_per_session
    rest = sessions * per_session + scores + views + uploads * UPLOAD_REQUESTS
    # Into the socket come the upgrade, a subscribe and pings; answers go out through @connections.
    snapshots = sessions * workload.boards_followed
    sockets_in, answers = sessions * 2 + pings, snapshots + pings + uploads
    other = rest + sockets_in + answers

    room = max(0.0, workload.requests_quota - other)
    wanted = sum(board.count * board.wanted_pushes for board in boards)
    served = min(1.0, room / wanted) if wanted else 1.0
    pushes = wanted * served

    snapshot = frame_sizes.snapshot_bytes(workload.top, workload.portrait_share)
    frames = _frame_bytes(workload, boards, served, snapshot)
    units = _board_units(workload, boards, served) + _player_units(
        workload, scores=scores, improved=improved, sessions=sessions, pings=pings, uploads=uploads
    )

    batches = sum(board.count * board.batches for board in boards)
    pushers = sum(_pushers(workload, board, served) for board in boards)
    push_seconds = sum(_push_seconds(workload, board, served, room) for board in boards)
    sweeps = 1 / SWEEP_SECONDS
    # The authorizer and $connect, subscribe, pings, $disconnect; and the one that tells of a portrait.
    served_requests = rest + sessions * 4 + pings + uploads
    request_seconds = served_requests * workload.request_milliseconds / 1000
    batch_seconds = (batches + sweeps) * workload.batch_milliseconds / 1000 + push_seconds
    portrait_seconds = uploads * workload.portrait_seconds
    return Rates(
        connected=connected,
        sessions=sessions,
        scores=scores,
        improved=improved,
        versions=sum(board.count * board.versions for board in boards),
        wanted_pushes=wanted,
        pushes=pushes,
        other_requests=other,
        rest_requests=rest,
        messages=sockets_in
        + (pings + uploads)
        + snapshots * frame_sizes.metered(snapshot)
        + pushes * frame_sizes.metered(frames),
        out_bytes=pushes * frames
        + snapshots * snapshot
        + pings * frame_sizes.pong_bytes()
        + rest * REST_BYTES
        + views * PICTURE_BYTES,
        invocations=served_requests + batches + pushers + sweeps + uploads,
        gb_seconds=(
            request_seconds * workload.request_megabytes
            + batch_seconds * workload.push_megabytes
            + portrait_seconds * workload.portrait_megabytes
        )
        / 1024,
        running=request_seconds + batch_seconds + portrait_seconds,
        read_units=units.reads,
        write_units=units.writes,
        uploads=uploads,
        picture_views=views,
    )


def operation_units(workload: Workload, operation: Operation, subscribers: float = 0) -> Units:
    """What an operation costs in this game; `subscribers` of the board that it is about."""
    return calls.units(operation, _row_bytes(workload), _variables(workload, subscribers))


def board_row_bytes(workload: Workload) -> float:
    """A board's row: its entries, and what is about to be pushed."""
    return frame_sizes.snapshot_bytes(workload.top, workload.portrait_share) + _BOARD_ROW_REST


def stored_bytes(workload: Workload) -> float:
    """What lies in the tables: players' rows, and a day's request keys. DynamoDB adds 100 bytes a row."""
    sizes = {row: size + 100 for row, size in calls.ROW_BYTES.items()}
    player = sizes["profile"] + sizes["progress"] + sizes["score"] * workload.boards
    requests = workload.sessions * workload.actions_per_session * SECONDS_A_DAY
    return workload.players * player + requests * sizes["request"]


def emails(workload: Workload) -> float:
    """Addresses confirmed in the month: those of new players who chose a password."""
    return workload.players * workload.new_share * (1 - workload.google_share)


def emails_a_day(workload: Workload) -> float:
    """The same on an average day."""
    return emails(workload) / DAYS_A_MONTH


def fans_out_alone(workload: Workload, board: BoardRates) -> bool:
    """Whether the broadcaster pushes to the board's subscribers itself."""
    return board.subscribers <= workload.direct_limit


def _frame_bytes(
    workload: Workload, boards: tuple[BoardRates, BoardRates], served: float, snapshot: float
) -> float:
    """The mean size of a pushed frame: a diff, or the snapshot that stands for several."""
    wanted = sum(board.count * board.wanted_pushes for board in boards)
    if not wanted:
        return 0.0
    diffs = 0.0
    for board in boards:
        if board.wanted_pushes:
            changes = max(1, round(board.changes / board.versions))
            size = frame_sizes.diff_bytes(workload.top, changes, workload.portrait_share)
            diffs += board.count * board.wanted_pushes / wanted * size
    return served * diffs + (1 - served) * snapshot


def _board_units(workload: Workload, boards: tuple[BoardRates, BoardRates], served: float) -> Units:
    total = operation_units(workload, calls.SWEEP).times(workload.boards / SWEEP_SECONDS)
    for board in boards:
        fan_out = calls.FANOUT_DIRECT if fans_out_alone(workload, board) else calls.FANOUT_SPLIT
        one = (
            operation_units(workload, calls.BATCH).times(board.batches)
            + operation_units(workload, calls.PUBLICATION).times(board.versions)
            + operation_units(workload, fan_out, board.subscribers).times(board.versions * served)
        )
        total += one.times(board.count)
    return total


def _player_units(
    workload: Workload, *, scores: float, improved: float, sessions: float, pings: float, uploads: float
) -> Units:
    rated = [
        (calls.SCORE_KEPT, scores - improved),
        (calls.SCORE_IMPROVED, improved),
        (calls.CONNECT, sessions),
        (calls.SUBSCRIBE, sessions),
        (calls.DISCONNECT, sessions),
        (calls.PING, pings),
        (calls.PROFILE, sessions),
        (calls.PROGRESS, sessions),
        (calls.ACTION, sessions * workload.actions_per_session),
        (calls.RANK, sessions * workload.rank_lookups_per_session),
        (calls.PORTRAIT_ASKED, uploads),
        (calls.PORTRAIT_MADE, uploads),
        (calls.PORTRAIT_TOLD, uploads),
    ]
    total = Units(0, 0)
    for operation, rate in rated:
        total += operation_units(workload, operation).times(rate)
    return total


def _pushers(workload: Workload, board: BoardRates, served: float) -> float:
    """Invocations of pushers, beside those of the broadcaster."""
    if fans_out_alone(workload, board):
        return 0.0
    return board.count * board.versions * served * workload.pushers


def _push_seconds(workload: Workload, board: BoardRates, served: float, room: float) -> float:
    """Seconds of Lambda that pushing takes: as fast as a function can, or as the quota lets all of them."""
    if not board.wanted_pushes or not room:
        return 0.0
    side_by_side = 1 if fans_out_alone(workload, board) else workload.pushers
    each = max(1 / workload.pushes_per_second, side_by_side / room)
    return board.count * board.wanted_pushes * served * each


def _row_bytes(workload: Workload) -> dict[Row, float]:
    return {**calls.ROW_BYTES, "board": board_row_bytes(workload)}


def _variables(workload: Workload, subscribers: float) -> dict[Variable, float]:
    shard = math.ceil(subscribers / workload.pushers / PAGE_LIMIT)
    return {
        "top": workload.top,
        "followed": workload.boards_followed,
        # Beside its boards a connection is on the channels `all` and `user#…`.
        "held": workload.boards_followed + 2,
        # A rank may be any: half of the players are above.
        "above": workload.players / 2,
        "boards": workload.boards,
        "subscribers": subscribers,
        "first_page": math.ceil((workload.direct_limit + 1) / PAGE_LIMIT) * PAGE_LIMIT,
        "shards": workload.pushers,
        "pages": workload.pushers * shard,
    }
