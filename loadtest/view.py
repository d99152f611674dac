"""The view of a run for a person at the terminal: live, or plain lines where there is no terminal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

_PLAIN_SECONDS = 5
_SHOWN_ERRORS = 5


@dataclass(frozen=True)
class Glance:
    """The play so far. `rates` are counts a second, `recent` percentiles in milliseconds, `errors` totals."""

    second: int
    live: int
    clients: int
    rates: Mapping[str, float]
    recent: Mapping[str, float]
    errors: Mapping[str, int]
    broken: int
    cpu: float


class View:
    """Shows how it goes. The base of both views says what there is to say in lines."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Tell something that stays."""
        self._console.print(text, markup=False, highlight=False)

    def phase(self, name: str, total: float) -> None:
        """Begin a phase that has this much to do."""
        raise NotImplementedError

    def advance(self, done: float) -> None:
        """Show that this much of it is done."""
        raise NotImplementedError

    def glance(self, glance: Glance) -> None:
        """Show another second of play."""
        raise NotImplementedError


@contextmanager
def open_view() -> Iterator[View]:
    """Yield the view for standard output as it is."""
    console = Console()
    if not console.is_terminal:
        yield PlainView(console)
        return
    view = LiveView(console)
    with view.live:
        yield view


class PlainView(View):
    """A plain-text view for output that is not a terminal."""

    def __init__(self, console: Console) -> None:
        # A log is not wrapped.
        super().__init__(Console(file=console.file, width=1_000))

    def phase(self, name: str, total: float) -> None:
        self.say(f"{name}: {total:g}")

    def advance(self, done: float) -> None:
        pass

    def glance(self, glance: Glance) -> None:
        if glance.second % _PLAIN_SECONDS == 0:
            facts = ", ".join(f"{name} {value}" for name, value in _facts(glance))
            self.say(f"{glance.second} s: {facts}")


class LiveView(View):
    """A bar, rates and errors that change in place, as long as `live` is entered."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("{task.description}", justify="right"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f} / {task.total:.0f}"),
            expand=True,
        )
        self._task: TaskID | None = None
        self.live = Live(self._progress, console=console, refresh_per_second=2)

    def phase(self, name: str, total: float) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=total)
        self.live.update(self._progress)

    def advance(self, done: float) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done)

    def glance(self, glance: Glance) -> None:
        self.advance(glance.second)
        facts = Table.grid(padding=(0, 2))
        for name, value in _facts(glance):
            facts.add_row(f"[dim]{name}[/]", value)
        errors = Table.grid(padding=(0, 2))
        for kind, count in sorted(glance.errors.items(), key=lambda item: -item[1])[:_SHOWN_ERRORS]:
            errors.add_row(f"[red]{count}[/]", kind)
        self.live.update(Group(self._progress, facts, errors))


def _facts(glance: Glance) -> Iterator[tuple[str, str]]:
    rates = glance.rates
    yield "clients", f"{glance.live} of {glance.clients} connected"
    scores = sum(rates.get(what, 0) for what in ("improved", "kept", "failed"))
    yield "scores", f"{scores:.1f}/s, {rates.get('improved', 0):.1f}/s improved"
    yield "boards", f"{rates.get('versions', 0):.1f} versions/s"
    yield "frames", f"{rates.get('frames', 0):,.0f}/s, {rates.get('bytes', 0) / 1024:,.0f} KB/s"
    if glance.recent:
        shown = ", ".join(f"{name} {value:,.0f}" for name, value in glance.recent.items())
        yield "score to screen", f"{shown} ms"
    resyncs = rates.get("gaps", 0) + rates.get("behind", 0)
    yield "resyncs", f"{resyncs:.1f}/s, {rates.get('reconnects', 0):.1f} reconnects/s"
    yield "errors", f"{sum(glance.errors.values())}, {glance.broken} promises broken"
    yield "tester", f"{glance.cpu:.2f} cores"
