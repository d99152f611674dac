"""Splitting a channel's connection ids into ranges."""

import base64
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.connections import EVERY_ID, IdRange
from streams.slices import split

IDS = st.text(min_size=1, max_size=24).filter(lambda text: not text.startswith("\0"))


def holds(ids: IdRange, connection_id: str) -> bool:
    """As DynamoDB compares: by the bytes of UTF-8."""
    key = connection_id.encode()
    return ids.first.encode() <= key and (ids.last is None or key <= ids.last.encode())


def counts(ranges: Sequence[IdRange], connection_ids: Sequence[str]) -> list[int]:
    return [sum(holds(ids, one) for one in connection_ids) for ids in ranges]


@given(st.lists(IDS, min_size=1), st.integers(1, 20), st.lists(IDS))
def test_every_id_is_in_exactly_one_range(known: list[str], parts: int, later: list[str]) -> None:
    least, greatest = min(known, key=str.encode), max(known, key=str.encode)
    ranges = split(least, greatest, parts)
    assert 1 <= len(ranges) <= parts
    for one in [*known, *later]:
        assert counts(ranges, [one]).count(1) == 1


@pytest.mark.parametrize("prefix", ["", "L0SM9c"])
@pytest.mark.parametrize("parts", [2, 8, 20])
def test_evenly_spread_ids_make_slices_of_like_size(prefix: str, parts: int) -> None:
    source = random.Random(7)
    ids = [prefix + base64.b64encode(source.randbytes(11)).decode() for _ in range(20_000)]
    ranges = split(min(ids), max(ids), parts)
    assert len(ranges) == parts
    mean = len(ids) / parts
    # The alphabet has characters that base64 does not use, and that leaves some ranges emptier.
    assert all(0.4 * mean < count < 1.6 * mean for count in counts(ranges, ids))


def test_one_id_is_one_range() -> None:
    assert split("same", "same", 8) == [EVERY_ID]


def test_ids_without_room_between_them_make_fewer_ranges() -> None:
    assert len(split("abc", "abc+", 8)) <= 2
