"""Messages between the load test and its worker processes.

Orders go to a worker, reports come back. Times are in seconds since the start of play, on the machine's
monotonic clock, which all processes share.
"""

from typing import Literal

from game.board import Entry
from game.model import Model
from game.scoring import Order
from loadtest.arenas import Arena
from loadtest.options import Options
from loadtest.rest import Counted, Won
from loadtest.target import TargetConfig


class Prepare(Model):
    """Be one of `options.processes` workers, the one of this number (from 0), and make the accounts.

    `run` is part of their names.
    """

    number: int
    run: str
    password: str
    options: Options
    config: TargetConfig
    boards: dict[str, Order]
    arenas: tuple[Arena, ...]


class Start(Model):
    """Play, from this time of the monotonic clock on."""

    at: float


class Stop(Model):
    """No more scores, no more leavings; everyone comes back. Wait this long for the answers that are due."""

    seconds: float


class Look(Model):
    """Say what the screens show."""


class Finish(Model):
    """Hang up, delete the accounts unless `keep`, and end."""

    keep: bool


AnyOrder = Prepare | Start | Stop | Look | Finish


class Prepared(Model):
    """All accounts are signed in."""


class Attempted(Model):
    """A score is about to be submitted.

    `points` is what it makes of the player's row on each board that is watched, if it is accepted; empty
    where it is known not to improve anything.
    """

    number: int
    user_id: str
    scheduled: float
    points: dict[str, int]


class Answered(Model):
    """The outcome of an attempt.

    It improved the player's best, or left it as it was; or failed; or was refused, because the season in
    which its run began is over.

    sure: whether it is known that it counted, or that it did not. boards: what the server says that it made
    of each board.
    """

    number: int
    user_id: str
    outcome: Literal["improved", "kept", "failed", "over"]
    sure: bool
    area: str
    points: int
    boards: tuple[Counted, ...]
    scheduled: float
    sent: float
    answered: float


class Rewarded(Model):
    """The server gave a player the prize of a season; or none, as there is none for them (None)."""

    user_id: str
    board: str
    season: int
    won: Won | None


class ShownState(Model):
    """A state of a board that a screen has shown; `scores` by user id, `size` is K."""

    number: int
    board: str
    season: int | None = None
    epoch: int
    version: int
    size: int
    digest: str
    scores: dict[str, int]


class ShownStep(Model):
    """Screens of clients who were watching went from one state to another, by their numbers.

    `seen` says when, as (the second since which the client was watching, the tick, how many).
    """

    board: str
    before: int
    after: int
    seen: list[tuple[int, int, int]]


class Tick(Model):
    """The events since the last tick. `second` is the full second of play that is over.

    `oldest` is the oldest state on a screen, by board. `lag` is the most that the event loop was late, in
    seconds; `cpu` is the share of a core that the process took. `forgotten` are numbers of states that will
    not be mentioned again.
    """

    second: int
    live: int
    counts: dict[str, int]
    errors: dict[str, int]
    broken: dict[str, int]
    states: list[ShownState]
    steps: list[ShownStep]
    oldest: dict[str, tuple[int, int]]
    forgotten: list[int]
    lag: float
    cpu: float


class Stopped(Model):
    """The play is over; this number of scores is left without an answer."""

    unanswered: int


class Holding(Model):
    """A state on the screens of this number of live clients; one of them by name."""

    board: str
    season: int | None = None
    version: int
    size: int
    entries: tuple[Entry, ...]
    clients: int
    example: str


class Looked(Model):
    """The boards that the screens show.

    `offline` counts the clients without a connection, `blank` the screens that show nothing yet, `waiting`
    the clients who know that they may be behind.
    """

    live: int
    offline: int
    blank: int
    waiting: int
    holdings: list[Holding]


class Finished(Model):
    """All is over; this number of accounts could not be deleted."""

    left_behind: int


class Failed(Model):
    """The worker cannot go on; why, as a sentence."""

    why: str


AnyReport = Prepared | Attempted | Answered | Rewarded | Tick | Stopped | Looked | Finished | Failed
