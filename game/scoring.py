"""Sort keys: a string that sorts as a score does, and that no two players share.

    0001000000012345#999998236187200000#87313b53-604d-4405-b676-4eb8a21c5969
    ^ points + 10^15  ^ 10^15 - 1 - achievedAt    ^ user id

A `desc` board is read from the greatest key down: more points first, then the earlier (the
milliseconds are inverted), then the greater user id. An `asc` board is read from the least key up, so there
the milliseconds stand as they are: fewer points first, then the earlier, then the lesser user
id. A plain number as the sort key would lose one of two players with the same score.
"""

from typing import Literal, NamedTuple

Order = Literal["asc", "desc"]

# Points are offset by this, so that negative ones sort too. Below 2^53: JavaScript holds them exactly.
POINTS_LIMIT = 10**15
# Milliseconds since the epoch fit until the year 33658.
TIME_LIMIT = 10**15

_POINTS_DIGITS = 16
_TIME_DIGITS = 15
_SEPARATOR = "#"


class SortKey(NamedTuple):
    """The content of a sort key. `achieved_at` is in milliseconds since the epoch, UTC."""

    points: int
    achieved_at: int
    user_id: str


class SortKeyError(ValueError):
    """The text is not a sort key."""


def encode(order: Order, points: int, achieved_at: int, user_id: str) -> str:
    """Return the sort key of a score on a board of this order.

    Raises SortKeyError where a part is out of its range: the key would sort wrongly.
    """
    if not -POINTS_LIMIT < points < POINTS_LIMIT:
        raise SortKeyError(f"points must be within ±{POINTS_LIMIT - 1}, not {points}")
    if not 0 <= achieved_at < TIME_LIMIT:
        raise SortKeyError(f"achieved_at must be from 0 to {TIME_LIMIT - 1}, not {achieved_at}")
    if not user_id:
        raise SortKeyError("user_id must not be empty")
    return (
        f"{points + POINTS_LIMIT:0{_POINTS_DIGITS}d}{_SEPARATOR}"
        f"{_time(order, achieved_at):0{_TIME_DIGITS}d}{_SEPARATOR}{user_id}"
    )


def decode(order: Order, sort_key: str) -> SortKey:
    """Return the score behind a sort key of a board of this order.

    Raises SortKeyError where `encode` would never have written it.
    """
    points, time, user_id = _parts(sort_key)
    parts = SortKey(int(points) - POINTS_LIMIT, _time(order, int(time)), user_id)
    if encode(order, *parts) != sort_key:
        raise SortKeyError(f"not a sort key: {sort_key!r}")
    return parts


def is_owned_by(sort_key: str, user_id: str) -> bool:
    """Return whether a text is the sort key of a player's row, whatever the order of its board."""
    try:
        return _parts(sort_key)[2] == user_id
    except SortKeyError:
        return False


def points_of(sort_key: str) -> int:
    """Return the points in a sort key, whatever the order of its board. Raises SortKeyError."""
    return int(_parts(sort_key)[0]) - POINTS_LIMIT


def order_of(sort_key: str, achieved_at: int) -> Order | None:
    """Return the order of the board whose sort key has this time; None where neither has.

    The time is inverted on a `desc` board, and no time is its own inverse.
    """
    time = int(_parts(sort_key)[1])
    orders: tuple[Order, ...] = ("desc", "asc")
    return next((order for order in orders if _time(order, time) == achieved_at), None)


def behind(order: Order, points: int) -> str:
    """Return a text that sorts behind every sort key of these points, and before those of worse ones."""
    least = encode(order, points, 0, "-").partition(_SEPARATOR)[0] + _SEPARATOR
    return least if order == "desc" else least[:-1] + chr(ord(_SEPARATOR) + 1)


def better(order: Order, points: int, best: int) -> bool:
    """Return whether points beat a best. Equal points do not: the first to reach them keeps the place."""
    return points > best if order == "desc" else points < best


def _parts(sort_key: str) -> tuple[str, str, str]:
    points, _, rest = sort_key.partition(_SEPARATOR)
    time, _, user_id = rest.partition(_SEPARATOR)
    if (len(points), len(time)) != (_POINTS_DIGITS, _TIME_DIGITS) or not (points + time).isdecimal():
        raise SortKeyError(f"not a sort key: {sort_key!r}")
    return points, time, user_id


def _time(order: Order, milliseconds: int) -> int:
    return TIME_LIMIT - 1 - milliseconds if order == "desc" else milliseconds
