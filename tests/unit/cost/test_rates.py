"""What happens a second, counted by hand where that can be done."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost import frame_sizes
from cost.board_rates import POLL_SECONDS, board_rates
from cost.rates import REST_BYTES, rates
from cost.request_units import SWEEP_SECONDS
from cost.traffic import START_REQUESTS, VISIT_REQUESTS, shares
from cost.workload import Workload
from game.live import PING_SECONDS
from tests.unit.cost.workloads import still, workloads


def test_still_game_is_sessions_and_pings() -> None:
    second = rates(still())
    assert second.rest_requests == START_REQUESTS
    # An upgrade, a subscribe, and two pings with their pongs.
    assert second.messages == pytest.approx(2 + 2 + 2)
    assert second.requests == pytest.approx(START_REQUESTS + 6)
    assert second.pushes == second.versions == second.scores == 0
    # Four of the session (the authorizer among them), its requests, its pings; and the sweep.
    assert second.invocations == pytest.approx(4 + START_REQUESTS + 2 + 1 / SWEEP_SECONDS)
    assert second.out_bytes == pytest.approx(START_REQUESTS * REST_BYTES + 2 * frame_sizes.pong_bytes())


def test_prizes_cost_a_list_per_session_and_a_claim_per_winner() -> None:
    base, asked = rates(still()), rates(still(reward_lists_per_session=1))
    assert asked.rest_requests - base.rest_requests == pytest.approx(1)
    # Of a day, one in ten of 86,400 players.
    won = rates(still(prize_share=0.1, season_days=1))
    assert won.rest_requests - base.rest_requests == pytest.approx(0.1)
    assert won.write_units - base.write_units == pytest.approx(0.1 * 2 * 7)


def test_spectator_costs_a_visit_and_the_pushes_of_a_player() -> None:
    game = still(scores_per_second=2, change_share=1, improving_share=1, window=0, boards_followed=1)
    alone, watched = rates(game), rates(game.with_changes(spectators=500))
    assert watched.connected - alone.connected == 500
    assert watched.pushes / alone.pushes == pytest.approx(watched.connected / alone.connected)
    visits = 500 / (game.session_minutes * 60)
    # The authorizer, $connect, subscribe and $disconnect; the pings; the configuration and the catalogue.
    routes = visits * 4 + 500 / PING_SECONDS
    assert watched.invocations - alone.invocations == pytest.approx(routes + visits * VISIT_REQUESTS)
    assert watched.scores == alone.scores
    assert watched.write_units > alone.write_units


def test_browser_asks_once_for_each_address() -> None:
    game = still(actions_per_session=9, rank_lookups_per_session=2, scores_per_second=5)
    native, browser = rates(game), rates(game.with_changes(browser_share=0.5))
    # Profile, progress and shop; score; rank; the four that act.
    assert browser.rest_requests - native.rest_requests == pytest.approx(0.5 * (3 + 1 + 1 + 4))


def test_still_game_reads_and_writes_what_its_sessions_do() -> None:
    second = rates(still())
    idle = rates(still(sessions_per_day=0))
    # Two rows of a connection come, are written again when it subscribes, and go; each is in the index too.
    assert second.write_units - idle.write_units == pytest.approx(2 * 2 + 2 * 2 + 2 * 2)
    # The index once, the player's other connections, and four looks for a tombstone: when connecting and
    # subscribing, and with profile and progress; and what the player has on boards.
    assert second.read_units - idle.read_units == pytest.approx(0.5 + 1 + 1 + 1 + 2 + 2 + 1)


def test_every_score_that_changes_a_board_is_pushed_to_all_who_follow_it() -> None:
    workload = still(scores_per_second=0.001, change_share=1, improving_share=1, boards=3, boards_followed=2)
    second = rates(workload)
    # The global board for everybody, and each of the two areas for half of them; hardly ever two in a window.
    assert second.pushes == pytest.approx(0.001 * 600 + 0.001 * 300, rel=0.01)
    assert second.versions == pytest.approx(0.002, rel=0.01)


@pytest.mark.parametrize("window", [0, 1, 10])
def test_busy_board_has_a_version_a_window(window: float) -> None:
    workload = still(scores_per_second=1e5, change_share=1, window=window)
    board, _ = board_rates(workload)
    assert (
        board.versions
        == pytest.approx(board.batches)
        == pytest.approx(1 / max(window, POLL_SECONDS), rel=0.01)
    )


def test_quiet_board_has_a_version_a_change() -> None:
    workload = still(scores_per_second=1e-4, change_share=0.1, improving_share=0.5, window=10)
    board, _ = board_rates(workload)
    assert board.batches == pytest.approx(0.5e-4, rel=0.01)
    assert board.versions == pytest.approx(1e-5, rel=0.01)


def test_pushes_take_what_the_quota_leaves_and_are_conflated_to_snapshots() -> None:
    workload = still(
        players=86_400_000, scores_per_second=100, change_share=1, boards_followed=1, requests_quota=12_000
    )
    second = rates(workload)
    assert second.wanted_pushes > 100 * second.pushes
    assert second.pushes + second.requests == pytest.approx(12_000)
    # Nearly every frame stands for several versions.
    frames = second.out_bytes - rates(workload.with_changes(scores_per_second=0)).out_bytes
    frames -= 100 * REST_BYTES
    snapshot = frame_sizes.snapshot_bytes(workload.top, 0)
    assert frames / second.pushes == pytest.approx(snapshot, rel=0.02)


def test_several_functions_push_beside_one_another_above_the_limit() -> None:
    few = still(
        scores_per_second=1, change_share=1, boards_followed=1, direct_limit=600, requests_quota=1_000_000
    )
    many = few.with_changes(direct_limit=599)
    versions = board_rates(few)[0].versions
    assert rates(many).invocations - rates(few).invocations == pytest.approx(8 * versions)
    # Each pushes as fast as it can, so together they take no longer.
    assert rates(many).gb_seconds == pytest.approx(rates(few).gb_seconds)


@pytest.mark.parametrize(
    ("quota", "push_seconds"), [(1_000_000, lambda _: 1 / 3_000), (1_000, lambda room: 8 / room)]
)
def test_pushers_who_wait_for_the_quota_are_paid_for(
    quota: float, push_seconds: Callable[[float], float]
) -> None:
    game = still(scores_per_second=1, change_share=1, boards_followed=1, direct_limit=1, requests_quota=quota)
    second, silent = rates(game), rates(game.with_changes(boards_followed=0))
    room = quota - second.requests
    assert second.running - silent.running == pytest.approx(second.pushes * push_seconds(room))


def test_shares_are_derived_from_a_season_or_as_given() -> None:
    derived = shares(Workload())
    assert 0 < derived.changing < derived.improving < 1
    assert shares(Workload(season_days=1)).changing > derived.changing
    given = shares(Workload(change_share=0.5))
    assert given.changing == 0.5
    # Only a player's best can change a board.
    assert given.improving == 0.5


@given(workloads, st.floats(0, 10))
def test_rates_are_finite_and_not_negative(workload: Workload, activity: float) -> None:
    second = rates(workload, activity)
    for name, value in vars(second).items():
        assert math.isfinite(value), name
        assert value >= 0, name
    assert second.pushes <= second.wanted_pushes * (1 + 1e-9)
    room = max(0.0, workload.requests_quota - second.requests)
    assert second.pushes <= room * (1 + 1e-9)
    assert second.messages >= second.pushes
    assert second.improved <= second.scores * (1 + 1e-9)


@given(workloads, st.floats(1, 10))
def test_longer_window_wants_no_more_pushes(workload: Workload, longer: float) -> None:
    later = workload.with_changes(window=min(300, workload.window * longer))
    assert rates(later).wanted_pushes <= rates(workload).wanted_pushes * (1 + 1e-9) + 1e-12


@given(workloads)
def test_versions_are_no_more_than_changes_and_batches(workload: Workload) -> None:
    for board in board_rates(workload):
        assert board.versions <= board.changes * (1 + 1e-9) + 1e-12
        assert board.versions <= board.batches * (1 + 1e-9)
        assert board.batches <= board.records * (1 + 1e-9)
