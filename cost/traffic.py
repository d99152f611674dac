"""Players' actions at a moment of the day, and their requests to API Gateway, pushes apart."""

import math
from dataclasses import dataclass

from cost import turnover
from cost.workload import SECONDS_A_DAY, SECONDS_A_MONTH, Workload
from game.live import PING_SECONDS

VISIT_REQUESTS = 2
"""REST requests with which a spectator's visit begins: client-config.json, catalogue."""
START_REQUESTS = 4
"""REST requests with which a session begins: client-config.json, profile, progress, shop."""
ACTION_PATHS = 4
"""Addresses of what counts as an action: /progress, /task/complete, /shop/buy, /unlock."""
UPLOAD_REQUESTS = 2
"""REST requests of an upload: presign and process."""


@dataclass(frozen=True)
class Shares:
    """Of scores: how many are their player's best, and how many change the top K of a board."""

    improving: float
    changing: float


@dataclass(frozen=True)
class Traffic:
    """Everything a second, but `connected`, which counts clients. `views` are portraits looked at.

    `visits` are a spectator's, as `sessions` are a player's; `claims` are of prizes. `snapshots` answer
    subscribes; `sockets_in` are upgrades, subscribes and pings; `joined` are new players, of whom some are
    `guests`.
    """

    connected: float
    sessions: float
    visits: float
    scores: float
    improved: float
    uploads: float
    views: float
    claims: float
    pings: float
    rest: float
    snapshots: float
    sockets_in: float
    joined: float
    guests: float

    @property
    def small_answers(self) -> float:
        """Frames of a few bytes: pongs, and what became of an upload."""
        return self.pings + self.uploads

    @property
    def requests(self) -> float:
        """Requests to API Gateway. Answers to frames are such too: they go through `@connections`."""
        return self.rest + self.sockets_in + self.snapshots + self.small_answers


def shares(workload: Workload) -> Shares:
    """Return the shares given, or those that follow from a season's scores on one area."""
    season = workload.scores * workload.season_days * SECONDS_A_DAY / workload.areas
    changing = workload.change_share
    if changing is None:
        changing = turnover.change_share(workload.top, season)
    improving = workload.improving_share
    if improving is None:
        improving = turnover.improving_share(season / workload.players)
    # Nothing but a player's new best can change a board.
    return Shares(improving=max(improving, changing), changing=changing)


def traffic(workload: Workload, activity: float = 1.0) -> Traffic:
    """Return what players do at this activity: 1 is the average."""
    sessions, visits = workload.sessions * activity, workload.visits * activity
    connected = (workload.connected + workload.spectators) * activity
    scores = workload.scores * activity
    uploads = workload.players * workload.uploads_per_player / SECONDS_A_MONTH * activity
    followed = (sessions + visits) * workload.boards_followed
    views = followed * workload.top * workload.portrait_share
    claims = workload.players * workload.prize_share / workload.season_days / SECONDS_A_DAY * activity
    pings = connected / PING_SECONDS
    return Traffic(
        connected=connected,
        sessions=sessions,
        visits=visits,
        scores=scores,
        improved=scores * shares(workload).improving,
        uploads=uploads,
        views=views,
        claims=claims,
        pings=pings,
        joined=workload.joined * activity,
        guests=workload.guests * activity,
        rest=sessions * _session_requests(workload)
        + visits * VISIT_REQUESTS
        + scores * (1 + workload.run_share)
        + views
        + claims
        + uploads * UPLOAD_REQUESTS,
        snapshots=followed,
        sockets_in=(sessions + visits) * 2 + pings,
    )


def _session_requests(workload: Workload) -> float:
    """Return the REST requests of a session, but for its scores and pictures."""
    asked = START_REQUESTS + workload.actions_per_session + workload.rank_lookups_per_session
    asked += workload.reward_lists_per_session
    return asked + workload.browser_share * _preflights(workload)


def _preflights(workload: Workload) -> float:
    """Return a browser session's OPTIONS requests: one per address with a token, good for an hour."""
    scores = workload.scores / workload.sessions if workload.sessions else 0.0
    return (
        # All but client-config.json, which needs no token.
        (START_REQUESTS - 1)
        + min(1.0, scores) * (1 + math.ceil(workload.run_share))
        + min(1.0, workload.rank_lookups_per_session)
        + min(1.0, workload.reward_lists_per_session)
        + min(ACTION_PATHS, workload.actions_per_session)
    )
