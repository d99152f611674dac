"""Which boards are active: the sweep visits these, and no others.

A board is active for two hours and more after it was last published, subscribed to, or named in a ping. Its
row in `Leaderboards` carries the hour in which that was, and the index `byActivity` lists an hour's rows. So
a sweep costs what is going on, whatever the number of boards.

    publication   writes the hour with the version, in the same request
    subscription  writes it before it is answered, where the row has another
    ping          the same; it puts back a mark that was lost

A connection lives for two hours. So a subscription alone keeps its board active for as long as it can last.
Whatever is wrong with a board that is not active, no client sees it: the next one that looks makes it active,
and the sweep visits it within a minute.

The hours of a board begin at a moment of its own. Otherwise every board would be written to when the hour
turns, and the index has all of them in one partition, which takes 1,000 writes per second.
"""

import zlib

HOUR_MS = 60 * 60 * 1000
HOURS = 3
"""A board is active in the hour of its mark and in the next two: a connection may begin at the end of one."""


def hour_of(board: str, now: int) -> str:
    """Return the hour of a board at `now`, in milliseconds since the epoch, as the index has it."""
    return str((now + zlib.crc32(board.encode()) % HOUR_MS) // HOUR_MS)


def active_hours(now: int) -> list[str]:
    """Return the hours of active boards. Those whose hours begin early are among them for one hour longer."""
    # A board's own hours are at most one ahead of those that begin at the full hour.
    latest = now // HOUR_MS + 1
    return [str(hour) for hour in range(latest - HOURS, latest + 1)]
