"""Plots as SVG inside one HTML page: how the report of a run looks."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
from cycler import cycler
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

COLOURS = ("#3b6ea8", "#c8553d", "#4f9d69", "#8d6a9f", "#d9a441", "#5c6b73")

_STYLE: dict[RcKeyType, Any] = {
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.figsize": (7.5, 3.2),
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.size": 9,
    "grid.alpha": 0.3,
    # The reader's own font, and the same bytes for the same numbers.
    "svg.fonttype": "none",
    "svg.hashsalt": "podium",
}


@dataclass
class Section:
    """A part of a page: a heading, sentences, tables (the first row is the head) and plots."""

    title: str
    text: Sequence[str] = ()
    tables: list[Sequence[Sequence[str]]] = field(default_factory=list)
    plots: list[Markup] = field(default_factory=list)


class Plot:
    """The axes of a plot that is being drawn; `svg` once it is done."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.svg = Markup()


@contextmanager
def plot(title: str, x: str, y: str) -> Iterator[Plot]:
    """Yield a plot to draw on, with its axes' names and units. Its `svg` is there after the block."""
    with mpl.rc_context(_STYLE):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set(title=title, xlabel=x, ylabel=y)
        drawn = Plot(axes)
        yield drawn
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    # Without the XML prolog, which has no place inside HTML.
    svg = text.getvalue()
    drawn.svg = Markup(svg[svg.index("<svg") :])  # noqa: S704 -- matplotlib escapes the texts it is given


def write_page(path: Path, title: str, summary: Sequence[str], sections: Sequence[Section]) -> None:
    """Write a page that needs nothing beside itself: no script, no font, no address."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template.render(title=title, summary=summary, sections=sections), encoding="utf-8")
