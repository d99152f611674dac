"""The metrics that functions count in CloudWatch: names for alarms, dashboard and functions."""

from enum import StrEnum


class Metric(StrEnum):
    """A metric of Podium's own, with the service (a dimension) that counts it."""

    service: str

    def __new__(cls, name: str, service: str) -> "Metric":
        """Make a member whose value is its name in CloudWatch."""
        made = str.__new__(cls, name)
        made._value_ = name
        made.service = service
        return made

    SCORES_ACCEPTED = "ScoresAccepted", "api"
    BOARDS_CHANGED = "BoardsChanged", "broadcaster"
    DIFFS_PUSHED = "DiffsPushed", "broadcaster"
    PUSHES_FAILED = "PushesFailed", "broadcaster"
    CONNECTIONS_GONE = "ConnectionsGone", "broadcaster"
    OLDEST_RECORD_AGE = "OldestRecordAge", "broadcaster"
    """Milliseconds from the oldest score of a batch to its reading."""
    SCORE_TO_PUSHED = "ScoreToPushed", "broadcaster"
    """Milliseconds from a score to the last push of the board that shows it."""
    FANOUT_TIME = "FanOutTime", "broadcaster"
    """Milliseconds that several pushers took for one fan-out."""
    BOARDS_ACTIVE = "BoardsActive", "broadcaster"
    """Boards that a sweep had to visit."""
    BOARDS_LEFT = "BoardsLeft", "broadcaster"
    """Those of them for which it had no time."""
    SPECTATORS = "Spectators", "broadcaster"
    """Connections without a token, as a sweep found them."""
    RANKS_REPAIRED = "RanksRepaired", "ranker"
    """Counts of rank indexes that were wrong for good, and nodes that could not be read."""
    GUESTS_REFUSED = "GuestsRefused", "sign-up"
    """New guests above the stage's limit per minute, or who could not be counted."""
