"""The price of ranks: looked up in an index, and the index kept."""

import pytest

from bench.rank_scene import rank_scene
from cost import database_calls as calls
from cost.board_rates import board_rates
from cost.rank_upkeep import levels, upkeep
from cost.request_units import Ledger
from cost.traffic import traffic
from cost.workload import SECONDS_A_MONTH, Workload

# us-east-1, dollars per million: see cost/prices.py.
READ, WRITE = 0.125, 0.625


def test_own_ranks_of_a_million_players_are_under_200_dollars() -> None:
    game = Workload(players=1_000_000)
    ledger, players = Ledger(game), traffic(game)
    looked_up = ledger.units(calls.RANK).times(players.sessions * game.rank_lookups_per_session)
    kept = ledger.rank_units(board_rates(game))
    units = looked_up + kept
    month = SECONDS_A_MONTH / 1e6 * (units.reads * READ + units.writes * WRITE)
    assert 20 < month < 200


@pytest.mark.parametrize("batch", [1, 250])
async def test_model_agrees_with_the_real_index(batch: int) -> None:
    rows, scores = 1_000_000, max(50, batch)
    used = await rank_scene(rows).improved(scores, batch)
    modelled = upkeep(rows, batch)
    assert used.write / (scores / batch) == pytest.approx(modelled.nodes, rel=0.25)
    assert used.requests / (scores / batch) == pytest.approx(
        modelled.leaves + modelled.nodes + len(levels(rows)), rel=0.25
    )


def test_small_board_is_a_leaf_and_a_root() -> None:
    assert levels(5) == [1, 1]
    assert upkeep(5, 1) == upkeep(40, 100)
