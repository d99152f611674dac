"""The promise of the rank index, under injected faults: when scores stop, every rank is the brute-force one.

Plans come from hypothesis and shrink: rows that come and go, and batches of their records that are split,
doubled and late, for several consumers at once. In which order requests take effect, who dies before which of
them, and which write is reported as failed that was none, follows from a seed. `--promise-runs` sets how many
plans are tried. What random plans do not find is in test_rank_interleavings.py.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from game.scoring import Order
from tests.simulation.rank_world import ORDERS, RankWorld, check_ranks, scene, small_trees
from tests.simulation.schedule import Schedule, at_random

RUNS = 150

KEYS = st.text("abc", min_size=1, max_size=4)


class Score(NamedTuple):
    """Rows that are written and deleted at once, and the batches in which their records come."""

    put: Sequence[str]
    delete: Sequence[str]
    batches: Sequence[Sequence[str]]


@st.composite
def scores(draw: st.DrawFn) -> Score:
    put, delete = draw(st.lists(KEYS, max_size=6)), draw(st.lists(KEYS, max_size=3))
    # A row that is put and deleted at once is deleted.
    records = [*put, *delete]
    cut = draw(st.integers(0, len(records)))
    again = draw(st.lists(st.sampled_from(records), max_size=3)) if records else []
    return Score(put, delete, [batch for batch in (records[:cut], records[cut:], again) if batch])


LOOKS = st.lists(st.tuples(KEYS, st.sampled_from(ORDERS)), max_size=2)


def test_ranks_become_what_the_rows_say(request: pytest.FixtureRequest) -> None:
    runs = request.config.getoption("--promise-runs")
    looked_up = 0

    @settings(
        max_examples=runs or RUNS,
        derandomize=runs is None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        begin=st.lists(KEYS, max_size=20, unique=True),
        indexed=st.booleans(),
        plan=st.lists(scores(), min_size=1, max_size=5),
        looks=LOOKS,
        unreadable=st.sets(KEYS, max_size=2),
        page_rows=st.sampled_from([None, 1, 2]),
        deaths=st.integers(0, 2),
        lies=st.integers(0, 2),
        seed=st.integers(0, 2**32),
    )
    def promise(
        begin: Sequence[str],
        indexed: bool,
        plan: Sequence[Score],
        looks: Sequence[tuple[str, Order]],
        unreadable: set[str],
        page_rows: int | None,
        deaths: int,
        lies: int,
        seed: int,
    ) -> None:
        start = scene(begin, indexed=indexed and not unreadable)

        async def live() -> None:
            nonlocal looked_up
            schedule = Schedule(at_random(seed), deaths=deaths, lies=lies, in_order=False)
            world = RankWorld(start, schedule, page_rows=page_rows)
            world.dynamo.unreadable |= unreadable
            for number, score in enumerate(plan):
                world.score(f"scorer {number}", *score)
            for number, (key, order) in enumerate(looks):
                # What brute force counts here are readable rows and others.
                if not unreadable:
                    world.reader(f"reader {number}", key, order)
            await world.finish()
            await check_ranks(world.dynamo)
            assert not world.mended
            looked_up += world.looked_up

        asyncio.run(live())

    with small_trees():
        promise()
    assert looked_up > (runs or RUNS) / 10
