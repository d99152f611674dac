"""Facts of the live connections that several rooms share."""

from typing import Literal

Action = Literal["subscribe", "unsubscribe", "ping", "broadcast"]
"""Actions that a client's frame asks for: each is a route of the WebSocket API."""

SPECTATOR_ACTIONS: frozenset[Action] = frozenset({"subscribe", "unsubscribe", "ping"})
"""Those that a spectator may ask for: a connection without a token. Any other needs a player."""

SPECTATORS = 1_000
"""Spectators that a stage lets in at once, by default: what one may cost is the studio's to decide."""

SPECTATORS_PER_ADDRESS = 200
"""Of them, those of one IP address, by default: a school has one, and so has a person with a script."""

RECOUNT_SECONDS = 600
"""Seconds from one count of the spectators' rows to the next: see `store.spectators`."""

CHANNEL_PARTS = 16
"""Parts in which the channel of all players is stored, and that of all spectators: `store.connections`."""

SUBPROTOCOL = "podium"
"""The WebSocket subprotocol of Podium; a token may travel beside it."""

BOARDS_LIMIT = 32
"""Boards that a connection may be subscribed to at once."""

CONNECTIONS_LIMIT = 20
"""Connections that a player may have open at once: many tabs and devices.

One more that opens closes the one that has subscribed the longest ago: a phone that comes back after losing
its connection must get in.
"""

PING_SECONDS = 300
"""Seconds between two pings of a client: API Gateway closes a connection after ten idle minutes."""

SPREAD_SECONDS = 10
"""Seconds within which clients ask that would all ask at once, at least: when a season turns."""

_SPREAD_LIMIT = 3600


def spread_of(fanout_ms: int) -> int:
    """Return the seconds within which a board's subscribers are to ask, given how long a fan-out took.

    It goes to all of them at the rate of pushes, and an answer is a push: within twice the time they take
    half the rate.
    """
    return min(_SPREAD_LIMIT, max(SPREAD_SECONDS, -(-2 * fanout_ms // 1000)))


PAGE_LIMIT = 2000
"""Connection ids that a function reads at a time, to push to them."""

DIRECT_LIMIT = 5000
"""Subscribers of a board to whom one function pushes alone, by default; above it pushers are started."""

RANK_WINDOW_SECONDS = 1
"""Seconds for which the ranker gathers scores, by default: those of one batch share nodes of the index."""

RANK_SWEEP_SECONDS = 3600
"""Seconds from one sweep of ranks to the next."""

PUSHERS = 8
"""Pushers of a board with more subscribers, by default."""
