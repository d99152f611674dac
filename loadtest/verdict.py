"""At the end: does every screen show the server's board?

When no score is under way any more, the boards must come to rest: every client's copy is then the server's
top K, read over REST, entry for entry, and in the same version. Until that is so, or the time is over, both
sides are read again and again.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from game.board import Entry
from loadtest.fleet import Fleet
from loadtest.messages import Holding, Look, Looked, Show, Shown
from loadtest.rest import Page, Rest, RestError
from loadtest.screens import digest

_PAUSE_SECONDS = 0.5
_EXPLAINED = 5


class Comparison(NamedTuple):
    """The present problems, and how many clients and boards were compared."""

    problems: list[str]
    clients: int
    boards: int


class Outcome(NamedTuple):
    """`quiet_after` seconds nothing was wrong any more; None: there still is, and `last` says what."""

    quiet_after: float | None
    last: Comparison


async def compare_until_equal(fleet: Fleet, rest: Rest, seconds: float) -> Outcome:
    """Compare every screen with the server's boards until they are equal, for so long at most."""
    began = time.monotonic()
    while True:
        comparison = await _compare(fleet, rest)
        passed = time.monotonic() - began
        if not comparison.problems:
            return Outcome(passed, comparison)
        if passed > seconds:
            return Outcome(None, comparison)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _compare(fleet: Fleet, rest: Rest) -> Comparison:
    looked = await fleet.ask([Look()], Looked)
    problems = _absent(looked)
    boards = sorted({holding.board for one in looked for holding in one.holdings})
    if not boards:
        problems.append("no screen shows any board")
    for board in boards:
        held = [(worker, h) for worker, one in enumerate(looked) for h in one.holdings if h.board == board]
        try:
            page = await rest.top(board, max(holding.size for _, holding in held))
        except RestError as error:
            problems.append(f"{board}: the server's board cannot be read: {error}")
            continue
        problems += await _differences(fleet, board, held, page)
    return Comparison(problems, sum(one.live for one in looked), len(boards))


def _absent(looked: Sequence[Looked]) -> list[str]:
    offline, blank, waiting = (
        sum(getattr(one, what) for one in looked) for what in ("offline", "blank", "waiting")
    )
    problems = []
    if offline:
        problems.append(f"{offline} clients have no connection, so nothing can be said of their boards")
    if blank:
        problems.append(f"{blank} screens show nothing")
    if waiting:
        problems.append(f"{waiting} clients still wait for the answer to a subscription")
    return problems


async def _differences(
    fleet: Fleet, board: str, held: Sequence[tuple[int, Holding]], page: Page
) -> list[str]:
    truth = digest(page.entries)
    problems = []
    for worker, holding in held:
        if holding.digest == truth and holding.version == page.version:
            continue
        who = f"{board}: {holding.clients} clients ({holding.example} is one)"
        if holding.digest == truth:
            problems.append(f"{who} hold version {holding.version}, and the server has {page.version}")
            continue
        text = f"{who} show another board in version {holding.version} than the server in {page.version}"
        if len(problems) < _EXPLAINED:
            shown = await fleet.ask_one(worker, Show(board=board, state=holding.number), Shown)
            text += f": {difference(shown.entries, page.entries)}"
        problems.append(text)
    return problems


def difference(shown: Sequence[Entry], true: Sequence[Entry]) -> str:
    """Return where two boards first differ, as a sentence's end."""
    for rank in range(1, max(len(shown), len(true)) + 1):
        ours, theirs = _at(shown, rank), _at(true, rank)
        if ours != theirs:
            return f"at rank {rank} {_named(ours)} instead of {_named(theirs)}"
    return "they have become equal meanwhile"


def _at(entries: Sequence[Entry], rank: int) -> Entry | None:
    return entries[rank - 1] if rank <= len(entries) else None


def _named(entry: Entry | None) -> str:
    if entry is None:
        return "no player"
    return f"{entry.name} with {entry.points} ({entry.user_id}, at {entry.achieved_at}, rank {entry.rank})"
