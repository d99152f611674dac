"""The tables of `python -m cost`: rows of text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from cost.crowd import CrowdStudy, Outcome
from cost.levers import Levers
from cost.month import Bill
from cost.prices import Price, Prices
from cost.quotas import Reached
from cost.study import Study
from cost.workload import Workload

_PER = {1_000: "1,000", 1_000_000: "M"}


@dataclass(frozen=True)
class Row:
    """Cells of text. A `strong` row is to be seen first."""

    cells: tuple[str, ...]
    strong: bool = False


def _table(title: str, head: Sequence[str], rows: Iterable[Row]) -> Table:
    """Return a table: words in the first column, figures in the others."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for place, name in enumerate(head):
        shown.add_column(name, justify="left" if place == 0 else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*map(Text, row.cells), style="bold green" if row.strong else None)
    return shown


def usd(value: float) -> str:
    """Return dollars as text: with cents below a thousand."""
    return f"${value:,.2f}" if value < 1000 else f"${value:,.0f}"


def more(value: float) -> str:
    """Return a difference in dollars, with its sign."""
    if abs(value) < 0.005:
        return "±$0"
    return f"{'+' if value > 0 else '-'}{usd(abs(value))}"


def amount(value: float) -> str:
    """Return a count: whole below a million, then millions (M) and billions (G) with three figures."""
    for size, name in ((1e9, " G"), (1e6, " M")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.3g}{name}" if scaled < 999.5 else f"{scaled:,.0f}{name}"
    return f"{value:.2g}" if 0 < value < 9.95 else f"{value:,.0f}"


def seconds(value: float) -> str:
    """Return a time: milliseconds, seconds, minutes or hours."""
    if value >= 7200:
        return f"{value / 3600:,.0f} h"
    if value >= 600:
        return f"{value / 60:,.0f} min"
    if value >= 10:
        return f"{value:,.0f} s"
    if value >= 0.0995:
        return f"{value:.1f} s"
    return f"{value * 1000:.0f} ms"


def share(value: float) -> str:
    """Return a part of a whole, to two figures where it is small."""
    if 0 < value < 0.0005:
        return "< 0.1 %"
    if value >= 10:
        return f"{value:,.0f} times"
    return f"{value * 100:.1f} %" if 0 < value < 0.0995 else f"{value * 100:,.0f} %"


def players(count: int | None) -> str:
    """Return a number of players; three figures are as many as the model knows."""
    if count is None:
        return "out of reach"
    if count >= 1_000_000:
        return amount(count)
    return f"{round(count, -max(0, len(str(count)) - 3)):,}"


def value(given: object) -> str:
    """Return an input as it was given, or as it is by default."""
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        return f"{given:,.0f}" if given >= 1000 else f"{given:.4g}"
    return f"{given:,}" if isinstance(given, int) else str(given)


def summary(study: Study) -> list[str]:
    """Return the study in a few sentences."""
    dearest = max(study.bill.lines, key=lambda line: line.usd)
    cheapest = min(study.levers.changed, key=lambda lever: lever.calm.usd)
    saved = study.levers.given.calm.usd - cheapest.calm.usd
    first = study.quotas[0]
    return [
        f"The largest part is {dearest.service}: {amount(dearest.quantity)} {dearest.unit},"
        f" {usd(dearest.usd)}. Of the settings below, one saves most: {cheapest.name}, {usd(saved)}.",
        f"The first quota that the game reaches is that of {first.quota}, with {players(first.players)}"
        f" players. What helps: {first.help}.",
        f"List prices of {study.prices.region}, read from {study.prices.oldest} to {study.prices.newest}.",
    ]


def bill_table(workload: Workload, month: Bill, prices: Prices) -> Table:
    """Return the month, line by line."""
    dearest = max(month.lines, key=lambda line: line.usd)
    rows = [
        Row(
            (
                f"{line.service}: {line.unit}",
                amount(line.quantity),
                list_price(prices.named[line.price], line.quantity),
                usd(line.usd),
                share(line.usd / month.usd) if month.usd else "",
            ),
            strong=line is dearest,
        )
        for line in month.lines
    ]
    rows.append(Row(("All of it", "", "", usd(month.usd), share(1)), strong=True))
    rows.append(Row(("A thousand players", "", "", usd(month.usd / workload.players * 1000), "")))
    return _table(
        f"A month for {workload.players:,} players",
        ("service", "a month", "list price", "USD", "share"),
        rows,
    )


def growth_table(growth: Mapping[int, Bill]) -> Table:
    """Return the bill by service, by the number of players."""
    services = next(iter(growth.values())).by_service
    each = (usd(month.usd / players * 1000) for players, month in growth.items())
    return _table(
        "USD per month as players grow",
        ("service", *(f"{players:,}" for players in growth)),
        [
            *(Row((name, *(usd(month.by_service[name]) for month in growth.values()))) for name in services),
            Row(("All of it", *(usd(month.usd) for month in growth.values())), strong=True),
            Row(("A thousand players", *each)),
        ],
    )


def quota_table(found: Sequence[Reached]) -> Table:
    """Return the quotas, the first that is reached at the front."""
    return _table(
        "Quotas of the account, at the busiest moment",
        ("quota", "limit", "used", "players"),
        [
            Row((one.quota, limit(one), share(one.used), players(one.players)), one is found[0])
            for one in found
        ],
    )


def lever_table(found: Levers, *, busy: bool) -> Table:
    """Return what each setting buys: with boards as given or derived, or all of them `busy`."""
    all_ = (found.given, *found.changed)
    effects = {lever.name: lever.busy if busy else lever.calm for lever in all_}
    given = effects[found.given.name]
    rows = []
    for name, effect in effects.items():
        difference = "" if effect is given else more(effect.usd - given.usd)
        cells: tuple[str, ...] = (name, usd(effect.usd), difference, amount(effect.pushes))
        if busy:
            cells += (seconds(effect.last_seconds), players(effect.players))
        rows.append(Row(cells, effect is given))
    return _table(
        "The same, if every score changed its boards" if busy else "What each setting buys a month",
        ("setting", "USD", "against\ngiven", "pushes", *(("last\nclient", "players") if busy else ())),
        rows,
    )


def window_table(found: CrowdStudy) -> Table:
    """Return what clients see, by policy and window."""
    return _table(
        f"{found.crowd.subscribers:,} clients at one board, {found.quota:,.0f} requests per second",
        ("policy, window", *_OUTCOME_HEAD),
        [
            Row(
                (f"{outcome.policy}, {outcome.window:g} s", *_outcome(outcome)),
                strong=outcome.policy == "conflated" and outcome.window == found.window,
            )
            for outcome in found.by_window
        ],
    )


def requests_table(found: CrowdStudy) -> Table:
    """Return what a raised quota does."""
    return _table(
        "The same, conflated, with a quota that AWS has raised",
        ("requests\na second", "a\nfan-out", *_OUTCOME_HEAD),
        [
            Row(
                (f"{outcome.quota:,.0f}", seconds(outcome.fanout_seconds), *_outcome(outcome)),
                strong=outcome.quota == found.quota,
            )
            for outcome in found.by_quota
        ],
    )


def option(name: str) -> str:
    """Return an input's name on the command line."""
    return f"--{name.replace('_', '-')}"


def limit(one: Reached) -> str:
    """Return a quota's limit with its unit."""
    space = "" if one.unit.startswith("/") else " "
    return f"{amount(one.limit)}{space}{one.unit}"


def list_price(price: Price, quantity: float) -> str:
    """Return the prices that a quantity falls under, the allowance apart."""
    paid = price.without_allowance().tiers
    lower = 0.0
    used: list[float] = []
    for tier in price.tiers:
        if tier in paid and (quantity > lower or not used):
            used.append(tier.usd)
        lower = tier.up_to
    return f"{' … '.join(_number(value) for value in dict.fromkeys(used))}{_per(price)}"


_OUTCOME_HEAD = (
    "versions",
    "versions\na push",
    "stale:\nmean",
    "\np50",
    "\np99",
    "wait:\nmean",
    "\np99",
)


def _outcome(outcome: Outcome) -> tuple[str, ...]:
    return (
        f"{outcome.versions:,}",
        f"{outcome.versions_a_push:,.3g}",
        seconds(outcome.staleness.mean),
        seconds(outcome.staleness.p50),
        seconds(outcome.staleness.p99),
        seconds(outcome.wait.mean),
        seconds(outcome.wait.p99),
    )


def _per(price: Price) -> str:
    return "" if price.per == 1 else f"/{_PER.get(price.per, f'{price.per:,}')}"


def _number(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".") if value < 0.01 else f"{value:g}"
