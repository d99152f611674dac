"""One simulated game client: its live connection, and a screen for each board that it watches.

    away --join--> connecting --> live --leave--> away
                       ^-- backoff --'--lost

It does what Podium's web client does: subscribes to all boards on each new connection, with the versions that
it holds; subscribes again after a gap, when it is behind, and when there is no answer; pings every 5 minutes;
reconnects with a jittered exponential backoff. A board with seasons turns by itself, by the server's clock,
and asks for what it misses then after a random time. What it cannot do is look away from its own mistakes:
each is counted.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from game.live import PING_SECONDS
from loadtest import wire
from loadtest.accounts import AccountError
from loadtest.screens import BoardChange, Boards, Frame, Screen
from realtime.protocol import Current, Pong, Snapshot
from realtime.replica import Outcome, ServerClock

ANSWER_SECONDS = 10.0
"""For a handshake, a pong, or the answer to a subscription."""
STABLE_SECONDS = 60.0
"""A connection that has lasted this long makes up for the failures before it."""
BACKOFF_SECONDS, BACKOFF_CAP_SECONDS = 0.5, 30.0
PUBLISH_SECONDS = 60.0
"""After a turn: the server publishes the new season within this, and pushes it then."""
LOOK_SECONDS = 60.0
"""From one look at the clock to the next, at most: a season may last for months."""


class Tokens(Protocol):
    """The tokens of a client's player."""

    async def token(self) -> str:
        """Return a token that is good for a while yet. Raises AccountError."""


@dataclass(frozen=True)
class Line:
    """The part that clients of a process share. `now` is in seconds since the start of play.

    `counts` and `errors` are since they were last reported.
    """

    address: wire.Address
    boards: Boards
    now: Callable[[], float]
    tasks: asyncio.TaskGroup
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Client:
    """A game client. It connects when it has joined, and stays connected until it leaves.

    account: None for a spectator, who has no token.
    """

    def __init__(self, name: str, account: Tokens | None, line: Line, rng: random.Random) -> None:
        self.name = name
        self.screens = line.boards.screens()
        self.joined = False
        self._account = account
        self._line = line
        self._rng = rng
        self._socket: wire.WebSocket | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._turning: asyncio.TimerHandle | None = None
        self._clock = ServerClock(_monotonic_ms)
        self._connections = 0
        self._failures = 0
        self._opened_at = 0.0
        self._ping_at = 0.0
        self._pong_by: float | None = None
        self._unanswered = False

    @property
    def live(self) -> bool:
        """Whether there is an open connection."""
        return self._socket is not None

    @property
    def waiting(self) -> bool:
        """Whether an answer is due: the client knows that it may not be up to date."""
        return any(
            screen.asked_at is not None or screen.behind or screen.is_gap for screen in self.screens.values()
        )

    def join(self) -> None:
        """Connect, and watch."""
        if not self.joined:
            self.joined = True
            self._connections = self._failures = 0
            self._connect()

    def leave(self, *, politely: bool, forget: bool) -> None:
        """Go away: `politely` with a closing handshake; `forget` all that was shown, as after a reload."""
        self.joined = False
        if self._retry is not None:
            self._retry.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._socket is not None:
            if politely:
                self._socket.leave()
            else:
                self._socket.vanish()
        self._socket = self._connecting = self._retry = None
        for screen in self.screens.values():
            screen.leave(forget=forget)
        self._schedule()

    def check(self) -> None:
        """See that answers come and pings go out; to be called every second."""
        if self._socket is None:
            return
        now = self._line.now()
        late = [board for board, screen in self.screens.items() if _overdue(screen.asked_at, now)]
        if late:
            self._line.errors["subscribe: no answer"] += 1
        if (late and self._unanswered) or (self._pong_by is not None and now > self._pong_by):
            self._hang_up("no answer")
        elif late:
            self._unanswered = True
            self._ask(late)
        elif self._pong_by is None and now > self._ping_at:
            self._pong_by = now + ANSWER_SECONDS
            self._send("ping", versions=self._versions(self.screens))
        if due := [board for board, screen in self.screens.items() if _is_due(screen, now)]:
            self._line.counts["asked after a turn"] += len(due)
            self._ask(due)

    def received(self, payload: bytes) -> None:
        """Take a message."""
        line = self._line
        line.counts["frames"] += 1
        line.counts["bytes"] += len(payload)
        frame = line.boards.frames.decode(payload)
        content = frame.content
        if isinstance(content, BoardChange):
            self._changed(frame, content)
        elif isinstance(content, Current):
            line.counts["currents"] += 1
            if (screen := self.screens.get(content.board)) is not None:
                self._answered(screen)
                self._plan(screen)
        elif isinstance(content, Pong):
            self._pong_by = None
            self._ping_at = line.now() + PING_SECONDS
        elif frame.problem:
            line.errors[frame.problem] += 1

    def lost(self, reason: str) -> None:
        """Note that the connection is gone."""
        self._socket = None
        self._line.counts["lost"] += 1
        self._line.errors[f"connection lost: {reason}"] += 1
        if self._line.now() - self._opened_at > STABLE_SECONDS:
            self._failures = 0
        self._back_off()

    def _connect(self) -> None:
        self._retry = None
        self._connecting = self._line.tasks.create_task(self._try_to_connect())

    async def _try_to_connect(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                token = await self._account.token() if self._account else None
                self._socket = await wire.connect(self._line.address, token, self)
        except (OSError, TimeoutError, wire.WireError, AccountError) as error:
            self._line.errors[f"connect: {_reason(error)}"] += 1
            self._connecting = None
            self._back_off()
            return
        self._connecting = None
        self._opened()

    def _opened(self) -> None:
        now = self._line.now()
        self._line.counts["opened"] += 1
        if self._connections:
            self._line.counts["reconnects"] += 1
        self._connections += 1
        self._opened_at = now
        self._clock.connected()
        self._ping_at = now + PING_SECONDS
        self._pong_by = None
        self._unanswered = False
        self._ask(self.screens)

    def _back_off(self) -> None:
        for screen in self.screens.values():
            screen.asked_at = screen.ask_at = None
            screen.is_gap = False
        bound = min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2**self._failures)
        self._failures += 1
        delay = self._rng.uniform(0, bound)
        self._retry = asyncio.get_running_loop().call_later(delay, self._connect)

    def _hang_up(self, reason: str) -> None:
        if self._socket is not None:
            self._socket.vanish()
            self.lost(reason)

    def _changed(self, frame: Frame, change: BoardChange) -> None:
        counts = self._line.counts
        screen = self.screens.get(change.board)
        if screen is None:
            self._line.errors["a frame for a board that is not subscribed"] += 1
            return
        outcome = screen.take(frame, change, self._line.now())
        if isinstance(change, Snapshot):
            counts["snapshots"] += 1
            self._answered(screen)
            if change.season is not None:
                self._heard_times(screen, change)
            return
        counts["diffs"] += 1
        if outcome is Outcome.RESYNC:
            self._missed(screen)
        elif outcome is Outcome.IGNORED:
            counts["ignored"] += 1
        elif screen.ask_at is not None:
            self._plan(screen)

    def _missed(self, screen: Screen) -> None:
        """Ask for what a diff did not follow from: at once, or after a while where all clients miss it."""
        counts, replica = self._line.counts, screen.replica
        if screen.asked_at is not None:
            counts["early"] += 1
        elif replica is None or not replica.turning:
            counts["gaps"] += 1
            self._ask([screen.history.board])
        elif not screen.is_gap:
            counts["gaps"] += 1
            screen.is_gap, screen.ask_at = True, None
            self._plan(screen)

    def _heard_times(self, screen: Screen, snapshot: Snapshot) -> None:
        if snapshot.now is not None:
            self._clock.heard(snapshot.now)
        screen.spread = snapshot.spread or screen.spread
        self._turn()

    def _turn(self) -> None:
        """Turn the boards whose season is over, by the server's clock; look again when the next one is."""
        server_ms = self._clock.now()
        if server_ms is None:
            return
        for screen in self.screens.values():
            if screen.turn(server_ms, self._line.now()):
                self._line.counts["turns"] += 1
            self._plan(screen)
        self._schedule()

    def _schedule(self) -> None:
        if self._turning is not None:
            self._turning.cancel()
            self._turning = None
        server_ms = self._clock.now()
        replicas = [screen.replica for screen in self.screens.values()]
        ends = [one.ends_at for one in replicas if one is not None and one.ends_at is not None]
        if server_ms is not None and ends:
            wait = min(LOOK_SECONDS, max(0.0, (min(ends) - server_ms) / 1000))
            self._turning = asyncio.get_running_loop().call_later(wait, self._turn)

    def _plan(self, screen: Screen) -> None:
        """Wait before asking for what all clients miss at a turn, or no longer where it has come."""
        replica = screen.replica
        if replica is None or self._socket is None:
            return
        if not replica.turning:
            screen.is_gap = False
        if replica.is_told and not screen.is_gap:
            screen.ask_at = None
        elif screen.asked_at is None and screen.ask_at is None:
            server_ms, pushed = self._clock.now(), 0.0
            if not screen.is_gap and replica.starts_at is not None and server_ms is not None:
                begun = (server_ms - replica.starts_at) / 1000
                pushed = PUBLISH_SECONDS + 2 * screen.spread - begun
            wait = max(0.0, pushed) + self._rng.uniform(0, screen.spread)
            screen.ask_at = self._line.now() + wait

    def _answered(self, screen: Screen) -> None:
        screen.asked_at = None
        self._unanswered = False
        screen.watch(self._line.now())
        if screen.behind:
            self._line.counts["behind"] += 1
            self._ask([screen.history.board])

    def _ask(self, boards: Iterable[str]) -> None:
        names = list(boards)
        now = self._line.now()
        for board in names:
            self.screens[board].asked_at = now
            self.screens[board].ask_at = None
            self.screens[board].is_gap = False
        self._line.counts["subscribes"] += 1
        self._send("subscribe", boards=names, versions=self._versions(names))

    def _send(self, action: str, **fields: object) -> None:
        if self._socket is not None:
            self._socket.send(json.dumps({"action": action, **fields}))

    def _versions(self, boards: Iterable[str]) -> dict[str, dict[str, int]]:
        # Of a board that does not know when its season ends the whole is wanted, which says so.
        states = {board: self.screens[board].state for board in boards}
        return {
            board: state.position._asdict()
            for board, state in states.items()
            if state and state.replica.is_told
        }


def _reason(error: Exception) -> str:
    """Return the same for the same failure, whatever the system says of it."""
    if isinstance(error, TimeoutError):
        return "no answer"
    return type(error).__name__ if isinstance(error, OSError) else str(error)


def _monotonic_ms() -> float:
    return time.monotonic() * 1000


def _is_due(screen: Screen, now: float) -> bool:
    return screen.ask_at is not None and screen.asked_at is None and now >= screen.ask_at


def _overdue(asked_at: float | None, now: float) -> bool:
    return asked_at is not None and now - asked_at > ANSWER_SECONDS
