"""A client's copy of one board: what it does with each snapshot and diff, and when it must ask again.

The web client follows the same rules in JavaScript.

**Seasons.** A board that has them begins again at a time that each client knows. It turns by itself, to
version 0 of the epoch that is the season's start: the empty board. So at the boundary no frame has to arrive
in time, and no client has to ask. What comes later fits on top of it:

    own clock says `endsAt`      -> turn: (endsAt, 0, no entries); when this season ends is not known yet
    frame of a newer season      -> turn too, and take the frame, as far as it follows
    frame of an older season     -> ignored, but for a snapshot that says that the season left goes on
    snapshot of the season held  -> says when it ends, even where its entries are older than those held
    diff that does not follow    -> RESYNC: ask at once; where `turning` after a random time up to `spread`,
                                    for what one client missed at a turn, a million others have missed too

A client that does not learn when the new season ends (`is_told`) has to ask for it, when the snapshot that
the server pushes has had its time.
"""

import copy
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from game.board import Change, Entry, Position, apply
from game.scoring import Order
from realtime.protocol import Diff, Snapshot


class Outcome(Enum):
    """The outcome of a frame."""

    APPLIED = "applied"
    IGNORED = "ignored"
    RESYNC = "resync"
    """The diff does not follow from what is held: subscribe again, unless that is under way."""


class Season(NamedTuple):
    """What a snapshot says of its season: the number, and its times in milliseconds since the epoch."""

    number: int
    starts_at: int
    ends_at: int


class _Turn(Enum):
    """How a board turned of which nothing was taken since."""

    GUESSED = "guessed"
    """By the own clock, and nothing was heard of the new season yet."""
    TOLD = "told"


class ServerClock:
    """The server's clock as a client knows it: never ahead of it, and behind by what a frame takes to arrive.

    monotonic: a clock that is never set, in milliseconds. It is corrected by the largest difference between a
    frame's `now` and its receipt: the frame that took the shortest time. Each connection begins again,
    for clocks drift; until it has told the time, what the last one told holds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._ahead: float | None = None
        self._is_new = True

    def connected(self) -> None:
        """Begin with a new connection."""
        self._is_new = True

    def heard(self, now: int) -> None:
        """Take the `now` of a frame that has just arrived, in milliseconds since the epoch."""
        ahead = now - self._monotonic()
        if self._is_new or self._ahead is None or ahead > self._ahead:
            self._ahead = ahead
        self._is_new = False

    def now(self) -> float | None:
        """Return the time in milliseconds since the epoch; None before any was heard."""
        return None if self._ahead is None else self._monotonic() + self._ahead


class Replica:
    """One board as a client holds it; `position` is None until the first snapshot.

    Which tie-breaks are better, if the board has any, the snapshot says: a designer may turn that.
    `season`, `starts_at` and `ends_at` are None on a board without seasons, and the times while not known.

    Frames to one connection are not ordered among themselves. So a diff can overtake the snapshot that it
    follows from: it is not kept, but remembered, and the replica counts as `behind`. Look there whenever a
    subscription is answered, and if it is, subscribe again.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self.tiebreak: Order | None = None
        self._newest: Position | None = None
        self.position: Position | None = None
        self.entries: tuple[Entry, ...] = ()
        self.season: int | None = None
        self.starts_at: int | None = None
        self.ends_at: int | None = None
        self._turn: _Turn | None = None

    @property
    def behind(self) -> bool:
        """Whether a diff was refused that is newer than what is held by now, in the same epoch."""
        if self.position is None or self._newest is None:
            return False
        return self._newest.epoch == self.position.epoch and self._newest.version > self.position.version

    @property
    def turning(self) -> bool:
        """Whether the board has turned, and nothing of the new season was taken yet."""
        return self._turn is not None

    @property
    def is_told(self) -> bool:
        """Whether it is known when the season ends, if there is one."""
        return self.season is None or self.ends_at is not None

    def without_refusals(self) -> "Replica":
        """Return a copy that has refused no diff."""
        fresh = copy.copy(self)
        fresh._newest = None  # noqa: SLF001 -- of the same class
        return fresh

    def turn(self, now: float) -> bool:
        """Turn to the next season if this one has ended, by the server's clock; return whether it has."""
        if self.season is None or self.ends_at is None or now < self.ends_at:
            return False
        self._turn_to(self.season + 1, self.ends_at, self.ends_at)
        self._turn = _Turn.GUESSED
        return True

    def take(self, frame: Snapshot | Diff) -> Outcome:
        """Take a frame of this board: see `snapshot` and `diff`."""
        if isinstance(frame, Diff):
            return self.diff(frame.epoch, frame.from_, frame.to, frame.changes, frame.season)
        season = None
        if frame.season is not None and frame.starts_at is not None and frame.ends_at is not None:
            season = Season(frame.season, frame.starts_at, frame.ends_at)
        return self.snapshot(Position(frame.epoch, frame.version), frame.entries, frame.tiebreak, season)

    def snapshot(
        self,
        position: Position,
        entries: Sequence[Entry],
        tiebreak: Order | None = None,
        season: Season | None = None,
    ) -> Outcome:
        """Take a snapshot, unless it is older than what is held in the same epoch, or of an older season."""
        held = self.position
        if season is not None and self.season is not None:
            if season.number < self.season and not self._goes_on(season):
                return Outcome.IGNORED
            if season.number == self.season and not self.is_told:
                self.starts_at, self.ends_at = season.starts_at, season.ends_at
        if held is not None and held.epoch == position.epoch and position.version < held.version:
            return Outcome.IGNORED
        self.position = position
        self.entries = tuple(entries)
        self.tiebreak = tiebreak
        self.season, self.starts_at, self.ends_at = season or (None, None, None)
        self._turn = None
        return Outcome.APPLIED

    def diff(
        self,
        epoch: int,
        from_version: int,
        to_version: int,
        changes: Sequence[Change],
        season: int | None = None,
    ) -> Outcome:
        """Apply a diff that follows from what is held, ignore one that is not newer.

        RESYNC: it is not applied. The board may have turned all the same.
        """
        if self.position is not None and season is not None and self.season is not None:
            if season < self.season:
                return Outcome.IGNORED
            self._follow(season, epoch, from_version)
        held = self.position
        if held is not None and held.epoch == epoch:
            if to_version <= held.version:
                return Outcome.IGNORED
            if from_version == held.version:
                self.entries = apply(self._order, self.entries, changes, self.tiebreak)
                self.position = Position(epoch, to_version)
                self._turn = None
                return Outcome.APPLIED
        self._newest = max(self._newest or Position(epoch, to_version), Position(epoch, to_version))
        return Outcome.RESYNC

    def _goes_on(self, season: Season) -> bool:
        """Return whether a season that was left by the own clock ends later than it was said to.

        A designer may prolong the season that is open.
        """
        is_guess = self._turn is _Turn.GUESSED and season.number + 1 == self.season
        return is_guess and self.starts_at is not None and season.ends_at > self.starts_at

    def _follow(self, season: int, epoch: int, from_version: int) -> None:
        """Turn as a diff of this season or a newer one says."""
        if season == self.season and not self.turning:
            return
        if from_version == 0:
            # Only the first epoch of a season has a version 0, and that epoch is its start.
            if season != self.season or self.position != Position(epoch, 0):
                self._turn_to(season, epoch, epoch)
        elif season != self.season:
            starts_at = self.ends_at if self.season is not None and season == self.season + 1 else None
            self._turn_to(season, epoch if starts_at is None else starts_at, starts_at)
        self._turn = _Turn.TOLD

    def _turn_to(self, season: int, epoch: int, starts_at: int | None) -> None:
        self.season, self.starts_at, self.ends_at = season, starts_at, None
        self.position = Position(epoch, 0)
        self.entries = ()
