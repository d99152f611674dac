"""At the end: does every screen show the server's board?

When no score is under way any more, the boards must come to rest: every client's copy is then the server's
top K, read over REST, entry for entry, and in the same version. Until that is so, or the time is over, both
sides are read again and again.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from game.board import Entry
from loadtest.fleet import Fleet
from loadtest.messages import Holding, Look, Looked
from loadtest.rest import Page, Rest, RestError

_PAUSE_SECONDS = 0.5


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
        held = [holding for one in looked for holding in one.holdings if holding.board == board]
        try:
            page = await rest.top(board, max(holding.size for holding in held))
        except RestError as error:
            problems.append(f"{board}: the server's board cannot be read: {error}")
            continue
        problems += filter(None, (_difference(holding, page) for holding in held))
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


def _difference(holding: Holding, page: Page) -> str:
    """Return how some clients' board differs from the server's, as a sentence; empty where it does not."""
    version = holding.version
    who = f"{holding.board}: {holding.clients} clients ({holding.example} is one)"
    if holding.season != page.season:
        return f"{who} show season {holding.season}, and season {page.season} is open"
    if holding.entries != page.entries:
        return (
            f"{who} show another board in version {version} than the server in {page.version}:"
            f" {difference(holding.entries, page.entries)}"
        )
    if version != page.version:
        return f"{who} hold version {version}, and the server has {page.version}"
    return ""


def difference(shown: Sequence[Entry], true: Sequence[Entry]) -> str:
    """Return where two different boards first differ, as a sentence's end."""
    pairs = enumerate(zip_longest(shown, true), start=1)
    rank, (ours, theirs) = next((rank, pair) for rank, pair in pairs if pair[0] != pair[1])
    return f"at rank {rank} {_named(ours)} instead of {_named(theirs)}"


def _named(entry: Entry | None) -> str:
    if entry is None:
        return "no player"
    return f"{entry.name} with {entry.points} ({entry.user_id}, at {entry.achieved_at}, rank {entry.rank})"
