"""The rank indexes of boards with seasons: which are kept, compared as a whole, and dropped. Pure rules.

Each season of a board has an index of its own, by the key of the board in it. They follow from catalogue and
clock, so the sweep of ranks needs no list, and one that was down catches up.
"""

from collections.abc import Iterator

from game.activity import HOUR_MS
from game.catalogue import Catalogue
from game.live import RANK_SWEEP_SECONDS
from game.seasons import KEEP_LIMIT, Seasons

UNDER_WAY_MS = 60_000
"""A request that was received in time may be at work for so long, at most: API Gateway ends it after 29 s."""
LATELY_MS = 2 * RANK_SWEEP_SECONDS * 1000
"""Of this time, the sweep looks at every season that expired: twice the time between two sweeps."""
AT_ONCE = 100
"""Expired seasons of one board that a sweep looks at, at most."""


def open_keys(catalogue: Catalogue, now: int) -> list[str]:
    """Return the keys of all boards at a time (milliseconds): in their open season, where they have one."""
    return [board.at(now).key for board in catalogue.boards.values()]


def decided_keys(catalogue: Catalogue, now: int) -> dict[str, int]:
    """Return the keys of seasons to which no score can come any more and that have prizes, latest first.

    With each the time since when its index has to have been compared: since the last score, and once it is
    reviewed, since the last removal that a moderator makes in time.
    """
    ended = []
    for board in catalogue.boards.values():
        if board.seasons is None or not board.prizes:
            continue
        for number in board.seasons.readable(now):
            end = board.seasons.closes_to_runs_at(number)
            if number >= 1 and now >= end + UNDER_WAY_MS:
                reviewed = board.seasons.claimable_at(number)
                since = UNDER_WAY_MS + (reviewed if now >= reviewed + UNDER_WAY_MS else end)
                ended.append((end, board.in_season(number).key, since))
    return {key: since for _, key, since in sorted(ended, reverse=True)}


def is_expired(catalogue: Catalogue, key: str, now: int) -> bool:
    """Return whether a key is that of a season which can be read no longer."""
    board = catalogue.find_board(key)
    if board is None or board.seasons is None or board.season is None:
        return False
    return board.season < board.seasons.readable(now).start


def expired_keys(catalogue: Catalogue, now: int) -> Iterator[str]:
    """Yield keys of seasons that can be read no longer, the latest first: all of them in the course of time.

    Those that expired lately, and one of the others, by the hour: an earlier sweep may have failed.
    """
    for board in catalogue.boards.values():
        if board.seasons is not None:
            for number in _expired(board.seasons, now):
                yield board.in_season(number).key


def _expired(seasons: Seasons, now: int) -> list[int]:
    oldest = seasons.readable(now).start
    lately = min(seasons.readable(max(0, now - LATELY_MS)).start, oldest - 2)
    first = max(lately, oldest - AT_ONCE, 0)
    found = [*range(oldest - 1, first - 1, -1)]
    other = first - 1 - now // HOUR_MS % KEEP_LIMIT
    return [*found, other] if other >= 0 else found
