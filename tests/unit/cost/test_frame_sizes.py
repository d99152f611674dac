"""Sizes of frames: of frames that the protocol itself reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost import frame_sizes
from cost.frame_sizes import diff_bytes, metered, snapshot_bytes
from game.catalogue import TOP_LIMIT
from game.frames import FRAME_LIMIT
from realtime import protocol
from realtime.protocol import Diff, Snapshot

tops = st.integers(1, TOP_LIMIT)


@given(tops, st.booleans(), st.data())
def test_diff_is_a_real_one_and_no_larger_than_the_snapshot(
    top: int, portraits: bool, data: st.DataObject
) -> None:
    changes = data.draw(st.integers(1, top))
    old, new = (frame_sizes._entries(top, newcomers, portraits) for newcomers in (0, changes))
    frame = protocol.encode_change(frame_sizes.board(top), frame_sizes.POSITION, old, new)
    assert frame is not None
    if '"type":"diff"' in frame:
        assert len(Diff.model_validate_json(frame).changes) == 2 * changes
    else:
        assert Snapshot.model_validate_json(frame).entries == new
    size = diff_bytes(top, changes, float(portraits))
    assert size == len(frame.encode()) <= snapshot_bytes(top, float(portraits))


@given(tops, st.floats(0, 1))
def test_portraits_make_frames_larger_in_proportion(top: int, share: float) -> None:
    without, with_all = snapshot_bytes(top, 0), snapshot_bytes(top, 1)
    assert without < with_all <= FRAME_LIMIT
    assert snapshot_bytes(top, share) == pytest.approx(without + share * (with_all - without))


def test_more_changes_than_places_are_the_whole_board() -> None:
    assert diff_bytes(10, 500, 0) == snapshot_bytes(10, 0)


@pytest.mark.parametrize(
    ("size", "messages"), [(0, 1), (1, 1), (FRAME_LIMIT, 1), (FRAME_LIMIT + 1, 2), (128 * 1024, 4)]
)
def test_messages_are_counted_in_steps_of_32_kb(size: int, messages: int) -> None:
    assert metered(size) == messages
