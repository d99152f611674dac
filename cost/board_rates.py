"""The rates of each board: records, batches, versions, and the pushes that these ask for."""

import math
from dataclasses import dataclass

from cost.traffic import shares
from cost.workload import SECONDS_AN_HOUR, Workload
from game.activity import HOURS

POLL_SECONDS = 0.25
"""Lambda reads a stream four times a second, whatever the window:
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""


@dataclass(frozen=True)
class BoardRates:
    """A second of one board, of which there are `count` alike."""

    count: int
    subscribers: float
    records: float
    changes: float
    batches: float
    versions: float

    @property
    def wanted_pushes(self) -> float:
        """Pushes that would tell every subscriber of every version, on all boards alike."""
        return self.count * self.versions * self.subscribers


Boards = tuple[BoardRates, BoardRates]
"""The global board, of which every new best of an area changes a row; and the boards of the areas."""


def board_rates(workload: Workload, activity: float = 1.0) -> Boards:
    """Return the boards' rates at this activity. Clients follow the global board first, then any area."""
    share = shares(workload)
    scores = workload.scores * activity
    connected = (workload.connected + workload.spectators) * activity
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
            # Those of the boards with seasons come on top, and are spread over all.
            records=scores * (1 + workload.season_share) * share.improving / areas,
            changes=scores * (1 + workload.season_share) * share.changing / areas,
        ),
    )


def fans_out_alone(workload: Workload, board: BoardRates) -> bool:
    """Return whether the broadcaster pushes to the board's subscribers itself."""
    return board.subscribers <= workload.direct_limit


def active_share(workload: Workload, board: BoardRates) -> float:
    """Return how likely it is that the sweep visits a board: that something has made it active.

    Subscriptions and publications are taken to come at random, in the two and a half hours for which one of
    them makes a board active on average.
    """
    subscriptions = board.subscribers / (workload.session_minutes * 60)
    return 1 - math.exp(-(subscriptions + board.versions) * (HOURS - 0.5) * SECONDS_AN_HOUR)


def _board(
    workload: Workload, *, count: int, subscribers: float, records: float, changes: float
) -> BoardRates:
    """Return a board's rates. Batches gather for a window; each that holds a change makes a version."""
    batches = versions = 0.0
    if records > 0:
        gathering = max(workload.window, POLL_SECONDS)
        batches = 1 / (gathering + 1 / records)
        versions = batches * (1 - (1 - changes / records) * math.exp(-changes * gathering))
    return BoardRates(count, subscribers, records, changes, batches, versions)
