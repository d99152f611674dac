"""Random boards."""

from hypothesis import strategies as st
from pydantic import JsonValue

from game.board import Entry, ranked
from game.scoring import POINTS_LIMIT, TIME_LIMIT, Order

ORDERS: list[Order] = ["asc", "desc"]
TIEBREAKS: st.SearchStrategy[Order | None] = st.sampled_from([None, *ORDERS])
"""The order of a board's tie-breaks; None where it has none."""

# Few values, so that ties are common.
points = st.one_of(st.integers(-2, 2), st.integers(1 - POINTS_LIMIT, POINTS_LIMIT - 1))
times = st.one_of(st.integers(0, 2), st.integers(0, TIME_LIMIT - 1))
contents: st.SearchStrategy[JsonValue] = st.sampled_from([None, 1, True, 1.0, {"car": [1]}])
user_ids = st.text(st.sampled_from("ab#-0"), min_size=1, max_size=3)


@st.composite
def boards(
    draw: st.DrawFn, order: Order, tiebreak: Order | None = None, max_size: int = 6
) -> tuple[Entry, ...]:
    """Return a ranked board, with players from a small circle so that two boards share some.

    tiebreak: which tie-breaks are better; None: the entries have none, and no metadata.
    """
    players = draw(st.lists(user_ids, unique=True, max_size=max_size))
    entries = [
        Entry(
            rank=1,
            user_id=player,
            name=draw(st.sampled_from(["Ada", "Grace"])),
            avatar=draw(st.sampled_from([None, "portrait"])),
            points=draw(points),
            achieved_at=draw(times),
            tiebreak=draw(points) if tiebreak else None,
            # In Python these are equal, and in JSON they are not.
            metadata=draw(contents) if tiebreak else None,
        )
        for player in players
    ]
    return ranked(order, entries, tiebreak)
