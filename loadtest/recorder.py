"""Takes what the workers report while they play, and makes of it the numbers of the result."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import floor

from game.board import Position
from game.scoring import Order
from loadtest.latencies import Latencies
from loadtest.messages import Answered, AnyReport, Attempted, Tick
from loadtest.result import BoardResult, OwnLoad, Scores, Second
from loadtest.sightings import BoardSightings

# A worker is saturated above either: its latencies are then its own as well as the backend's.
SATURATED_LAG_SECONDS = 0.05
SATURATED_CPU = 0.9

# What a row counts and a second of the result has by the same name.
_COUNTED = ("scheduled", "improved", "kept", "failed", "frames", "opened", "lost", "errors")


@dataclass
class _Row:
    counts: Counter[str] = field(default_factory=Counter)
    lag: float = 0.0
    cpu: float = 0.0
    busiest: float = 0.0


def told(broken: Counter[str]) -> list[str]:
    """Return broken rules as sentences, with how often each was seen."""
    return [what if times == 1 else f"{what} ({times} times)" for what, times in sorted(broken.items())]


class Recorder:
    """Hears every report. `ramp` and `duration` in seconds; scores scheduled in between are measured.

    What a worker saw is matched with scores one tick late: a score is announced before it is sent, so by then
    its announcement has come, from whichever worker.
    """

    def __init__(self, boards: dict[str, Order], ramp: float, workers: int) -> None:
        self.to_screen, self.to_answer, self.request = Latencies(), Latencies(), Latencies()
        self.totals: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.ticks = 0
        """Of the worker that has reported the fewest."""
        self._closed = False
        self._ramp = ramp
        self._ticks: Counter[int] = Counter()
        self._workers = workers
        self._broken: Counter[str] = Counter()
        self._boards = {board: BoardSightings(board, order, self._saw) for board, order in boards.items()}
        self._rows: defaultdict[int, _Row] = defaultdict(_Row)
        self._live: dict[int, int] = {}
        self._held: dict[int, Tick] = {}
        self._oldest: dict[int, dict[str, Position]] = {}

    @property
    def live(self) -> int:
        """Open connections at the last ticks."""
        return sum(self._live.values())

    @property
    def broken(self) -> list[str]:
        """The broken rules, a sentence each, with how often each was seen."""
        found = self._broken.copy()
        for board in self._boards.values():
            found.update(board.broken)
        return told(found)

    def hear(self, worker: int, report: AnyReport) -> None:
        """Take a report. After `close` there is nothing to be learnt from any."""
        if self._closed:
            return
        if isinstance(report, Tick):
            self._count(worker, report)
            before, self._held[worker] = self._held.get(worker), report
            if before:
                self._match(worker, before)
        elif isinstance(report, Attempted):
            for board in report.points:
                self._boards[board].attempted(report)
        elif isinstance(report, Answered):
            self._answered(report)

    @property
    def cpu(self) -> float:
        """Cores that the tester used in the last full second."""
        return self._rows[self.ticks].cpu

    def close(self) -> None:
        """Match what has been held back, and take nothing more."""
        for worker, tick in self._held.items():
            self._match(worker, tick)
        self._closed = True

    def own(self, second: int, cpu: float) -> None:
        """Note this process's share of a core in the second that ends now."""
        self._rows[second].cpu += cpu

    def rates(self, seconds: int) -> dict[str, float]:
        """Return each count of the last full seconds, per second."""
        last = self.ticks
        rows = [self._rows[second].counts for second in range(last - seconds + 1, last + 1) if second > 0]
        total: Counter[str] = Counter()
        for counts in rows:
            total.update(counts)
        return {name: count / max(1, len(rows)) for name, count in total.items()}

    def seconds(self) -> tuple[Second, ...]:
        """Return the run, second by second."""
        return tuple(self._second(number) for number in range(1, max(self._rows, default=0) + 1))

    def scores(self, unanswered: int) -> Scores:
        """Return the outcomes of the scores; `unanswered` is how many the workers gave up at the end."""
        totals = self.totals
        answered = totals["improved"] + totals["kept"] + totals["failed"] + totals["over"]
        return Scores(
            scheduled=answered + unanswered,
            improved=totals["improved"],
            kept=totals["kept"],
            failed=totals["failed"],
            over=totals["over"],
            unanswered=unanswered,
        )

    def boards(self) -> tuple[BoardResult, ...]:
        """Return the outcomes of the scores on each board."""
        return tuple(
            BoardResult(
                board=name,
                shown=board.fates["shown"],
                outdone=board.fates["outdone"],
                below=board.fates["below"],
                over=board.fates["over"],
                unsettled=board.awaited,
                versions=board.versions,
                conflation=round(board.changes / board.versions, 3) if board.versions else None,
            )
            for name, board in self._boards.items()
        )

    def tester(self, played: int, left_behind: int) -> OwnLoad:
        """Return what the tester itself took in the measured seconds."""
        measured = [row for second, row in self._rows.items() if self._ramp < second <= played]
        return OwnLoad(
            cpu=round(sum(row.cpu for row in measured) / max(1, len(measured)), 3),
            busiest=round(max((row.busiest for row in measured), default=0), 3),
            lag=round(max((row.lag for row in measured), default=0) * 1000, 1),
            saturated=sum(row.lag > SATURATED_LAG_SECONDS or row.busiest > SATURATED_CPU for row in measured),
            seconds=len(measured),
            left_behind=left_behind,
        )

    def _saw(self, scheduled: float, seconds: float, count: int) -> None:
        self.to_screen.record(scheduled, seconds, count, measured=scheduled >= self._ramp)

    def _answered(self, answer: Answered) -> None:
        counted = {one.board: one for one in answer.boards}
        for name, board in self._boards.items():
            one = counted.get(name)
            board.answered(answer.number, one is not None and one.improved, one.season if one else None)
        self.totals[answer.outcome] += 1
        self._rows[floor(answer.answered) + 1].counts[answer.outcome] += 1
        self._rows[floor(answer.scheduled) + 1].counts["scheduled"] += 1
        if answer.outcome not in ("failed", "over"):
            measured = answer.scheduled >= self._ramp
            due = answer.scheduled
            self.to_answer.record(due, answer.answered - due, 1, measured=measured)
            self.request.record(due, answer.answered - answer.sent, 1, measured=measured)

    def _count(self, worker: int, tick: Tick) -> None:
        row = self._rows[tick.second]
        row.counts.update(tick.counts)
        row.counts["errors"] += sum(tick.errors.values())
        row.cpu += tick.cpu
        row.busiest = max(row.busiest, tick.cpu)
        row.lag = max(row.lag, tick.lag)
        self.totals.update(tick.counts)
        self.errors.update(tick.errors)
        self._broken.update(tick.broken)
        self._live[worker] = tick.live
        self._ticks[worker] = tick.second
        self.ticks = min(self._ticks[worker] for worker in range(self._workers))

    def _match(self, worker: int, tick: Tick) -> None:
        versions, changes = self._so_far()
        for state in tick.states:
            self._boards[state.board].state(worker, state)
        for step in tick.steps:
            self._boards[step.board].step(worker, step)
        versions_now, changes_now = self._so_far()
        self._rows[tick.second].counts["versions"] += versions_now - versions
        self._rows[tick.second].counts["changes"] += changes_now - changes
        self._oldest[worker] = {board: Position(*oldest) for board, oldest in tick.oldest.items()}
        for name, board in self._boards.items():
            board.forget(worker, tick.forgotten)
            oldest = [of_worker[name] for of_worker in self._oldest.values() if name in of_worker]
            board.close(min(oldest, default=None))

    def _so_far(self) -> tuple[int, int]:
        boards = self._boards.values()
        return sum(board.versions for board in boards), sum(board.changes for board in boards)

    def _second(self, number: int) -> Second:
        row = self._rows[number]
        return Second.model_validate(
            {
                "second": number,
                "resyncs": row.counts["gaps"] + row.counts["behind"],
            }
            | {name: row.counts[name] for name in _COUNTED}
            | self.to_screen.second(number)
        )
