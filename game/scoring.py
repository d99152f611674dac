"""Sort keys: a string that sorts as a score does, and that no two players share.

    1000000000012345#998236187199999#87313b53-604d-4405-b676-4eb8a21c5969
    ^ points + 10^15 ^ 10^15 - 1 - achievedAt    ^ user id

    1000000000012345#1000000000000007#998236187199999#87313b53-604d-4405-b676-4eb8a21c5969
                     ^ tie-break + 10^15, on a board that has one

A `desc` board is read from the greatest key down: more points first, then the better tie-break, then the
earlier (the milliseconds are inverted), then the greater user id. An `asc` board is read from the least key
up, so there the milliseconds stand as they are: fewer points first, then the better tie-break, then the
earlier, then the lesser user id. A tie-break whose order is not the board's is stored as 10^15 - tie-break.
Its column is wider than the one of the time, so each key tells whether it has one. A plain number as the sort
key would lose one of two players with the same score.
"""

from typing import Literal, NamedTuple

Order = Literal["asc", "desc"]

# Points and tie-breaks are offset by this, so that negative ones sort too. Below 2^53: JavaScript holds them
# exactly.
POINTS_LIMIT = 10**15
# Milliseconds since the epoch fit until the year 33658.
TIME_LIMIT = 10**15

_POINTS_DIGITS = 16
_TIME_DIGITS = 15
_SEPARATOR = "#"


class SortKey(NamedTuple):
    """The content of a sort key. `achieved_at` is in milliseconds since the epoch, UTC.

    tiebreak: None on a board without one.
    """

    points: int
    achieved_at: int
    user_id: str
    tiebreak: int | None = None


class SortKeyError(ValueError):
    """The text is not a sort key."""


def encode(
    order: Order,
    points: int,
    achieved_at: int,
    user_id: str,
    tiebreak: int | None = None,
    tiebreak_order: Order | None = None,
) -> str:
    """Return the sort key of a score on a board of this order, and of this order of tie-breaks if it has any.

    Raises SortKeyError where a part is missing or out of its range: the key would sort wrongly.
    """
    for name, value in (("points", points), ("tiebreak", tiebreak)):
        if value is not None and not -POINTS_LIMIT < value < POINTS_LIMIT:
            raise SortKeyError(f"{name} must be within ±{POINTS_LIMIT - 1}, not {value}")
    if not 0 <= achieved_at < TIME_LIMIT:
        raise SortKeyError(f"achieved_at must be from 0 to {TIME_LIMIT - 1}, not {achieved_at}")
    if not user_id:
        raise SortKeyError("user_id must not be empty")
    if (tiebreak is None) != (tiebreak_order is None):
        raise SortKeyError(f"tiebreak must be there exactly where the board has one, not {tiebreak}")
    columns = [f"{points + POINTS_LIMIT:0{_POINTS_DIGITS}d}"]
    if tiebreak is not None:
        columns.append(f"{POINTS_LIMIT + _turned(order, tiebreak_order, tiebreak):0{_POINTS_DIGITS}d}")
    columns += [f"{_time(order, achieved_at):0{_TIME_DIGITS}d}", user_id]
    return _SEPARATOR.join(columns)


def decode(order: Order, sort_key: str, tiebreak_order: Order | None = None) -> SortKey:
    """Return the score behind a sort key of a board of this order, and of this order of tie-breaks if any.

    Raises SortKeyError where `encode` would never have written it.
    """
    points, tiebreak, time, user_id = _parts(sort_key)
    column = None if tiebreak is None else _turned(order, tiebreak_order, int(tiebreak) - POINTS_LIMIT)
    parts = SortKey(int(points) - POINTS_LIMIT, _time(order, int(time)), user_id, column)
    if encode(order, *parts, tiebreak_order) != sort_key:
        raise SortKeyError(f"not a sort key: {sort_key!r}")
    return parts


def is_owned_by(sort_key: str, user_id: str) -> bool:
    """Return whether a text is the sort key of a player's row, whatever the order of its board."""
    try:
        return _parts(sort_key)[3] == user_id
    except SortKeyError:
        return False


def handed_to(sort_key: str, user_id: str) -> str:
    """Return the sort key of the same score of another player, on the same board. Raises SortKeyError."""
    owner = _parts(sort_key)[3]
    return sort_key[: len(sort_key) - len(owner)] + user_id


def points_of(sort_key: str) -> int:
    """Return the points in a sort key, whatever the order of its board. Raises SortKeyError."""
    return int(_parts(sort_key)[0]) - POINTS_LIMIT


def order_of(sort_key: str, achieved_at: int) -> Order | None:
    """Return the order of the board whose sort key has this time; None where neither has.

    The time is inverted on a `desc` board, and no time is its own inverse.
    """
    time = int(_parts(sort_key)[2])
    orders: tuple[Order, ...] = ("desc", "asc")
    return next((order for order in orders if _time(order, time) == achieved_at), None)


def behind(
    order: Order, points: int, tiebreak: int | None = None, tiebreak_order: Order | None = None
) -> str:
    """Return a text that sorts behind every sort key of these points, and before those of worse ones.

    With a tie-break: behind those of these points and this tie-break, and before worse ones.
    """
    columns = encode(order, points, 0, "-", tiebreak, tiebreak_order).split(_SEPARATOR)
    least = _SEPARATOR.join([*columns[:-2], ""])
    return least if order == "desc" else least[:-1] + chr(ord(_SEPARATOR) + 1)


def tiebreak_orders(order: Order, sort_key: str, tiebreak: int) -> tuple[Order, ...]:
    """Return the orders of tie-breaks under which a board of this order has this tie-break in its sort key.

    None where the key has no tie-break, or another; both for 0, which is the same either way. Raises
    SortKeyError.
    """
    column = _parts(sort_key)[1]
    if column is None:
        return ()
    orders: tuple[Order, ...] = ("desc", "asc")
    return tuple(one for one in orders if _turned(order, one, tiebreak) == int(column) - POINTS_LIMIT)


def better(order: Order, points: int, best: int) -> bool:
    """Return whether points beat a best. Equal points do not: the first to reach them keeps the place."""
    return points > best if order == "desc" else points < best


def _parts(sort_key: str) -> tuple[str, str | None, str, str]:
    points, _, rest = sort_key.partition(_SEPARATOR)
    column, _, behind = rest.partition(_SEPARATOR)
    tiebreak = None
    if len(column) == _POINTS_DIGITS:
        tiebreak, (column, _, behind) = column, behind.partition(_SEPARATOR)
    numbers = points + (tiebreak or "") + column
    if (len(points), len(column)) != (_POINTS_DIGITS, _TIME_DIGITS) or not numbers.isdecimal():
        raise SortKeyError(f"not a sort key: {sort_key!r}")
    return points, tiebreak, column, behind


def _time(order: Order, milliseconds: int) -> int:
    return TIME_LIMIT - 1 - milliseconds if order == "desc" else milliseconds


def _turned(order: Order, tiebreak_order: Order | None, value: int) -> int:
    return value if tiebreak_order == order else -value
