"""A client's copy of one board: what it does with each snapshot and diff, and when it must ask again.

The web client follows the same rules in JavaScript.
"""

from collections.abc import Sequence
from enum import Enum

from game.board import Change, Entry, Position, apply
from game.scoring import Order


class Outcome(Enum):
    """The outcome of a frame."""

    APPLIED = "applied"
    IGNORED = "ignored"
    RESYNC = "resync"
    """The diff does not follow from what is held: subscribe again, unless that is under way."""


class Replica:
    """One board as a client holds it; `position` is None until the first snapshot.

    Which tie-breaks are better, if the board has any, the snapshot says: a designer may turn that.

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

    @property
    def behind(self) -> bool:
        """Whether a diff was refused that is newer than what is held by now, in the same epoch."""
        if self.position is None or self._newest is None:
            return False
        return self._newest.epoch == self.position.epoch and self._newest.version > self.position.version

    def snapshot(
        self, position: Position, entries: Sequence[Entry], tiebreak: Order | None = None
    ) -> Outcome:
        """Take a snapshot, unless it is older than what is held in the same epoch."""
        held = self.position
        if held is not None and held.epoch == position.epoch and position.version < held.version:
            return Outcome.IGNORED
        self.position = position
        self.entries = tuple(entries)
        self.tiebreak = tiebreak
        return Outcome.APPLIED

    def diff(self, epoch: int, from_version: int, to_version: int, changes: Sequence[Change]) -> Outcome:
        """Apply a diff that follows from what is held, ignore one that is not newer.

        RESYNC: it is not applied.
        """
        held = self.position
        if held is not None and held.epoch == epoch:
            if to_version <= held.version:
                return Outcome.IGNORED
            if from_version == held.version:
                self.entries = apply(self._order, self.entries, changes, self.tiebreak)
                self.position = Position(epoch, to_version)
                return Outcome.APPLIED
        self._newest = max(self._newest or Position(epoch, to_version), Position(epoch, to_version))
        return Outcome.RESYNC
