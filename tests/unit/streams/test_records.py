"""Stream records, as AWS sends them and as it never should."""

from collections.abc import Callable
from typing import Any

import pytest

from game.scoring import decode
from streams.records import RecordError, Touch, parse
from tests.unit.events import recorded

NUMBER = "4421584500000000017450439091"
PLAYER = "87313b53-604d-4405-b676-4eb8a21c5969"


def record() -> dict[str, Any]:
    """Return a fresh copy of the recorded INSERT."""
    first: dict[str, Any] = recorded("dynamodb_stream")["Records"][0]
    return first


def test_recorded_events_are_read() -> None:
    insert, modify, remove = map(parse, recorded("dynamodb_stream")["Records"])
    assert insert == Touch(
        sequence_number=NUMBER,
        board="forest",
        sort_key=f"1000000000000420#998236187200500#{PLAYER}",
        achieved_at=1_763_812_799_499,
        written_at=1_763_812_800.0,
    )
    assert decode("desc", insert.sort_key)[:3] == (420, insert.achieved_at, PLAYER)
    # Another name rewrites the row of a score that was reached long ago.
    assert (modify.board, modify.achieved_at) == ("sprint", None)
    assert (remove.board, remove.achieved_at) == ("global", None)


def _without(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(odd: dict[str, Any]) -> None:
        for name in path[:-1]:
            odd = odd[name]
        del odd[path[-1]]

    return change


def _with(value: Any, *path: str) -> Callable[[dict[str, Any]], None]:
    def change(odd: dict[str, Any]) -> None:
        for name in path[:-1]:
            odd = odd[name]
        odd[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _without("dynamodb", "NewImage"),
        _without("dynamodb", "NewImage", "achievedAt"),
        _with(None, "dynamodb", "NewImage"),
        _with("image", "dynamodb", "NewImage"),
        _with({"S": "noon"}, "dynamodb", "NewImage", "achievedAt"),
        _with({"N": "noon"}, "dynamodb", "NewImage", "achievedAt"),
        _with({"N": "9" * 38}, "dynamodb", "NewImage", "achievedAt"),
        _with({"N": "-1"}, "dynamodb", "NewImage", "achievedAt"),
        _with({"NULL": True}, "dynamodb", "NewImage", "achievedAt"),
        _with({"X": 1}, "dynamodb", "NewImage", "name"),
    ],
)
def test_record_of_a_row_that_cannot_be_read_is_still_a_touch(
    change: Callable[[dict[str, Any]], None],
) -> None:
    odd = record()
    change(odd)
    touch = parse(odd)
    assert touch._replace(achieved_at=None) == parse(record())._replace(achieved_at=None)
    assert touch.achieved_at in (None, 1_763_812_799_499)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_without("dynamodb", "Keys"), "Keys"),
        (_without("dynamodb", "Keys", "gameArea"), "gameArea"),
        (_without("dynamodb", "Keys", "score"), "score"),
        (_without("dynamodb", "ApproximateCreationDateTime"), "ApproximateCreationDateTime"),
        (_with(None, "dynamodb", "ApproximateCreationDateTime"), "NoneType"),
        (_with("yesterday", "dynamodb", "ApproximateCreationDateTime"), "yesterday"),
        (_with(None, "dynamodb", "Keys"), "NoneType"),
        (_with([], "dynamodb", "Keys"), "list"),
        (_with("forest", "dynamodb", "Keys", "gameArea"), "str"),
        (_with({"X": "forest"}, "dynamodb", "Keys", "gameArea"), "X"),
        (_with({}, "dynamodb", "Keys", "gameArea"), "Error"),
    ],
)
def test_odd_record_is_named_by_its_number(change: Callable[[dict[str, Any]], None], named: str) -> None:
    odd = record()
    change(odd)
    with pytest.raises(RecordError) as caught:
        parse(odd)
    assert str(caught.value).startswith(f"record {NUMBER} cannot be read: ")
    assert named in str(caught.value)


@pytest.mark.parametrize("odd", [{}, {"dynamodb": None}, {"dynamodb": {}}, {"dynamodb": "change"}])
def test_record_without_a_number_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match=r"\(no number\)"):
        parse(odd)
