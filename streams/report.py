"""The report of one run of the broadcaster, for the metrics and the log."""

from dataclasses import dataclass

from realtime.push.client import PushResult
from store.boards import FanOutRow
from streams.records import Touch


@dataclass
class Report:
    """Counts and times of one run. Times are in milliseconds; None where there was nothing to time."""

    boards_changed: int = 0
    diffs_pushed: int = 0
    pushes_failed: int = 0
    connections_gone: int = 0
    oldest_record_age: float | None = None
    score_to_pushed: float | None = None
    fanout_time: float | None = None
    boards_active: int | None = None
    boards_left: int | None = None
    spectators: int | None = None

    def saw(self, touch: Touch, now: int) -> None:
        """Take note of a record's age, at `now` in milliseconds since the epoch."""
        self.oldest_record_age = max(self.oldest_record_age or 0.0, now - touch.written_at * 1000)

    def took(self, result: PushResult) -> None:
        """Take note of what became of a push."""
        self.diffs_pushed += result.delivered
        self.pushes_failed += len(result.failed)
        self.connections_gone += len(result.gone)

    def pushed(self, scored_at: int | None, now: int) -> None:
        """Take note that everybody has the score of that moment, in milliseconds: the slowest one counts."""
        if scored_at is not None:
            self.score_to_pushed = max(self.score_to_pushed or 0.0, float(now - scored_at))

    def finished(self, fanout: FanOutRow, now: int) -> None:
        """Take note that the last pusher of a fan-out is done."""
        self.fanout_time = max(self.fanout_time or 0.0, float(now - fanout.started_at))
        self.pushed(fanout.scored_at, now)

    def swept(self, active: int, left: int) -> None:
        """Take note of how many boards a sweep had to visit, and how many it had to leave to the next one."""
        self.boards_active, self.boards_left = active, left
