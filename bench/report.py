"""The figures as text: each benchmark's for the terminal, and all of them as a page of the documentation."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from bench.figure import Figure, number
from bench.sections import SECTIONS, TURNED_DOWN

Outcomes = Mapping[str, list[Figure] | None]
"""The figures of each benchmark that ran; None for one that failed."""

console = Console(stderr=True, width=None if sys.stderr.isatty() else 120)
"""Where progress goes: standard output has the figures and nothing else."""


def verdicts(name: str, figures: Sequence[Figure]) -> list[str]:
    """Return a benchmark's targets, each in a sentence: met or missed, and by what."""
    return [target.verdict(figures) for target in SECTIONS[name].targets]


def to_markdown(
    outcomes: Outcomes, machine: Mapping[str, str], *, command: str, date: str, rounds: int
) -> str:
    """Return the page."""
    return "\n\n".join(
        [
            "# Benchmarks",
            "This page compares ours with what people would use instead, in the same run on one machine."
            f" It was written by `{command}` on {date}. Each rate and time is the median of {rounds}"
            " interleaved runs. A ratio above 1 means that ours is better.",
            "| | |\n| --- | --- |\n" + "\n".join(f"| {name} | {value} |" for name, value in machine.items()),
            *(to_section(name, figures) for name, figures in outcomes.items()),
            TURNED_DOWN,
        ]
    )


def to_section(name: str, figures: Sequence[Figure] | None) -> str:
    """Return a benchmark's part of the page."""
    section = SECTIONS[name]
    parts = [f"## {section.title}", f"{section.ran} `make bench only={name}`"]
    if figures is None:
        return "\n\n".join([*parts, "**It failed in this run.**"])
    rows = [
        f"| {figure.case} | {number(figure.ours)} | {figure.peer_name} | {number(figure.peer)}"
        f" | {figure.unit} | {number(figure.ratio)} |"
        for figure in figures
    ]
    head = "| case | ours | peer | | unit | ratio |\n| --- | ---: | --- | ---: | --- | ---: |\n"
    parts.append(head + "\n".join(rows))
    if lines := verdicts(name, figures):
        parts.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join([*parts, f"What bounds it: {section.bound[0].lower()}{section.bound[1:]}"])
