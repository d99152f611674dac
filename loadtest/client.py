"""One simulated game client: its live connection, and a screen for each board that it watches.

    away --join--> connecting --> live --leave--> away
                       ^-- backoff --'--lost

It does what Podium's web client does: subscribes to all boards on each new connection, with the versions that
it holds; subscribes again after a gap, when it is behind, and when there is no answer; pings every 5 minutes;
reconnects with a jittered exponential backoff. What it cannot do is look away from its own mistakes: each is
counted.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from game.live import PING_SECONDS
from loadtest import wire
from loadtest.accounts import AccountError
from loadtest.screens import BoardChange, Boards, Frame, Screen
from realtime.protocol import Current, Pong, Snapshot
from realtime.replica import Outcome

ANSWER_SECONDS = 10.0
"""For a handshake, a pong, or the answer to a subscription."""
STABLE_SECONDS = 60.0
"""A connection that has lasted this long makes up for the failures before it."""
BACKOFF_SECONDS, BACKOFF_CAP_SECONDS = 0.5, 30.0


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
        return any(screen.asked_at is not None or screen.behind for screen in self.screens.values())

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
            self._answered(self.screens.get(content.board))
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
        self._ping_at = now + PING_SECONDS
        self._pong_by = None
        self._unanswered = False
        self._ask(self.screens)

    def _back_off(self) -> None:
        for screen in self.screens.values():
            screen.asked_at = None
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
            return
        counts["diffs"] += 1
        if outcome is Outcome.RESYNC:
            if screen.asked_at is None:
                counts["gaps"] += 1
                self._ask([change.board])
            else:
                counts["early"] += 1
        elif outcome is Outcome.IGNORED:
            counts["ignored"] += 1

    def _answered(self, screen: Screen | None) -> None:
        if screen is None:
            return
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
        self._line.counts["subscribes"] += 1
        self._send("subscribe", boards=names, versions=self._versions(names))

    def _send(self, action: str, **fields: object) -> None:
        if self._socket is not None:
            self._socket.send(json.dumps({"action": action, **fields}))

    def _versions(self, boards: Iterable[str]) -> dict[str, dict[str, int]]:
        states = {board: self.screens[board].state for board in boards}
        return {board: state.position._asdict() for board, state in states.items() if state}


def _reason(error: Exception) -> str:
    """Return the same for the same failure, whatever the system says of it."""
    if isinstance(error, TimeoutError):
        return "no answer"
    return type(error).__name__ if isinstance(error, OSError) else str(error)


def _overdue(asked_at: float | None, now: float) -> bool:
    return asked_at is not None and now - asked_at > ANSWER_SECONDS
