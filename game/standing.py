"""What a player has in an area or on a board, and what a further run makes of it. Pure rules."""

from typing import NamedTuple

from game.catalogue import Area, Board
from game.scoring import POINTS_LIMIT, Order, better


class PointsLimitError(Exception):
    """A sum of points would leave the range that boards can sort; nothing has changed."""


class Run(NamedTuple):
    """A run that was submitted. `tiebreak` comes where the area has one; `metadata` is JSON text."""

    points: int
    tiebreak: int | None = None
    metadata: str | None = None


class Held(NamedTuple):
    """What a player has: points, when they were reached (milliseconds since the epoch), and their tie-break.

    The tie-break is that of the run that has the points.
    """

    points: int
    achieved_at: int
    tiebreak: int | None = None


def after_run(area: Area, held: Held | None, run: Run, now: int) -> Held:
    """Return what a player has after a run; it equals `held` where the run changes nothing.

    `now` in milliseconds since the epoch. Raises PointsLimitError.
    """
    new = Held(run.points, now, run.tiebreak)
    if held is None:
        return new
    if area.keep == "sum":
        return _moved(held, Held(in_range(held.points + run.points), now, run.tiebreak))
    if area.keep == "latest":
        return _moved(held, new)
    return new if beats(area, new, held) else held


def beats(area: Area, new: Held, held: Held) -> bool:
    """Return whether points, and then their tie-break, are better by an area's rules; equal ones are not."""
    if new.points != held.points or area.tiebreak is None:
        return better(area.order, new.points, held.points)
    return _better_or_first(area.tiebreak.order, new.tiebreak, held.tiebreak)


def fitted(board: Board, held: Held) -> Held:
    """Return what a player has, as the board can sort it.

    A run of a time before the area had a tie-break gets the worst there can be; of one that the area has no
    longer, nothing is left.
    """
    rule = board.tiebreak
    if rule is None:
        return held._replace(tiebreak=None)
    if held.tiebreak is not None:
        return held
    return held._replace(tiebreak=rule.min if rule.order == "desc" else rule.max)


def in_range(points: int) -> int:
    """Return points. Raises PointsLimitError where no sort key can carry them."""
    if not -POINTS_LIMIT < points < POINTS_LIMIT:
        raise PointsLimitError(f"points must stay within ±{POINTS_LIMIT - 1}, and would be {points}")
    return points


def _moved(held: Held, new: Held) -> Held:
    """Return the new one, unless only its time differs: the first to get there keeps the place."""
    return held if (new.points, new.tiebreak) == (held.points, held.tiebreak) else new


def _better_or_first(order: Order, new: int | None, held: int | None) -> bool:
    """Return whether a tie-break beats another. Runs from before the area had one have none."""
    if new is None or held is None:
        return new is not None
    return better(order, new, held)
