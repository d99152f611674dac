"""Frames as text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import Entry, Position, apply
from game.catalogue import Board
from game.scoring import Order
from realtime.protocol import (
    Announcement,
    Diff,
    ErrorFrame,
    Snapshot,
    encode,
    encode_change,
    encode_snapshot,
    explain,
)
from tests.unit.game.strategies import ORDERS, boards

FOREST = Board(id="forest", order="desc", top=50)
AT = Position(1_763_812_800_000, 12)


def entry(rank: int, name: str = "Ada") -> Entry:
    return Entry(
        rank=rank, user_id=f"player-{rank}", name=name, avatar=None, points=100 - rank, achieved_at=rank
    )


def change(old: list[Entry], new: list[Entry]) -> dict[str, Any]:
    text = encode_change(FOREST, AT, old, new)
    assert text is not None
    frame: dict[str, Any] = json.loads(text)
    return frame


def test_small_change_is_sent_as_a_diff() -> None:
    old = [entry(rank) for rank in range(1, 51)]
    assert change(old, [entry(1, "Grace"), *old[1:]]) == {
        "type": "diff",
        "board": "forest",
        "epoch": AT.epoch,
        "from": 12,
        "to": 13,
        "changes": [
            {
                "op": "set",
                "rank": 1,
                "userId": "player-1",
                "name": "Grace",
                "avatar": None,
                "score": 99,
                "achievedAt": 1,
            }
        ],
    }


def test_change_of_nearly_everything_is_sent_as_the_snapshot() -> None:
    old = [entry(rank) for rank in range(1, 51)]
    new = [entry(rank, "Grace") for rank in range(1, 51)]
    assert change(old, new) == {
        "type": "snapshot",
        "board": "forest",
        "epoch": AT.epoch,
        "version": 13,
        "size": 50,
        "entries": [one.model_dump(by_alias=True) for one in new],
    }


def test_board_that_emptied_is_sent_as_the_snapshot() -> None:
    assert change([entry(rank) for rank in range(1, 51)], [])["type"] == "snapshot"


def test_nothing_changed_is_no_frame() -> None:
    assert encode_change(FOREST, AT, [entry(1)], [entry(1)]) is None


@pytest.mark.parametrize("order", ORDERS)
@given(data=st.data())
def test_change_leads_to_the_next_version_whichever_it_is(order: Order, data: st.DataObject) -> None:
    old, new = data.draw(boards(order)), data.draw(boards(order))
    text = encode_change(FOREST, AT, old, new)
    if text is None:
        assert old == new
        return
    assert len(text) <= len(encode_snapshot(FOREST, AT._replace(version=13), new))
    if json.loads(text)["type"] == "snapshot":
        snapshot = Snapshot.model_validate_json(text)
        assert (snapshot.epoch, snapshot.version, snapshot.entries) == (AT.epoch, 13, new)
    else:
        diff = Diff.model_validate_json(text)
        assert (diff.epoch, diff.from_, diff.to) == (AT.epoch, 12, 13)
        assert apply(order, old, diff.changes) == new


def test_text_beyond_ascii_is_not_escaped() -> None:
    assert "Grüße \U0001f3c6" in encode(Announcement(channel="all", message={"text": "Grüße \U0001f3c6"}))


def test_error_frame_has_code_and_message() -> None:
    assert json.loads(encode(ErrorFrame(code="bad_frame", message="boards: no"))) == {
        "type": "error",
        "code": "bad_frame",
        "message": "boards: no",
    }


def test_explanation_names_every_field_and_stays_short() -> None:
    errors: list[dict[str, Any]] = [
        {"loc": ("boards", 1), "msg": "must be text"},
        {"loc": (), "msg": "is odd"},
    ]
    assert explain(errors) == "boards.1: must be text; is odd"
    assert len(explain(errors * 100)) == 500
