"""The report, as a file for programs and as a page for people."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic import ValidationError

from loadtest import machine
from loadtest.latencies import Latencies
from loadtest.options import Options
from loadtest.report import write_report
from loadtest.result import (
    SCHEMA,
    BoardResult,
    OwnLoad,
    Result,
    Scores,
    SeasonResult,
    Second,
    Verdict,
    read_result,
    write_result,
)

COUNTS = {
    name: 3
    for name, field in Second.model_fields.items()
    if field.annotation is int and name not in ("second", "failed")
}


def result(
    *, seconds: int = 60, samples: int = 1_000, broken: tuple[str, ...] = (), saturated: int = 0
) -> Result:
    """Return a run with something in every part."""
    latencies = Latencies()
    for number in range(samples):
        latencies.record(0.0, 0.001 * (number + 1), 1, measured=True)
    rows = tuple(
        Second(second=number, p50=40.0 + number, p90=80.0, p99=160.0 * number, max=900.0)
        for number in range(1, seconds + 1)
    )
    return Result(
        started_at="2026-11-24T12:00:00+00:00",
        interrupted=False,
        played=50,
        options=Options.model_validate({"duration": 50, "boards": ["forest", "global"]}),
        target={"restUrl": "http://127.0.0.1:8000", "webSocketUrl": "ws://127.0.0.1:8001/local"},
        machine=machine.describe(),
        verdict=Verdict(
            held=not broken, broken=broken, clients=220, boards=2, quiet_after=None if broken else 0.7
        ),
        score_to_screen=latencies.whole(),
        score_to_answer=latencies.whole(),
        request=latencies.whole(),
        scores=Scores(scheduled=300, improved=180, kept=60, failed=30, unanswered=30),
        boards=(
            BoardResult(
                board="forest", shown=90, outdone=8, below=2, unsettled=0, versions=70, conflation=1.4
            ),
            BoardResult(
                board="global", shown=0, outdone=0, below=0, unsettled=0, versions=0, conflation=None
            ),
        ),
        totals={"frames": 24_000, "bytes": 5_400_000, "diffs": 23_400, "snapshots": 600, "gaps": 60},
        errors={"connection lost: <closed> & 1001": 60},
        seconds=tuple(row.model_copy(update=COUNTS) for row in rows),
        tester=OwnLoad(cpu=0.25, busiest=0.3, lag=3.0, saturated=saturated, seconds=50, left_behind=1),
    )


def empty() -> Result:
    """Return a run in which nothing happened."""
    run = result(seconds=0, samples=0)
    return run.model_copy(update={"totals": {}, "errors": {}, "boards": ()})


class Page(HTMLParser):
    """What a page says, and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.tags: list[str] = []
        self.said = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.said += data


def page(folder: Path, run: Result) -> Page:
    text = write_report(folder, run).read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", text)
    return Page(text)


@pytest.mark.parametrize(
    "run", [result(), empty(), result(seconds=1, samples=1)], ids=["full", "empty", "one"]
)
def test_page_needs_nothing_beside_itself_and_has_every_plot(run: Result, tmp_path: Path) -> None:
    shown = page(tmp_path, run)
    assert not {"script", "link", "img", "iframe"} & set(shown.tags)
    assert all(reference.startswith("#") for reference in shown.references)
    for title in (
        *("Score to screen, by when the score was due", "Scores submitted"),
        *("Frames received by all clients", "Connections, errors and resyncs"),
    ):
        assert title in shown.said
    assert shown.tags.count("svg") == 4


def test_page_says_what_was_found(tmp_path: Path) -> None:
    shown = page(tmp_path, result()).said
    assert "The promise held" in shown
    assert "connection lost: <closed> & 1001" in shown
    assert "saturated" not in shown
    assert "1 accounts could not be deleted" in shown
    assert "500 ms" in shown


def test_page_says_what_came_of_seasons_runs_and_prizes(tmp_path: Path) -> None:
    assert "Seasons" not in page(tmp_path, result()).said
    seasons = tuple(SeasonResult(board="week", season=n, scores=20, players=6) for n in (3, 4))
    totals = {"runs begun": 44, "runs spent": 40, "runs spent again": 4, "prizes given": 7, "turns": 200}
    shown = page(tmp_path, result().model_copy(update={"seasons": seasons, "totals": totals, "unjudged": 2}))
    said = shown.said
    assert "Each of 40 scores is in the one season that its answer named, of 2 seasons, and 7 prizes" in said
    assert "2 players with a score without an answer were left out." in said
    assert "40 runs were spent, 4 of them submitted again, and none counted twice." in said
    for counted in ("runs begun", "prizes given", "boards that turned to the next season", "Seasons"):
        assert counted in said


def test_page_says_what_was_broken(tmp_path: Path) -> None:
    shown = page(tmp_path, result(broken=("forest: a gap went <unnoticed>",), saturated=4)).said
    assert "The promise was BROKEN" in shown
    assert "forest: a gap went <unnoticed>" in shown
    assert "was saturated in 4 of 50 seconds" in shown
    assert "The promise held" not in shown


def test_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = result()
    write_result(tmp_path / "new" / "folder", run)
    assert read_result(tmp_path / "new" / "folder") == run
    text = (tmp_path / "new" / "folder" / "report.json").read_text(encoding="utf-8")
    assert f'"schema": {SCHEMA}' in text
    for name in ("scoreToScreen", "p50", "p99", "quietAfter", "startedAt"):
        assert f'"{name}"' in text
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ValidationError):
        read_result(tmp_path)
