"""Every order in which the requests of two consumers can take effect, in small scenes.

Random plans (test_rank_promise.py) do not find every error: some need one order among thousands.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from store.errors import ConflictError
from store.rank_index import RankIndex
from tests.simulation import broken_ranks
from tests.simulation.rank_world import Index, RankWorld, scene, small_trees
from tests.simulation.schedule import Choose, Schedule, every_order

MOST = 50_000


@dataclass(frozen=True)
class Scenario:
    """Two actors at work on a scene of these rows."""

    rows: str
    play: Callable[[RankWorld], None]
    indexed: bool = True
    leaf_rows: int = 2
    faults: Mapping[str, Any] = field(default_factory=dict)


def same_leaf(world: RankWorld) -> None:
    world.scorer("ada", put=["aa"])
    world.scorer("bob", put=["ab"])


def there_and_back(world: RankWorld) -> None:
    world.scorer("ada", put=["aa"])
    world.scorer("bob", delete=["a"])


def far_apart(world: RankWorld) -> None:
    world.scorer("ada", put=["aa"])
    world.scorer("bob", delete=["h"])


def improve(world: RankWorld) -> None:
    world.scorer("ada", put=["cc"], delete=["a"])
    world.scorer("bob", put=["cd"], delete=["g"])


def split(world: RankWorld) -> None:
    world.scorer("ada", put=["ca"])
    world.scorer("bob", put=["cb"])


def split_apart(world: RankWorld) -> None:
    world.scorer("ada", put=["hb"])
    world.scorer("bob", put=["ha"])


def build(world: RankWorld) -> None:
    world.builder("builder")
    world.scorer("ada", put=["aa"])


ONE_DEATH = {"deaths": 1}
FEW_SWITCHES = {"switches": 3}

SCENARIOS = {
    "one leaf": Scenario("ab", same_leaf, leaf_rows=9),
    "one leaf, in and out": Scenario("ab", there_and_back, leaf_rows=9),
    "one leaf, one death": Scenario("ab", there_and_back, leaf_rows=9, faults=ONE_DEATH),
    "one leaf, a false report": Scenario("ab", same_leaf, leaf_rows=9, faults={"switches": 3, "lies": 1}),
    "first build": Scenario("ab", same_leaf, indexed=False, leaf_rows=9),
    "first build, one death": Scenario("", same_leaf, indexed=False, leaf_rows=9, faults=ONE_DEATH),
    "leaf split": Scenario("ab", same_leaf, faults={"switches": 4}),
    "leaf split, one death": Scenario("ab", same_leaf, faults={"switches": 2, **ONE_DEATH}),
    "root grows": Scenario("abcdef", improve, faults=FEW_SWITCHES),
    "two levels": Scenario("abcdefgh", far_apart, faults=FEW_SWITCHES),
    "two levels, one death": Scenario("abcdefgh", far_apart, faults={"switches": 2, "deaths": 1}),
    "node split": Scenario("abcdefgh", split, faults=FEW_SWITCHES),
    "node split, one death": Scenario("abcdefgh", split, faults={"switches": 2, "deaths": 1}),
    "node split, another's key": Scenario("abcdefgh", split_apart, faults=FEW_SWITCHES),
    "large first build": Scenario("abcdef", build, indexed=False, faults={"switches": 2}),
}


def run(scenario: Scenario, index: Index = RankIndex, most: int = MOST) -> int:
    with small_trees(leaf_rows=scenario.leaf_rows), asyncio.Runner() as runner:
        begin = scene(scenario.rows, indexed=scenario.indexed)

        def once(choose: Choose) -> None:
            async def live() -> None:
                world = RankWorld(begin, Schedule(choose, **scenario.faults), index)
                scenario.play(world)
                await world.finish()
                assert not world.mended

            runner.run(live())

        return every_order(once, most=most)


@pytest.mark.parametrize("name", SCENARIOS)
def test_counts_are_true_in_every_order(name: str) -> None:
    assert run(SCENARIOS[name]) < MOST


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (broken_ranks.SkipsEqual, "one leaf, in and out"),
        (broken_ranks.CountsFirst, "one leaf"),
        (broken_ranks.ReadsChildFirst, "two levels"),
        (broken_ranks.HoldsOn, "one leaf"),
        (broken_ranks.StopsWhenRight, "two levels"),
        (broken_ranks.TrustsIds, "node split, another's key"),
        (broken_ranks.SplitsOneByOne, "node split, one death"),
        (broken_ranks.GrowsFirst, "large first build"),
        (broken_ranks.CountsBeforeRoot, "first build"),
        (broken_ranks.PassesByUncounted, "large first build"),
    ],
)
def test_each_rule_is_needed(index: Index, name: str) -> None:
    with pytest.raises((AssertionError, ConflictError)):
        run(SCENARIOS[name], index)
