"""What ranks cost at ten million rows, simulated: the figures that docs/ranks.md promises."""

import pytest

from bench.memory_dynamo import item_bytes
from bench.rank_scene import BOARD, RankScene, Rows, rank_scene
from game.catalogue import Board
from game.rank_tree import NODE_BYTES
from store import ranks

ROWS = 10_000_000
FOREST = Board(id=BOARD, order="desc", top=50)


@pytest.fixture(scope="module")
def scene() -> RankScene:
    return rank_scene(ROWS)


async def test_rank_of_a_known_key_is_exact_and_takes_few_units(scene: RankScene) -> None:
    for _ in range(50):
        place = scene.random.randrange(ROWS)
        before = scene.dynamo.used.copy()
        found = await ranks.place(scene.db, FOREST, Rows(ROWS)[place])
        used = scene.dynamo.used - before
        assert found == (ROWS - 1 - place, ROWS)
        assert used.requests <= 5
        assert used.read <= 12
        assert used.write == 0


async def test_nodes_are_written_for_one_unit(scene: RankScene) -> None:
    assert max(map(item_bytes, scene.dynamo.nodes.values())) <= NODE_BYTES


@pytest.mark.parametrize(("batch", "reads", "writes"), [(1, 20, 13), (250, 16, 5)])
async def test_improved_score_takes_few_units(batch: int, reads: float, writes: float) -> None:
    scene = rank_scene(ROWS, seed=batch)
    scores = max(50, batch)
    used = await scene.improved(scores, batch)
    assert used.read / scores <= reads
    assert used.write / scores <= writes


async def test_small_board_takes_next_to_nothing() -> None:
    scene = rank_scene(60)
    used = await scene.improved(50, 1)
    # The root, a COUNT of its only leaf, and the root again; once or twice the leaf is cut.
    assert used.read / 50 < 8
    assert used.write / 50 < 1.2
