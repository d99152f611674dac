"""A client's copy of one board: what it does with each snapshot and diff, and when it must ask again.

The web client follows the same rules in JavaScript.
"""

from collections.abc import Sequence
from enum import Enum

from game.board import Change, Entry, Position, apply
from game.scoring import Order


class Outcome(Enum):
    """What became of a frame."""

    APPLIED = "applied"
    IGNORED = "ignored"
    RESYNC = "resync"
    """The frame does not follow from what the replica holds: subscribe again."""


class Replica:
    """One board as a client holds it; `position` is None until the first snapshot."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.position: Position | None = None
        self.entries: tuple[Entry, ...] = ()

    def snapshot(self, position: Position, entries: Sequence[Entry]) -> Outcome:
        """Take a snapshot, unless it is older than what is held in the same epoch."""
        held = self.position
        if held is not None and held.epoch == position.epoch and position.version < held.version:
            return Outcome.IGNORED
        self.position = position
        self.entries = tuple(entries)
        return Outcome.APPLIED

    def diff(self, epoch: int, from_version: int, to_version: int, changes: Sequence[Change]) -> Outcome:
        """Apply a diff that follows from what is held, ignore one that is not newer."""
        held = self.position
        if held is None or held.epoch != epoch:
            return Outcome.RESYNC
        if to_version <= held.version:
            return Outcome.IGNORED
        if from_version != held.version:
            return Outcome.RESYNC
        self.entries = apply(self._order, self.entries, changes)
        self.position = Position(epoch, to_version)
        return Outcome.APPLIED
