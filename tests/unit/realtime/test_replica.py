"""A client's copy of a board, against a server that remembers everything it published."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import Entry, Position, diff
from game.scoring import Order
from realtime.replica import Outcome, Replica
from tests.unit.game.strategies import ORDERS, TIEBREAKS, boards


class Frame(NamedTuple):
    """A snapshot of `to`, or the diff from the version before it."""

    epoch: int
    to: int
    is_diff: bool


History = dict[Position, tuple[Entry, ...]]


@st.composite
def histories(draw: st.DrawFn, order: Order, tiebreak: Order | None) -> History:
    return {
        Position(epoch, version): draw(boards(order, tiebreak, max_size=3))
        for epoch in range(1, draw(st.integers(1, 2)) + 1)
        for version in range(1, draw(st.integers(1, 5)) + 1)
    }


@st.composite
def deliveries(draw: st.DrawFn, history: History) -> list[Frame]:
    """Any frames of the history, late, repeated, lost and reordered as it comes."""
    position = st.sampled_from(sorted(history))
    frame = st.builds(
        lambda at, is_diff: Frame(at.epoch, at.version, is_diff and at.version > 1), position, st.booleans()
    )
    return draw(st.lists(frame, max_size=12))


def take(replica: Replica, history: History, frame: Frame, tiebreak: Order | None) -> Outcome:
    at = Position(frame.epoch, frame.to)
    if not frame.is_diff:
        return replica.snapshot(at, history[at], tiebreak)
    before = history[at._replace(version=frame.to - 1)]
    return replica.diff(frame.epoch, frame.to - 1, frame.to, diff(before, history[at]))


def expected(held: Position | None, frame: Frame) -> tuple[Outcome, Position | None]:
    """Return the rules in their plainest form: the outcome of a frame, and what is held after it."""
    at = Position(frame.epoch, frame.to)
    same_epoch = held is not None and held.epoch == at.epoch
    if frame.is_diff:
        if held and same_epoch and at.version <= held.version:
            return Outcome.IGNORED, held
        if held and same_epoch and at.version == held.version + 1:
            return Outcome.APPLIED, at
        return Outcome.RESYNC, held
    if held and same_epoch and at.version < held.version:
        return Outcome.IGNORED, held
    return Outcome.APPLIED, at


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_replica_follows_the_rules_whatever_arrives(
    order: Order, tiebreak: Order | None, data: st.DataObject
) -> None:
    # One epoch: what a refused diff means for another epoch's snapshot is left open.
    history = {at: board for at, board in data.draw(histories(order, tiebreak)).items() if at.epoch == 1}
    replica, held, refused = Replica(order), None, list[int]()
    for frame in data.draw(deliveries(history)):
        outcome, held = expected(held, frame)
        assert take(replica, history, frame, tiebreak) is outcome
        assert replica.position == held
        if outcome is Outcome.RESYNC:
            refused.append(frame.to)
        assert replica.behind == (held is not None and any(to > held.version for to in refused))


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_what_is_held_is_always_what_was_published(
    order: Order, tiebreak: Order | None, data: st.DataObject
) -> None:
    history = data.draw(histories(order, tiebreak))
    replica = Replica(order)
    for frame in data.draw(deliveries(history)):
        before = replica.position
        take(replica, history, frame, tiebreak)
        if replica.position is None:
            assert replica.entries == ()
            continue
        assert replica.entries == history[replica.position]
        if before is not None and before.epoch == replica.position.epoch:
            assert replica.position.version >= before.version


@pytest.mark.parametrize("order", ORDERS)
@given(tiebreak=TIEBREAKS, data=st.data())
def test_asking_again_after_resync_makes_the_replica_current(
    order: Order, tiebreak: Order | None, data: st.DataObject
) -> None:
    history = data.draw(histories(order, tiebreak))
    replica = Replica(order)
    outcome = Outcome.RESYNC
    for frame in data.draw(deliveries(history)):
        outcome = take(replica, history, frame, tiebreak)
    newest = max(history)
    if outcome is Outcome.RESYNC:
        replica.snapshot(newest, history[newest], tiebreak)
        assert replica.position == newest
        assert replica.entries == history[newest]


def test_diff_that_overtook_its_snapshot_leaves_the_replica_behind() -> None:
    replica = Replica("desc")
    assert replica.diff(1, 2, 3, []) is Outcome.RESYNC
    replica.snapshot(Position(1, 2), [])
    assert replica.behind
    replica.snapshot(Position(1, 3), [])
    assert not replica.behind


def test_diffs_the_wrong_way_round_leave_the_replica_behind() -> None:
    replica = Replica("desc")
    replica.snapshot(Position(1, 5), [])
    assert replica.diff(1, 6, 7, []) is Outcome.RESYNC
    assert replica.diff(1, 5, 6, []) is Outcome.APPLIED
    assert replica.behind


def test_ignored_snapshot_leaves_the_replica_behind() -> None:
    replica = Replica("desc")
    replica.snapshot(Position(1, 9), [])
    assert replica.diff(1, 10, 11, []) is Outcome.RESYNC
    assert replica.snapshot(Position(1, 8), []) is Outcome.IGNORED
    assert replica.behind


def test_snapshot_of_another_epoch_is_taken_whatever_its_version() -> None:
    replica = Replica("desc")
    replica.snapshot(Position(1, 9), [])
    assert replica.snapshot(Position(2, 1), []) is Outcome.APPLIED
    assert replica.position == Position(2, 1)


def test_diff_of_another_epoch_asks_again() -> None:
    replica = Replica("desc")
    replica.snapshot(Position(1, 1), [])
    assert replica.diff(2, 1, 2, []) is Outcome.RESYNC
    assert replica.position == Position(1, 1)
