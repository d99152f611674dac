"""Frames as text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import Entry, Position, apply
from game.catalogue import FRAME_OVERHEAD, Board
from game.scoring import TIME_LIMIT, Order
from game.seasons import Moment, Seasons
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


WEEK_MS = 7 * 24 * 60 * 60 * 1000
WEEKLY = Seasons.model_validate({"start": "2026-01-05T00:00:00Z", "every": "7d"})
WEEK = FOREST.model_copy(update={"id": "forest-week", "season_id": "weekly", "seasons": WEEKLY}).in_season(12)
MOMENT = Moment(now=WEEKLY.starts_at(12) + 5, spread=10)


def test_snapshot_of_a_season_says_which_it_is_and_when_it_ends() -> None:
    starts_at = WEEKLY.starts_at(12)
    frame = json.loads(encode_snapshot(WEEK, Position(starts_at, 0), [], MOMENT))
    assert frame == {
        "type": "snapshot",
        "board": "forest-week",
        "epoch": starts_at,
        "version": 0,
        "size": 50,
        "season": 12,
        "startsAt": starts_at,
        "endsAt": starts_at + WEEK_MS,
        "now": starts_at + 5,
        "spread": 10,
        "entries": [],
    }


def test_what_a_season_adds_to_a_snapshot_stays_within_the_overhead_of_a_frame() -> None:
    board = WEEK.model_copy(update={"id": "f" * 32}).in_season(10**9)
    position = Position(TIME_LIMIT - 1, 2**53 - 1)
    assert len(encode_snapshot(board, position, [], Moment(TIME_LIMIT - 1, 10**9))) < FRAME_OVERHEAD


def test_frames_of_a_board_without_seasons_say_nothing_of_them() -> None:
    frame = json.loads(encode_snapshot(FOREST, AT, [entry(1)], MOMENT))
    assert frame.keys() == {"type", "board", "epoch", "version", "size", "entries"}
    old = [entry(rank) for rank in range(1, 51)]
    assert "season" not in change(old, old[1:])


def test_diff_of_a_season_says_which_it_is() -> None:
    old = [entry(rank) for rank in range(1, 51)]
    text = encode_change(WEEK, AT, old, old[1:], MOMENT)
    assert text is not None
    assert (json.loads(text)["type"], json.loads(text)["season"]) == ("diff", 12)


def test_first_frame_of_a_season_is_a_snapshot_because_diffs_do_not_say_when_it_ends() -> None:
    text = encode_change(WEEK, Position(WEEKLY.starts_at(12), 0), [], [entry(1)], MOMENT)
    assert text is not None
    frame = Snapshot.model_validate_json(text)
    assert (frame.version, frame.ends_at) == (1, WEEKLY.ends_at(12))


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
