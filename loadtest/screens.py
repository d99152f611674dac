"""The boards on the screens of one process, and the check that the promise about them holds.

Every screen is a board's copy of its own, kept by a client's rules (`realtime.replica`): the position that it
has come to and the diffs that it refused are its own. What it SHOWS is one of few states, for the same frame
has the same effect on the same state, in every client. So a state is kept once however many screens show it,
and the effect of a frame on a state is worked out once. Thousands of screens then cost a look-up a frame:

    screen.take(frame): frame.steps[state] -> outcome, state afterwards; worked out at the first use
    screen.turn(now):   state.turned       -> the state after the season's end, likewise

What is promised, and checked here at each new step, without trust in `realtime.replica`:

- a diff is applied to the very version that it starts from, and leads to the next one; the first one of a
  season starts from the empty board
- within an epoch nothing goes back, and no board goes back to an earlier season
- one version of a board is the same on every screen
- a board is in its order, ranked from 1, and no longer than its size

Each step also notes when screens took it, in seconds since the start of play and in steps of 0.1 ms: that is
what latencies are made of (`loadtest.sightings`).
"""

import copy
import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from game.board import Entry, Position, ranked
from game.live import SPREAD_SECONDS
from game.scoring import Order
from realtime.protocol import Diff, ErrorFrame, ServerFrame, Snapshot
from realtime.replica import Outcome, Replica

TICKS = 10_000
"""Sightings are counted in ticks of a second's 10,000th part."""

# Each distinct frame is decoded once as long as it is among the last of them. A state is forgotten when its
# board has come further than frames are remembered, so that no step leads to a forgotten state.
_FRAMES = 512
_VERSIONS = 600
# A season that is over is needed a while longer: by who was away, and for frames that are late. In ticks.
_OLD_TICKS = 60

BoardChange = Snapshot | Diff
"""The frames that change what a board's screen shows."""

_FRAME: TypeAdapter[ServerFrame] = TypeAdapter(Annotated[ServerFrame, Field(discriminator="type")])


class _Key(NamedTuple):
    """The part of a replica that its next frames depend on, beside its entries."""

    position: Position
    season: int | None
    ends_at: int | None
    turning: bool


@dataclass(eq=False, slots=True)
class State:
    """A board as some screens show it. `replica` is never changed: a step works on a copy.

    turned: the step to the next season, once a screen has taken it. idle: ticks without a screen.
    """

    number: int
    board: str
    position: Position
    size: int
    replica: Replica
    holders: int = 0
    turned: "Step | None" = None
    idle: int = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that are shown."""
        return self.replica.entries


@dataclass(eq=False, slots=True)
class Step:
    """The effect of a frame on a screen that shows `before`.

    `seen` counts the screens that took the step: by (the second since which they were watching, the tick).
    """

    before: State | None
    after: State | None
    outcome: Outcome
    seen: Counter[tuple[int, int]] = field(default_factory=Counter)


@dataclass(eq=False, slots=True)
class Frame:
    """A decoded frame. `content` is None where it was not one of the protocol's; `problem` then says why."""

    content: ServerFrame | None
    problem: str
    steps: dict[State | None, Step] = field(default_factory=dict)


class Frames:
    """Decodes frames, each distinct one once."""

    def __init__(self) -> None:
        self._frames: dict[bytes, Frame] = {}

    def decode(self, payload: bytes) -> Frame:
        """Return the frame in a message."""
        frame = self._frames.get(payload)
        if frame is None:
            if len(self._frames) >= _FRAMES:
                del self._frames[next(iter(self._frames))]
            frame = self._frames[payload] = _decode(payload)
        return frame


class Boards:
    """The states of all boards on this process's screens. `broken` counts what must not be, by sentence."""

    def __init__(self, orders: dict[str, Order]) -> None:
        self.frames = Frames()
        self.broken: Counter[str] = Counter()
        self.histories = {board: History(board, order, self) for board, order in orders.items()}
        # What there is to report since the last time.
        self.states: list[State] = []
        self.steps: set[Step] = set()
        self._numbers = 0

    def screens(self) -> dict[str, "Screen"]:
        """Return one blank screen per board."""
        return {board: Screen(history) for board, history in self.histories.items()}

    def add(self, board: str, size: int, replica: Replica) -> State:
        """Add a new state."""
        self._numbers += 1
        state = State(self._numbers, board, position_of(replica), size, replica)
        self.states.append(state)
        return state


class History:
    """The states of one board."""

    def __init__(self, board: str, order: Order, boards: Boards) -> None:
        self.board = board
        self.boards = boards
        self._order = order
        self._states: dict[_Key, State] = {}

    def blank(self) -> Replica:
        """Return a replica that holds nothing yet."""
        return Replica(self._order)

    def step(self, before: State | None, frame: Frame, change: BoardChange) -> Step:
        """Return what a frame with this change does to screens at `before` that have refused nothing."""
        replica = copy.copy(before.replica) if before else self.blank()
        outcome, size = self.play(replica, before.size if before else 0, change)
        after = before
        # A snapshot of old entries may still say when the season ends.
        if outcome is not Outcome.RESYNC and replica.position is not None:
            after = self.state(replica, size)
        step = frame.steps[before] = Step(before, after, outcome)
        return step

    def turn(self, before: State, server_ms: float) -> "Step":
        """Return the step to the next season of screens at `before`, whose season has ended."""
        known = before.turned
        if known is None or known.after is None or self._states.get(_key(known.after.replica)) != known.after:
            replica = copy.copy(before.replica)
            replica.turn(server_ms)
            known = before.turned = Step(before, self.state(replica, before.size), Outcome.APPLIED)
        return known

    def play(self, replica: Replica, size: int, change: BoardChange) -> tuple[Outcome, int]:
        """Let a replica take a change, and check what it does; the outcome, and the board's size."""
        before = copy.copy(replica)
        if isinstance(change, Snapshot):
            size = change.size
        outcome = replica.take(change)
        if outcome is Outcome.APPLIED:
            self._check(before, replica, size, change)
        return outcome, size

    def state(self, replica: Replica, size: int) -> State:
        """Return the one state that shows what the replica does."""
        position, key = position_of(replica), _key(replica)
        known = self._states.get(key)
        if known and known.entries == replica.entries:
            return known
        # The replica that was given may have refused frames, which must not show in the others.
        state = self.boards.add(self.board, size, replica.without_refusals())
        if any(one.position == position and one.entries != state.entries for one in self._states.values()):
            self._break(not_the_same(position))
        if known is None:
            self._states[key] = state
        return state

    def held(self) -> Position | None:
        """Return the oldest position on a screen."""
        return min((state.position for state in self._states.values() if state.holders), default=None)

    def forget(self) -> list[State]:
        """Forget the states that no screen shows, but for the newest; those that were forgotten."""
        if not self._states:
            return []
        newest = max(key.position for key in self._states)
        for state in self._states.values():
            state.idle = 0 if state.holders else state.idle + 1
        old = [
            key
            for key, state in self._states.items()
            if not state.holders
            and (
                key.position.version < newest.version - _VERSIONS
                if key.position.epoch == newest.epoch
                else state.idle > _OLD_TICKS
            )
        ]
        return [self._states.pop(key) for key in old]

    def _check(self, before: Replica, replica: Replica, size: int, change: BoardChange) -> None:
        held, position = before.position, position_of(replica)
        if (
            replica.season is not None
            and before.season is not None
            and replica.season < before.season
            # The designer has prolonged a season that the screens took to be over.
            and not (replica.ends_at or 0) > (before.starts_at or math.inf)
        ):
            self._break(f"season {before.season} went back to season {replica.season}")
        if isinstance(change, Diff):
            turned = replica.season != before.season and change.from_ == 0
            if held != Position(change.epoch, change.from_) and not turned:
                self._break(f"a diff from {change.from_} was applied to {_named(held)}: a gap went unnoticed")
            if position != Position(change.epoch, change.from_ + 1) or change.to != change.from_ + 1:
                self._break(f"a diff from {change.from_} led to {_named(position)}")
        elif held and held.epoch == position.epoch and position.version < held.version:
            self._break(f"{_named(held)} went back to {_named(position)}")
        if replica.entries != ranked(self._order, replica.entries, replica.tiebreak):
            self._break(f"{_named(position)} is not in its order")
        if len(replica.entries) > size:
            self._break(
                f"{_named(position)} has {len(replica.entries)} entries, more than its size of {size}"
            )

    def _break(self, what: str) -> None:
        self.boards.broken[f"{self.board}: {what}"] += 1


class Screen:
    """One client's copy of one board."""

    __slots__ = (
        *("_own", "_refused", "ask_at", "asked_at", "history", "is_gap", "spread", "state"),
        "watching_since",
    )

    def __init__(self, history: History) -> None:
        self.history = history
        self.state: State | None = None
        self.asked_at: float | None = None
        """When the board was asked for, while there is no answer yet."""
        self.watching_since: int | None = None
        """The first full second of play in which the client counts as watching; None while it does not."""
        self.ask_at: float | None = None
        """When the board is to be asked for which has turned, unless what it misses has come by then."""
        self.is_gap = False
        """Whether that is for a diff which did not follow, and not only for the end of the new season."""
        self.spread = SPREAD_SECONDS
        # A replica of this screen alone, from a refused diff until the board has caught up with it.
        self._own: Replica | None = None
        self._refused: Position | None = None

    @property
    def replica(self) -> Replica | None:
        """What the screen goes by; not to be changed."""
        return self._own or (self.state.replica if self.state else None)

    @property
    def behind(self) -> bool:
        """Whether a newer diff was refused; see `Replica.behind`."""
        return self._own is not None and self._own.behind

    def take(self, frame: Frame, change: BoardChange, now: float) -> Outcome:
        """Take a frame and the change in it, `now` in seconds since the start of play."""
        if self._own is None:
            step = frame.steps.get(self.state) or self.history.step(self.state, frame, change)
            if step.outcome is not Outcome.RESYNC:
                if step.after is not step.before:
                    self._show(step, now)
                return step.outcome
            self._own = copy.copy(self.state.replica) if self.state else self.history.blank()
        return self._take_alone(self._own, change, now)

    def turn(self, server_ms: float, now: float) -> bool:
        """Turn to the next season if the one that is shown has ended; whether it has.

        server_ms: the server's clock, in milliseconds. now: seconds since the start of play.
        """
        replica = self.replica
        if self.state is None or replica is None or replica.ends_at is None or server_ms < replica.ends_at:
            return False
        if self._own is None:
            self._show(self.history.turn(self.state, server_ms), now)
        else:
            self._own.turn(server_ms)
            after = self.history.state(self._own, self.state.size)
            self._show(Step(self.state, after, Outcome.APPLIED), now)
        return True

    def watch(self, now: float) -> None:
        """Count as watching from now on, unless it does already."""
        if self.watching_since is None:
            self.watching_since = math.ceil(now)

    def leave(self, *, forget: bool) -> None:
        """Stop looking; `forget` also what was shown."""
        self.watching_since = None
        self.asked_at = self.ask_at = None
        self.is_gap = False
        if forget:
            self._own = self._refused = None
            if self.state:
                self.state.holders -= 1
            self.state = None

    def _take_alone(self, own: Replica, change: BoardChange, now: float) -> Outcome:
        outcome, size = self.history.play(own, self.state.size if self.state else 0, change)
        if outcome is Outcome.RESYNC and isinstance(change, Diff):
            refused = Position(change.epoch, change.to)
            self._refused = max(self._refused or refused, refused)
        if own.position is not None:
            # A diff that is refused may have turned the board all the same.
            after = self.history.state(own, size)
            if after is not self.state:
                self._show(Step(self.state, after, outcome), now)
        if outcome is Outcome.APPLIED and (self._refused is None or position_of(own) >= self._refused):
            self._own = self._refused = None
        return outcome

    def _show(self, step: Step, now: float) -> None:
        if step.before:
            step.before.holders -= 1
        if step.after:
            step.after.holders += 1
        self.state = step.after
        if self.watching_since is not None:
            step.seen[self.watching_since, int(now * TICKS)] += 1
            self.history.boards.steps.add(step)


def position_of(replica: Replica) -> Position:
    """Return the position of a replica. Raises ValueError when it holds nothing."""
    if replica.position is None:
        raise ValueError("a blank replica stands nowhere")
    return replica.position


def _key(replica: Replica) -> _Key:
    return _Key(position_of(replica), replica.season, replica.ends_at, replica.turning)


def not_the_same(position: Position) -> str:
    """Return the error of two screens that show one version differently."""
    return f"{_named(position)} is not the same on all screens"


def digest(entries: Sequence[Entry]) -> str:
    """Return a short text that is the same for the same entries, and for no others."""
    content = [entry.model_dump() for entry in entries]
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=12).hexdigest()


def _decode(payload: bytes) -> Frame:
    try:
        content = _FRAME.validate_json(payload)
    except ValidationError:
        return Frame(None, _problem(payload))
    return Frame(content, f"error frame: {content.code}" if isinstance(content, ErrorFrame) else "")


def _problem(payload: bytes) -> str:
    try:
        frame: Any = json.loads(payload)
    except ValueError:
        return "a frame that is not JSON"
    # API Gateway's own words for a handler that failed, which have no type.
    if isinstance(frame, dict) and "type" not in frame and isinstance(frame.get("message"), str):
        return f"gateway: {frame['message'][:80]}"
    return "a frame that is not in the protocol"


def _named(position: Position | None) -> str:
    return f"version {position.version} of epoch {position.epoch}" if position else "no version"
