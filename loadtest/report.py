"""The report of a run for people: `report.html`, one file that needs nothing beside itself."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loadtest.page import COLOURS, Section, plot, write_page
from loadtest.recorder import SATURATED_CPU, SATURATED_LAG_SECONDS
from loadtest.result import Result, Second

PAGE = "report.html"

_BLUE, _RED, _GREEN, _PURPLE, _YELLOW, _GREY = COLOURS
_TIME = "seconds since the start of play"
_PERCENTILES = (("p50", _BLUE), ("p90", _GREEN), ("p99", _YELLOW), ("max", _RED))

_GAME = ("runs ", "prizes ", "claims ")
"""What the counts of runs and prizes begin with, which stand in the report as they are."""

_Table = list[Sequence[str]]


def write_report(folder: Path, result: Result) -> Path:
    """Write `report.html` into the folder; its path. Raises OSError."""
    path = folder / PAGE
    write_page(path, "Podium load test", summary(result), list(_sections(result)))
    return path


def summary(result: Result) -> list[str]:
    """Return the run in a few sentences."""
    options, verdict, screen, tester = result.options, result.verdict, result.score_to_screen, result.tester
    day = datetime.fromisoformat(result.started_at).strftime("%-d %B %Y, %H:%M UTC")
    lines = [
        f"{day}: {options.players} players and {options.spectators} spectators on"
        f" {len(result.boards)} boards of {result.target['restUrl']}, {options.rate:g} scores per second for"
        f" {options.duration:g} seconds, the first {options.ramp:g} of them to get under way.",
        f"Score to screen: p50 {screen.p50:,.0f} ms, p99 {screen.p99:,.0f} ms, max {screen.max:,.0f} ms"
        f" ({screen.count:,} sightings).",
    ]
    if result.interrupted:
        lines.append("The run was ended early from the terminal.")
    if tester.saturated:
        lines.append(
            f"The tester itself was saturated in {tester.saturated} of {tester.seconds} seconds: a worker's"
            f" event loop was late by more than {SATURATED_LAG_SECONDS * 1000:.0f} ms, or it used more than"
            f" {SATURATED_CPU:g} of a core. Latencies are then the tester's as well, and only an upper bound."
        )
    if tester.left_behind:
        lines.append(f"{tester.left_behind} accounts could not be deleted.")
    if verdict.held:
        lines.append(
            f"The promise held: {verdict.clients} clients show the server's {verdict.boards} boards, entry"
            " for entry, and no gap went unnoticed."
        )
        lines += [line for line in (_seasons_held(result), _runs_held(result)) if line]
    else:
        lines += ["The promise was BROKEN:", *(f"  {what}" for what in verdict.broken)]
    return lines


def _seasons_held(result: Result) -> str:
    if not result.seasons:
        return ""
    scores = sum(season.scores for season in result.seasons)
    prizes = result.totals.get("prizes given", 0)
    held = (
        f"Each of {scores:,} scores is in the one season that its answer named, of {len(result.seasons)}"
        f" seasons, and {prizes:,} prizes were given, each once."
    )
    if result.unjudged:
        held += f" {result.unjudged} players with a score without an answer were left out."
    return held


def _runs_held(result: Result) -> str:
    spent, again = (result.totals.get(name, 0) for name in ("runs spent", "runs spent again"))
    if not spent:
        return ""
    return f"{spent:,} runs were spent, {again:,} of them submitted again, and none counted twice."


def _sections(result: Result) -> Iterable[Section]:
    yield _verdict(result)
    yield _latency(result)
    yield _counts(result)
    yield _boards(result)
    if result.seasons:
        yield _seasons(result)
    yield _tester(result)
    yield _settings(result)


def _verdict(result: Result) -> Section:
    verdict = result.verdict
    text = [
        "What is promised: every client sees each board's versions in order, without gaps, or knows at once"
        " that it must resync; and when the scores stop, every connected client's board equals the table's"
        " top K.",
        "What was checked: every diff was applied to the very version that it starts from and led to the"
        " next; nothing went back; one version was the same on all screens; and at the end each client's"
        " board was compared with the server's, read over REST.",
        "Where boards have seasons, each screen shows the one that is open; past ones, read over REST, show"
        " each player once, with the best score that was accepted in them; and a player's money is what their"
        " prizes make it, each given once.",
    ]
    if verdict.held and verdict.quiet_after is not None:
        text.append(
            f"All screens showed the server's boards {verdict.quiet_after:.1f} seconds after the last answer."
        )
    return Section(f"Verdict: {'held' if verdict.held else 'broken'}", text)


def _latency(result: Result) -> Section:
    measured = {
        "score to screen": result.score_to_screen,
        "score to answer": result.score_to_answer,
        "request alone": result.request,
    }
    rows: _Table = [("milliseconds", "p50", "p90", "p99", "p99.9", "max", "mean", "samples")]
    for name, latency in measured.items():
        values = (latency.p50, latency.p90, latency.p99, latency.p999, latency.max, latency.mean)
        rows.append(
            (name, *(f"{value:,.1f}" if latency.count else "" for value in values), f"{latency.count:,}")
        )
    return Section(
        "Latency",
        [
            "Score to screen: from the moment at which a Poisson process scheduled a score until a client"
            " that was watching then showed a board that includes it, or a better one of the same player; one"
            " sample for each score and client. A score that never gets onto a board has none.",
            "A score that has to wait, because the one before it is not answered, is late from its own moment"
            " on, and a client that lost its connection goes on waiting: what the backend delays is never"
            " left out (coordinated omission). Score to answer is measured in the same way; the request alone"
            " is what a tester sees that only looks at what it sends.",
        ],
        [rows],
        [_over_time(result)],
    )


def _over_time(result: Result) -> Markup:
    with plot("Score to screen, by when the score was due", _TIME, "milliseconds") as drawn:
        # Backwards, so that the more telling ones are on top.
        for name, colour in reversed(_PERCENTILES):
            points = [(row.second - 0.5, getattr(row, name)) for row in result.seconds]
            _line(drawn.axes, [(x, y) for x, y in points if y is not None], name, colour)
        _logarithmic(drawn.axes)
        _ramp(drawn.axes, result)
        _legend(drawn.axes, reverse=True)
    return drawn.svg


def _counts(result: Result) -> Section:
    scores, totals, played = result.scores, result.totals, max(1, result.played)
    counted = {
        "scores due": scores.scheduled,
        "accepted, a new best": scores.improved,
        "accepted, no new best": scores.kept,
        "failed": scores.failed,
        "refused, for the season of their run is over": scores.over,
        "never answered": scores.unanswered,
        "frames": totals.get("frames", 0),
        "of these diffs": totals.get("diffs", 0),
        "of these snapshots": totals.get("snapshots", 0),
        "kilobytes of frames": round(totals.get("bytes", 0) / 1024),
        "connections opened": totals.get("opened", 0),
        "left politely": totals.get("left", 0),
        "vanished (TCP connection dropped)": totals.get("vanished", 0),
        "lost (not by the client)": totals.get("lost", 0),
        "reconnected after a loss": totals.get("reconnects", 0),
        "gaps noticed": totals.get("gaps", 0),
        "answers found to be behind": totals.get("behind", 0),
        "diffs that came while an answer was awaited": totals.get("early", 0),
        "diffs that were not new": totals.get("ignored", 0),
        "boards that turned to the next season": totals.get("turns", 0),
        "asked after a turn": totals.get("asked after a turn", 0),
        **{name: count for name, count in sorted(totals.items()) if name.startswith(_GAME)},
        **{f"error: {kind}": count for kind, count in sorted(result.errors.items())},
    }
    rows: _Table = [("", "in all", "a second")]
    rows += [(name, f"{count:,}", f"{count / played:,.1f}") for name, count in counted.items()]
    return Section(
        "Scores, frames, connections and errors",
        ["A gap that is noticed is no error: the client subscribes again, and so keeps the promise."],
        [rows],
        [
            _lines(
                result,
                "Scores submitted",
                "scores per second",
                ("due", _GREY, lambda row: row.scheduled),
                ("accepted", _BLUE, lambda row: row.improved + row.kept),
                ("failed", _RED, lambda row: row.failed),
            ),
            _lines(
                result,
                "Frames received by all clients",
                "frames per second",
                ("frames", _BLUE, lambda row: row.frames),
            ),
            _lines(
                result,
                "Connections, errors and resyncs",
                "events per second",
                ("opened", _GREEN, lambda row: row.opened),
                ("lost", _YELLOW, lambda row: row.lost),
                ("errors", _RED, lambda row: row.errors),
                ("resyncs", _BLUE, lambda row: row.resyncs),
            ),
        ],
    )


def _boards(result: Result) -> Section:
    rows: _Table = [
        (
            *("board", "shown", "outdone", "below the top", "season over", "unsettled", "versions"),
            "scores per version",
        )
    ]
    rows += [
        (
            board.board,
            *(f"{n:,}" for n in (board.shown, board.outdone, board.below, board.over)),
            *(f"{n:,}" for n in (board.unsettled, board.versions)),
            "" if board.conflation is None else f"{board.conflation:.2f}",
        )
        for board in result.boards
    ]
    return Section(
        "Boards",
        [
            "An accepted best ends up on the screens; or it is outdone by a better one of the same player"
            " before anybody sees it; or it is below the top K; or its season is over before a screen shows"
            " it. Where scores come faster than versions are published, a version shows several at once"
            " (conflation): so frames stay few when a board is busy."
        ],
        [rows],
    )


def _seasons(result: Result) -> Section:
    rows: _Table = [("board", "season", "scores accepted", "players")]
    rows += [
        (season.board, str(season.season), f"{season.scores:,}", f"{season.players:,}")
        for season in result.seasons
    ]
    return Section(
        "Seasons",
        [
            "The season of a score is the one in which the server received it, or in which its run began, and"
            " the answer says which. At the end the board of each season was read over REST."
        ],
        [rows],
    )


def _tester(result: Result) -> Section:
    tester = result.tester
    return Section(
        "The tester itself",
        [
            f"It used {tester.cpu:.2f} cores on average, its busiest worker {tester.busiest:.2f} at most; the"
            f" most that a loop was late was {tester.lag:.1f} ms. Where backend and tester share a machine,"
            " they take time from each other.",
        ],
    )


def _settings(result: Result) -> Section:
    options = result.options.model_dump(mode="json", by_alias=False)
    machine = result.machine
    rows: _Table = [("option", "value")]
    rows += [(f"--{name.replace('_', '-')}", _text(value)) for name, value in options.items()]
    rows += result.target.items()
    rows += [
        ("system", machine.system),
        ("processor", machine.processor),
        ("cores", str(machine.cores)),
        ("memory", f"{machine.memory / 2**30:.1f} GiB" if machine.memory else "unknown"),
        *machine.versions.items(),
    ]
    return Section("Settings, target and machine", [], [rows])


_Line = tuple[str, str, Callable[[Second], float | None]]


def _lines(result: Result, title: str, unit: str, *lines: _Line) -> Markup:
    with plot(title, _TIME, unit) as drawn:
        for label, colour, value in lines:
            points = [(row.second - 0.5, y) for row in result.seconds if (y := value(row)) is not None]
            _line(drawn.axes, points, label, colour)
        # Nothing at all is a line at the bottom.
        drawn.axes.set_ylim(0, None if drawn.axes.dataLim.y1 > 0 else 1)
        drawn.axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
        drawn.axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.6g}"))
        _ramp(drawn.axes, result)
        _legend(drawn.axes)
    return drawn.svg


def _line(axes: Axes, points: Sequence[tuple[float, float]], label: str, colour: str) -> None:
    axes.plot([x for x, _ in points], [y for _, y in points], color=colour, label=label, linewidth=1.2)


def _ramp(axes: Axes, result: Result) -> None:
    """Shade what is not measured: the ramp, and the time after the play."""
    last = len(result.seconds)
    axes.set_xlim(0, max(1, last))
    axes.axvspan(0, result.options.ramp, color=_GREY, alpha=0.1, linewidth=0)
    if last > result.played:
        axes.axvspan(result.played, last, color=_GREY, alpha=0.1, linewidth=0)


def _logarithmic(axes: Axes) -> None:
    if not math.isfinite(axes.dataLim.minposy):
        return  # There is nothing above zero to take a logarithm of.
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.6g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda y, _: f"{y:,.6g}" if str(y)[0] in "25" else ""))


def _legend(axes: Axes, *, reverse: bool = False) -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, reverse=reverse)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
