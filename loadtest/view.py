"""The view of a run for a person at the terminal: a line for each phase, and one for five seconds of play."""

import sys
from collections.abc import Iterator

from loadtest.recorder import Recorder

_GLANCE_SECONDS = 5
_RECENT_SECONDS = 10


def say(text: str) -> None:
    """Tell something, in a line or more."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def show(recorder: Recorder, second: int, clients: int) -> None:
    """Tell how the play of these clients goes, every five seconds."""
    if second % _GLANCE_SECONDS == 0:
        say(f"{second} s: {', '.join(_facts(recorder, second, clients))}")


def _facts(recorder: Recorder, second: int, clients: int) -> Iterator[str]:
    rates = recorder.rates(_RECENT_SECONDS)
    yield f"clients {recorder.live} of {clients} connected"
    scores = sum(rates.get(what, 0) for what in ("improved", "kept", "failed"))
    yield f"scores {scores:.1f}/s, {rates.get('improved', 0):.1f}/s improved"
    yield f"boards {rates.get('versions', 0):.1f} versions/s"
    yield f"frames {rates.get('frames', 0):,.0f}/s, {rates.get('bytes', 0) / 1024:,.0f} KB/s"
    if recent := recorder.to_screen.recent(second - _RECENT_SECONDS):
        yield f"score to screen {', '.join(f'{name} {value:,.0f}' for name, value in recent.items())} ms"
    resyncs = rates.get("gaps", 0) + rates.get("behind", 0)
    yield f"resyncs {resyncs:.1f}/s, {rates.get('reconnects', 0):.1f} reconnects/s"
    yield f"errors {sum(recorder.errors.values())}, {len(recorder.broken)} promises broken"
    yield f"tester {recorder.cpu:.2f} cores"
