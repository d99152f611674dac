"""The figures as tables: in the terminal, and as a page of the documentation."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.figure import Figure, number
from bench.sections import SECTIONS, TURNED_DOWN

Outcomes = Mapping[str, list[Figure] | None]
"""The figures of each benchmark that ran; None for one that failed."""


def verdicts(name: str, figures: Sequence[Figure]) -> list[str]:
    """Return a benchmark's targets, each in a sentence: met or missed, and by what."""
    return [target.verdict(figures) for target in SECTIONS[name].targets]


def to_table(name: str, figures: Sequence[Figure]) -> Table:
    """Return a benchmark's figures for the terminal."""
    table = Table(title=SECTIONS[name].title)
    for heading in ("case", "unit", "ours", "peer", "", "ratio"):
        table.add_column(heading, justify="left" if heading in ("case", "unit", "peer") else "right")
    for figure in figures:
        table.add_row(
            figure.case,
            figure.unit,
            number(figure.ours),
            figure.peer_name,
            number(figure.peer),
            number(figure.ratio),
            style="bold" if figure.ratio > 1 else None,
        )
    return table


def to_markdown(
    outcomes: Outcomes, machine: Mapping[str, str], *, command: str, date: str, rounds: int
) -> str:
    """Return the page."""
    parts = [
        "# Benchmarks",
        "This page compares ours with what people would use instead, in the same run on one machine."
        f" It was written by `{command}` on {date}. Each rate and time is the median of {rounds} interleaved"
        " runs. A ratio above 1 means that ours is better.",
        "| | |\n| --- | --- |\n" + "\n".join(f"| {name} | {value} |" for name, value in machine.items()),
    ]
    for name, figures in outcomes.items():
        parts += _section(name, figures)
    return "\n\n".join([*parts, TURNED_DOWN]) + "\n"


def _section(name: str, figures: list[Figure] | None) -> list[str]:
    section = SECTIONS[name]
    parts = [f"## {section.title}", f"{section.ran} `make bench only={name}`"]
    if figures is None:
        return [*parts, "**It failed in this run.**"]
    rows = [
        f"| {figure.case} | {number(figure.ours)} | {figure.peer_name} | {number(figure.peer)}"
        f" | {figure.unit} | {number(figure.ratio)} |"
        for figure in figures
    ]
    head = "| case | ours | peer | | unit | ratio |\n| --- | ---: | --- | ---: | --- | ---: |\n"
    parts.append(head + "\n".join(rows))
    if lines := verdicts(name, figures):
        parts.append("\n".join(f"- {line}" for line in lines))
    return [*parts, f"What bounds it: {section.bound[0].lower()}{section.bound[1:]}"]
