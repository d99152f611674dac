"""What workers report, as numbers: latencies, counts by the second, what became of scores."""

import random

import pytest

from loadtest.latencies import Latencies
from loadtest.messages import Answered, Attempted, ShownState, ShownStep, Tick
from loadtest.recorder import SATURATED_CPU, SATURATED_LAG_SECONDS, Recorder
from loadtest.screens import TICKS

OTHERS = {"grace": 900}


def recorder(workers: int = 1, ramp: float = 0.0) -> Recorder:
    return Recorder({"forest": "desc", "global": "desc"}, ramp, workers)


def tick(
    second: int, *, version: int | None = None, worker_lag: float = 0.0, cpu: float = 0.1, **more: object
) -> Tick:
    """Return a tick; with a version, screens are at that version of the forest, which is also its number."""
    values: dict[str, object] = {
        "second": second,
        "live": 3,
        "counts": {},
        "errors": {},
        "broken": {},
        "states": [],
        "steps": [],
        "oldest": {} if version is None else {"forest": (1, version)},
        "forgotten": [],
        "lag": worker_lag,
        "cpu": cpu,
    }
    return Tick.model_validate(values | more)


def state(version: int, **scores: int) -> ShownState:
    shown = OTHERS | scores
    return ShownState(
        number=version, board="forest", epoch=1, version=version, size=50, digest=str(shown), scores=shown
    )


def step(before: int, after: int, *seen: tuple[int, float, int]) -> ShownStep:
    ticks = [(since, round(at * TICKS), count) for since, at, count in seen]
    return ShownStep(board="forest", before=before, after=after, seen=ticks)


def attempted(number: int, scheduled: float, **points: int) -> Attempted:
    return Attempted(number=number, user_id="ada", scheduled=scheduled, points=points)


def answered(
    number: int, scheduled: float, outcome: str = "improved", sent: float = 0, at: float = 0
) -> Answered:
    return Answered.model_validate(
        {
            "number": number,
            "user_id": "ada",
            "outcome": outcome,
            "sure": outcome != "failed",
            "area": "forest",
            "points": 700,
            "boards": [
                {"board": board, "points": 700, "improved": outcome == "improved"}
                for board in ("forest", "global")
            ],
            "scheduled": scheduled,
            "sent": sent or scheduled,
            "answered": at or scheduled + 0.1,
        }
    )


def play(book: Recorder, scheduled: float, shown_at: float) -> None:
    """One score, accepted and shown on two screens."""
    book.hear(0, tick(1, version=1, states=[state(1)]))
    book.hear(0, attempted(1, scheduled, forest=700))
    book.hear(0, answered(1, scheduled))
    seen = step(1, 2, (0, shown_at, 2))
    book.hear(0, tick(2, version=2, states=[state(2, ada=700)], steps=[seen]))
    book.close()


def test_a_score_that_is_shown_is_in_the_whole_and_in_the_second_it_was_due() -> None:
    book = recorder()
    play(book, scheduled=1.25, shown_at=1.75)
    whole = book.to_screen.whole()
    assert whole.count == 2
    assert whole.p50 == pytest.approx(500, rel=0.001)
    first, second = book.seconds()
    assert first.p50 is None
    assert second.p50 == pytest.approx(500, rel=0.01)
    assert second.p99 == second.max == second.p50
    [forest, everything] = book.boards()
    assert (forest.shown, forest.versions, forest.conflation) == (1, 1, 1.0)
    assert (everything.shown, everything.versions, everything.conflation) == (0, 0, None)


def test_the_ramp_is_shown_but_not_measured() -> None:
    book = recorder(ramp=1.5)
    play(book, scheduled=1.25, shown_at=1.75)
    assert book.to_screen.whole().count == book.to_answer.whole().count == book.request.whole().count == 0
    assert book.seconds()[1].p50 == pytest.approx(500, rel=0.01)


def test_a_sighting_that_is_reported_before_its_score_is_matched_all_the_same() -> None:
    """Two workers' reports overtake each other; what was seen waits for a tick."""
    book = recorder(workers=2)
    seen = step(1, 2, (0, 1.5, 3))
    book.hear(1, tick(2, version=2, states=[state(1), state(2, ada=700)], steps=[seen]))
    book.hear(0, attempted(1, 1.25, forest=700))
    book.hear(0, answered(1, 1.25))
    book.hear(0, tick(2))
    book.hear(1, tick(3, version=2))
    assert book.to_screen.whole().count == 3


def test_what_no_screen_has_shown_at_the_end_is_unsettled() -> None:
    book = recorder()
    book.hear(0, tick(1, version=1, states=[state(1)]))
    book.hear(0, attempted(1, 1.0, forest=700))
    book.hear(0, answered(1, 1.0))
    book.hear(0, tick(2, version=1))
    book.close()
    assert book.boards()[0].unsettled == 1


def test_outcomes_are_counted_when_they_come_and_due_when_they_are_due() -> None:
    book = recorder()
    for number, (outcome, scheduled, at) in enumerate(
        [("improved", 0.5, 0.9), ("kept", 0.9, 1.1), ("failed", 1.0, 2.5), ("over", 0.1, 0.2)]
    ):
        book.hear(0, answered(number, scheduled, outcome, at=at))
    rows = [(row.scheduled, row.improved, row.kept, row.failed) for row in book.seconds()]
    assert rows == [(3, 1, 0, 0), (1, 0, 1, 0), (0, 0, 0, 1)]
    scores = book.scores(unanswered=4)
    assert (scores.scheduled, scores.improved, scores.kept, scores.failed, scores.over) == (8, 1, 1, 1, 1)
    assert book.to_answer.whole().count == 2


def test_answer_and_request_differ_by_the_time_in_the_queue() -> None:
    book = recorder()
    book.hear(0, answered(1, 1.0, sent=3.0, at=3.5))
    assert book.to_answer.whole().max == pytest.approx(2_500, rel=0.001)
    assert book.request.whole().max == pytest.approx(500, rel=0.001)


def test_counts_and_errors_of_all_workers_add_up() -> None:
    book = recorder(workers=2)
    for worker in range(2):
        counts = {"frames": 10, "bytes": 100, "gaps": 1, "behind": 2}
        book.hear(worker, tick(1, counts=counts, errors={"connect: no answer": 1}, cpu=0.25))
    book.own(1, 0.5)
    [row] = book.seconds()
    assert (row.frames, row.resyncs, row.errors) == (20, 6, 2)
    assert (book.totals["bytes"], book.totals["gaps"]) == (200, 2)
    assert (book.live, book.cpu, book.ticks) == (6, 1.0, 1)
    assert book.errors == {"connect: no answer": 2}
    assert book.rates(10)["frames"] == 20


def test_a_saturated_tester_is_told() -> None:
    book = recorder(ramp=1.0)
    book.hear(0, tick(1, cpu=1.0))  # of the ramp
    book.hear(0, tick(2, cpu=SATURATED_CPU + 0.01))
    book.hear(0, tick(3, worker_lag=SATURATED_LAG_SECONDS + 0.01))
    book.hear(0, tick(4))
    book.hear(0, tick(5, worker_lag=1.0))  # after the play
    tester = book.tester(played=4, left_behind=2)
    assert (tester.saturated, tester.seconds, tester.left_behind) == (2, 3, 2)
    assert tester.lag == pytest.approx(60)
    assert tester.busiest == pytest.approx(0.91)


def test_what_is_broken_is_told_with_how_often() -> None:
    book = recorder(workers=2)
    book.hear(0, tick(1, broken={"forest: x": 2}, states=[state(1)]))
    book.hear(1, tick(1, broken={"forest: x": 1}, states=[state(1, ada=5)]))
    book.close()
    assert book.broken == [
        "forest: version 1 of epoch 1 is not the same on all screens",
        "forest: x (3 times)",
    ]


def test_percentiles_are_those_of_the_samples() -> None:
    rng = random.Random(7)
    samples = [rng.lognormvariate(-2, 1) for _ in range(5_000)]
    latencies = Latencies()
    for sample in samples:
        latencies.record(0.0, sample, 1, measured=True)
    whole = latencies.whole()
    ordered = sorted(samples)

    def at(percent: float) -> float:
        return 1_000 * ordered[min(len(ordered) - 1, round(percent / 100 * len(ordered)))]

    assert whole.count == len(samples)
    assert whole.p50 == pytest.approx(at(50), rel=0.01)
    assert whole.p90 == pytest.approx(at(90), rel=0.02)
    assert whole.p99 == pytest.approx(at(99), rel=0.05)
    assert whole.max == pytest.approx(1_000 * ordered[-1], rel=0.002)
    assert whole.min == pytest.approx(1_000 * ordered[0], rel=0.002)
    assert whole.mean == pytest.approx(1_000 * sum(samples) / len(samples), rel=0.01)


def test_without_samples_there_is_nothing_to_say() -> None:
    latencies = Latencies()
    assert latencies.whole().count == 0
    assert latencies.second(1) == latencies.recent(0) == {}


def test_recent_is_from_the_second_on() -> None:
    latencies = Latencies()
    for second in range(10):
        latencies.record(second + 0.5, (second + 1) / 1000, 1, measured=True)
    assert latencies.recent(10)["max"] == pytest.approx(10, rel=0.02)
    assert latencies.recent(6)["p50"] == pytest.approx(8, rel=0.02)
