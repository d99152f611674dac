"""The page of `python -m cost`: the tables, with plots of what they cannot show."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, product
from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from cost import tables
from cost.crowd import FEWEST_SUBSCRIBERS, WINDOWS, CrowdStudy
from cost.growth import Point
from cost.levers import Lever, Levers, busiest
from cost.quotas import PUSHES, QUOTAS
from cost.rates import Rates, rates
from cost.study import Study
from cost.tables import Row, Table
from reports.page import COLOURS, Plot, Section, plot, write_page

LEFT_OUT = (
    "Left out: taxes, support plans and discounts; WAF, CodeBuild, CodePipeline and ECR; a domain and its"
    " certificate; transfer between Regions; backups; X-Ray and queries of the logs; cold starts, retries and"
    " attacks. docs/cost.md says how each line is counted."
)

_INK = "#22303a"
_STYLES = tuple((colour, line) for line, colour in product(("-", "--"), COLOURS))


def write(path: Path, study: Study) -> None:
    """Write the page."""
    write_page(
        path,
        f"A month of Podium on AWS: {tables.usd(study.bill.usd)} for {study.workload.players:,} players",
        summary(study),
        [
            Section("The bill", _about(study), [_cells(_bill_table(study))]),
            Section(
                "As players grow",
                [
                    "The same game with other numbers of players. A lookup of one's own rank reads every row"
                    " above it, so that part grows with the square of the players."
                ],
                [_cells(tables.growth_table(study.growth))],
                [_cost_plot(study.growth), _each_plot(study.growth)],
            ),
            Section(
                "Quotas of the account",
                [
                    "Beyond API Gateway's requests, changes only arrive later: pushes wait and are conflated."
                    " Beyond the others, players are turned away.",
                    "A partition of DynamoDB holds a board's rows; it splits by itself when it stays hot, but"
                    " for a single row. In the plot, “most” is where every score changes its boards.",
                ],
                [_cells(tables.quota_table(study.workload, study.quotas))],
                [_quota_plot(study.growth)],
            ),
            Section(
                "What each setting buys",
                ["With boards that change as often as above: the game as given, and with one thing changed."],
                [_cells(tables.calm_table(study.levers))],
            ),
            Section(
                "What each setting buys where boards never rest",
                [
                    "The same if every score changed its boards, which is the most there can be. The last"
                    " client has a change so long after it at the busiest moment; that many players fill API"
                    " Gateway's quota with their requests and pushes.",
                ],
                [_cells(tables.busy_table(study.levers))],
                [_lever_plot(study.levers)],
            ),
            *_crowd_sections(study.crowd),
            Section("Inputs", [], [_cells(tables.input_table(study))]),
            Section("Prices", [LEFT_OUT], [_cells(tables.price_table(study.prices))]),
        ],
    )


def summary(study: Study) -> list[str]:
    """Return the study in a few sentences."""
    dearest = max(study.bill.lines, key=lambda line: line.usd)
    cheapest = min(study.levers.changed, key=lambda lever: lever.calm.usd)
    saved = study.levers.given.calm.usd - cheapest.calm.usd
    first = study.quotas[0]
    return [
        f"The largest part is {dearest.service}: {tables.amount(dearest.quantity)} {dearest.unit},"
        f" {tables.usd(dearest.usd)}. Of the settings below, one saves most: {cheapest.name},"
        f" {tables.usd(saved)}.",
        f"The first quota that the game reaches is that of {first.quota.title}, with"
        f" {tables.players(first.players)} players. What helps: {first.quota.help}.",
        f"List prices of {study.prices.region}, read from {study.prices.oldest} to {study.prices.newest}.",
    ]


def _about(study: Study) -> list[str]:
    workload = study.workload
    mean, peak = study.bill.mean, rates(workload, workload.peak_factor)
    return [
        f"On average {tables.amount(mean.connected)} clients are connected, {tables.amount(peak.connected)}"
        f" at the busiest moment; {_rate(mean.scores)} scores and {_rate(mean.rest_requests)} REST requests a"
        f" second, {_rate(peak.scores)} and {_rate(peak.rest_requests)} at the busiest.",
        f"Of the scores {tables.share(study.shares.improving)} are their player's best, and"
        f" {tables.share(study.shares.changing)} change the top {workload.top}: {_versions(mean)}.",
        LEFT_OUT,
    ]


def _rate(value: float) -> str:
    return f"{value:,.2g}" if value < 10 else f"{value:,.0f}"


def _versions(mean: Rates) -> str:
    return (
        f"{_rate(mean.versions * 3600)} versions per hour of all boards together, and"
        f" {_rate(mean.pushes)} pushes per second"
    )


def _bill_table(study: Study) -> Table:
    return tables.bill_table(study.workload, study.bill, study.prices)


def _cells(table: Table) -> list[tuple[str, ...]]:
    return [table.head, *(_row(row) for row in table.rows)]


def _row(row: Row) -> tuple[str, ...]:
    cells = row.cells
    if row.strong:
        cells = tuple(Markup("<strong>{}</strong>").format(cell) for cell in cells)
    if row.note:
        first = Markup('{}<br><small style="color:var(--quiet)">{}</small>').format(cells[0], row.note)
        cells = (first, *cells[1:])
    return cells


@contextmanager
def _wide_plot(title: str, x: str, y: str) -> Iterator[Plot]:
    """Yield a plot with its legend beside it, and room for both."""
    with plot(title, x, y) as drawn:
        yield drawn
        drawn.axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def _logarithmic(axes: Axes, counts: Sequence[int], y: str = "") -> None:
    """Make the x axis (players or clients) logarithmic; plain numbers on both axes, on y after `y`."""
    axes.set(xscale="log", xlim=(counts[0], counts[-1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{y}{value:,.10g}"))
    axes.minorticks_off()


def _cost_plot(points: Sequence[Point]) -> Markup:
    counts = [point.workload.players for point in points]
    with _wide_plot("Cost by service", "players", "USD per month") as drawn:
        axes = drawn.axes
        axes.plot(counts, [point.bill.usd for point in points], color=_INK, linewidth=2.2, label="all of it")
        for service, (colour, line) in zip(points[0].bill.by_service, cycle(_STYLES), strict=False):
            axes.plot(
                counts,
                # What costs nothing has no place on a logarithmic axis.
                [point.bill.by_service[service] or np.nan for point in points],
                line,
                color=colour,
                label=service,
            )
        axes.set(yscale="log", ylim=(0.1, None))
        _logarithmic(axes, counts, "$")
    return drawn.svg


def _each_plot(points: Sequence[Point]) -> Markup:
    counts = [point.workload.players for point in points]
    with plot("Cost of a thousand players", "players", "USD per month") as drawn:
        axes = drawn.axes
        axes.plot(counts, [point.bill.usd / point.workload.players * 1000 for point in points], color=_INK)
        axes.set(ylim=(0, None))
        _logarithmic(axes, counts, "$")
    return drawn.svg


def _quota_plot(points: Sequence[Point]) -> Markup:
    counts = [point.workload.players for point in points]
    used = {quota.title: [quota.used(point.workload) * 100 for point in points] for quota in QUOTAS}
    used[f"{PUSHES.title}, most"] = [PUSHES.used(busiest(point.workload)) * 100 for point in points]
    # In the order in which their lines end, without those that a million players hardly touch.
    titles = sorted((title for title in used if used[title][-1] >= 1), key=lambda title: -used[title][-1])
    with _wide_plot("Quotas used at the busiest moment", "players", "percent of the quota") as drawn:
        axes = drawn.axes
        axes.axhline(100, color=_INK, linewidth=1.2)
        for title, (colour, line) in zip(titles, cycle(_STYLES), strict=False):
            axes.plot(counts, used[title], line, color=colour, label=title)
        axes.set(yscale="log", ylim=(0.01, None))
        _logarithmic(axes, counts)
    return drawn.svg


def _lever_plot(found: Levers) -> Markup:
    def saved(lever: Lever, which: str) -> float:
        changed, given = getattr(lever, which), getattr(found.given, which)
        return float(changed.usd - given.usd)

    places = np.arange(len(found.changed))
    with plot("Against the game as given", "USD per month more or less", "") as drawn:
        axes = drawn.axes
        for offset, which, label, colour in (
            (-0.2, "calm", "boards as they change", COLOURS[0]),
            (0.2, "busy", "every score changes a board", COLOURS[1]),
        ):
            axes.barh(
                places + offset,
                [saved(lever, which) for lever in found.changed],
                0.38,
                color=colour,
                label=label,
            )
        axes.axvline(0, color=_INK, linewidth=0.8)
        axes.set_yticks(places, [lever.name for lever in found.changed])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tables.more(value)))
        axes.legend(loc="best", frameon=False)
        axes.grid(visible=False, axis="y")
    return drawn.svg


def _crowd_sections(found: CrowdStudy) -> Iterator[Section]:
    crowd = found.crowd
    room = found.quota * (1 - crowd.rest_share) / crowd.crowded_boards
    yield Section(
        f"{crowd.subscribers:,} clients at one board",
        [
            f"A simulation of an event: {crowd.changes_per_second:g} scores per second change the top K for"
            f" {crowd.event_minutes:g} minutes, and API Gateway has {room:,.0f} requests per second for the"
            f" pushes of each crowded board ({crowd.crowded_boards:,}); the rest of the {found.quota:,.0f}"
            " goes to everything else.",
            "A client is stale by the age of the oldest version that it has not got. Pushed one by one,"
            " versions queue up, and clients fall behind for as long as the event lasts: a wait of hours"
            " means that the queue is worked off long after the end. Conflated, as Podium does it, no client"
            " waits for more than two fan-outs, however many scores there are. The window hardly matters"
            " then; only a higher quota helps.",
        ],
        [_cells(tables.window_table(found))],
        [_course_plot(found), _size_plot(found)],
    )
    yield Section(
        "The same with a quota that AWS has raised",
        [f"Conflated; {tables.share(1 - crowd.rest_share)} of the requests are left for the pushes."],
        [_cells(tables.requests_table(found))],
    )


def _course_plot(found: CrowdStudy) -> Markup:
    title = f"Staleness in the course of the event, window {found.window:g} s"
    with _wide_plot(title, "minutes", "seconds") as drawn:
        axes = drawn.axes
        for course, colour in zip(found.courses, (COLOURS[1], COLOURS[0]), strict=True):
            axes.plot(course.minutes, course.p50, color=colour, label=f"{course.policy}, p50")
            axes.plot(course.minutes, course.p99, "--", color=colour, label=f"{course.policy}, p99")
        axes.set(xlim=(0, found.crowd.event_minutes), ylim=(0, None))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return drawn.svg


def _size_plot(found: CrowdStudy) -> Markup:
    lines = [
        (f"one by one, window {found.window:g} s", found.one_by_one_by_size, "--", COLOURS[1]),
        *(
            (f"conflated, window {window:g} s", outcomes, "-", colour)
            for window, outcomes, colour in zip(
                WINDOWS, found.by_size, (COLOURS[0], *COLOURS[2:]), strict=False
            )
        ),
    ]
    with _wide_plot("From a change to a client's screen", "subscribers", "seconds, p99") as drawn:
        axes = drawn.axes
        for label, outcomes, line, colour in lines:
            axes.plot(
                [outcome.event.subscribers for outcome in outcomes],
                [outcome.event.gathering_seconds + outcome.wait.p99 for outcome in outcomes],
                line,
                color=colour,
                label=label,
            )
        axes.set(yscale="log")
        _logarithmic(axes, (FEWEST_SUBSCRIBERS, found.crowd.subscribers))
    return drawn.svg
