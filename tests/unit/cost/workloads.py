"""Games to be priced."""

from typing import Any

from hypothesis import strategies as st

from cost.workload import Workload

STILL: dict[str, Any] = {
    "players": 86_400,
    "sessions_per_day": 1,
    "session_minutes": 10,
    "scores_per_minute": 0,
    "peak_factor": 1,
    "boards_followed": 0,
    "season_share": 0,
    "actions_per_session": 0,
    "rank_lookups_per_session": 0,
    "reward_lists_per_session": 0,
    "prize_share": 0,
    "browser_share": 0,
    "portrait_share": 0,
    "uploads_per_player": 0,
    "new_share": 0,
}
"""A session begins every second, 600 clients are connected all day, and no player does anything."""


def still(**changes: Any) -> Workload:
    """Return the still game with something in it."""
    return Workload(**(STILL | changes))


workloads = st.builds(
    Workload,
    players=st.integers(1, 10_000_000),
    sessions_per_day=st.floats(0, 20),
    session_minutes=st.floats(1, 120),
    scores_per_minute=st.floats(0, 20),
    peak_factor=st.floats(1, 10),
    boards=st.integers(4, 97),
    boards_followed=st.floats(0, 4),
    top=st.sampled_from([1, 10, 100]),
    window=st.floats(0, 300),
    season_days=st.floats(0.1, 365),
    change_share=st.none() | st.floats(0, 1),
    improving_share=st.none() | st.floats(0, 1),
    portrait_share=st.floats(0, 1),
    pushers=st.integers(1, 20),
    direct_limit=st.sampled_from([1, 5_000, 10**9]),
)
