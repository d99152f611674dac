"""The findings of a run, as `report.json` has them: the numbers behind every plot of `report.html`.

    python -m loadtest --out DIR …
    DIR/report.json: {"scoreToScreen": {"count": …, "p50": …, "p99": …, "max": …}, "verdict": …}

Latencies are in milliseconds, times in seconds since the start of play. `read_result` reads a file.
"""

from pathlib import Path

from pydantic import Field

from game.model import Model
from loadtest.options import Options

SCHEMA = 2
"""Counts up when a field changes its meaning or goes away."""

REPORT = "report.json"


class Latency(Model):
    """A distribution, in milliseconds; all 0 where `count` is 0. Exact to 0.1 percent, and to 0.1 ms."""

    count: int
    min: float
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Verdict(Model):
    """The judgement whether the promise held. `broken` says what did not, a sentence each."""

    held: bool
    broken: tuple[str, ...]
    clients: int
    """Clients that were connected at the end, and whose boards were compared with the server's."""
    boards: int
    quiet_after: float | None
    """Seconds from the last score's answer until every screen showed the server's board; None: never."""


class Scores(Model):
    """The outcomes of the scores that players were due to submit."""

    scheduled: int
    improved: int
    """Accepted, and the player's best."""
    kept: int
    """Accepted, but no better than the player's best: they change nothing."""
    failed: int
    over: int = 0
    """Refused: submitted after the season in which their run began, and its grace."""
    unanswered: int
    """Not submitted, or without an answer, when the wait at the end was over."""


class BoardResult(Model):
    """One board: the outcomes of the improved scores on it, and what it took to show them."""

    board: str
    shown: int
    outdone: int
    """Accepted, but only a better one of the same player was ever on a screen."""
    below: int
    """Accepted, but not among the top K."""
    over: int = 0
    """Accepted, but their season was over before a screen showed it."""
    unsettled: int
    """Accepted, and at the end of the run still not on every screen."""
    versions: int
    """Versions published during the run."""
    conflation: float | None
    """Scores that changed the board for each version; None without a version."""


class Second(Model):
    """One second of the run: the one that ends at `second`. Latencies are of the scores SCHEDULED in it."""

    second: int
    scheduled: int = 0
    improved: int = 0
    kept: int = 0
    failed: int = 0
    frames: int = 0
    opened: int = 0
    lost: int = 0
    resyncs: int = 0
    errors: int = 0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None


class OwnLoad(Model):
    """The tester's own load. Where it is saturated, latencies are its own as well."""

    cpu: float
    """Cores used, on average of the measured seconds."""
    busiest: float
    """The most of one core that a worker process used in a second."""
    lag: float
    """Milliseconds that a worker's event loop was late, at most."""
    saturated: int
    """Seconds in which a worker's loop was late by more than 50 ms, or it used more than 0.9 of a core."""
    seconds: int
    """Measured seconds: those after the ramp."""
    left_behind: int
    """Accounts that could not be deleted."""


class Machine(Model):
    """The machine on which the tester ran."""

    system: str
    processor: str
    cores: int
    memory: int | None
    """Bytes."""
    versions: dict[str, str]


class SeasonResult(Model):
    """A season of a board: what was accepted in it, and was compared with the board over REST."""

    board: str
    season: int
    scores: int
    """Accepted scores that counted for it."""
    players: int
    """Players with such a score, each of whom must have one row, with the best of them."""


class Result(Model):
    """A whole run. `totals` counts what clients saw over the whole run, ramp and end included."""

    schema_: int = Field(SCHEMA, alias="schema")
    started_at: str
    """ISO 8601, UTC."""
    interrupted: bool
    played: int
    """Seconds until no more scores were due."""
    options: Options
    target: dict[str, str]
    machine: Machine
    verdict: Verdict
    score_to_screen: Latency
    """From when a score was scheduled until a client's screen showed it, a sample for each score and client.

    Like all latencies here, of the scores scheduled after the ramp.
    """
    score_to_answer: Latency
    """From when a score was scheduled until its request was answered."""
    request: Latency
    """From when the request was sent: without the time that the score waited for its turn."""
    scores: Scores
    boards: tuple[BoardResult, ...]
    seasons: tuple[SeasonResult, ...] = ()
    """Of the boards that have seasons, the oldest first."""
    unjudged: int = 0
    """Players one of whose scores has no answer: it may have counted for a season, or not."""
    totals: dict[str, int]
    errors: dict[str, int]
    seconds: tuple[Second, ...]
    tester: OwnLoad


def read_result(folder: Path) -> Result:
    """Return the result in a run's folder. Raises OSError or pydantic's ValidationError."""
    return Result.model_validate_json((folder / REPORT).read_bytes())


def write_result(folder: Path, result: Result) -> None:
    """Write `report.json` into the folder, which is made where it is missing. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).write_text(result.model_dump_json(by_alias=True, indent=1), encoding="utf-8")
