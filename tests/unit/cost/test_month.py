"""The bill."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost.month import bill
from cost.prices import load_prices
from cost.workload import SECONDS_A_MONTH, Workload
from tests.unit.cost.workloads import still, workloads

PRICES = load_prices()


def lines(workload: Workload) -> dict[str, tuple[float, float]]:
    """Quantity and USD by the price's name."""
    return {line.price: (line.quantity, line.usd) for line in bill(workload, PRICES).lines}


def test_still_game_by_hand() -> None:
    found = lines(still())
    month = SECONDS_A_MONTH
    assert found["api_gateway.rest_requests"] == pytest.approx((4 * month, 4 * month * 3.5e-6))
    assert found["api_gateway.websocket_messages"] == pytest.approx((6 * month, 6 * month * 1e-6))
    assert found["api_gateway.connection_minutes"] == pytest.approx((10 * month, 10 * month * 0.25e-6))
    assert found["cognito.essentials_players"] == pytest.approx((86_400, 76_400 * 0.015))
    invocations = (10 + 1 / 60) * month
    assert found["lambda.requests"] == pytest.approx((invocations, (invocations - 1e6) * 0.2e-6))
    seconds = ((4 * 1024 + 6 * 512) * 0.04 + 0.06 / 60 * 1024) / 1024 * month
    assert found["lambda.gb_seconds"] == pytest.approx((seconds, (seconds - 400_000) * 0.0000133334))
    assert found["ses.emails"] == found["s3.put_requests"] == (0, 0)


def test_total_is_the_sum_of_its_lines_and_services() -> None:
    month = bill(Workload(), PRICES)
    assert month.usd == pytest.approx(sum(line.usd for line in month.lines))
    assert month.usd == pytest.approx(sum(month.by_service.values()))
    assert {line.price for line in month.lines} <= PRICES.named.keys()


def test_busy_evenings_cost_more_than_even_days() -> None:
    """Changes and clients come together: a mean of products, not a product of means."""
    game = Workload(change_share=0.01, players=200_000)
    even = bill(game.with_changes(peak_factor=1), PRICES).mean.pushes
    busy = bill(game.with_changes(peak_factor=3), PRICES).mean.pushes
    assert busy > 1.5 * even


def test_plan_of_the_user_pool_is_the_one_that_is_billed() -> None:
    found = lines(Workload(players=100_000, cognito_plan="lite"))
    assert found["cognito.lite_players"] == pytest.approx((100_000, 90_000 * 0.0055))
    assert "cognito.essentials_players" not in found


def test_only_new_players_with_a_password_of_their_own_get_an_email() -> None:
    game = Workload(players=10_000, new_share=0.4, google_share=0.25, guest_share=0.5)
    assert lines(game)["ses.emails"][0] == pytest.approx(1_500)


def test_guests_are_priced_as_monthly_players() -> None:
    guests, none = (
        lines(Workload(players=100_000, new_share=1, google_share=0, guest_share=share)) for share in (1, 0)
    )
    assert guests["cognito.essentials_players"] == none["cognito.essentials_players"]
    assert guests["cognito.essentials_players"] == pytest.approx((100_000, 90_000 * 0.015))
    assert guests["ses.emails"][0] == 0
    # A guest is counted; Cognito asks about every new player.
    assert guests["dynamodb.write_units"][0] - none["dynamodb.write_units"][0] == pytest.approx(100_000)
    assert guests["lambda.requests"] == none["lambda.requests"]
    old = lines(Workload(players=100_000, new_share=0))
    assert none["lambda.requests"][0] - old["lambda.requests"][0] == pytest.approx(100_000)


@settings(max_examples=50)
@given(workloads)
def test_allowances_only_save(workload: Workload) -> None:
    full = workload.with_changes(free_tier=False)
    assert 0 <= bill(workload, PRICES).usd <= bill(full, PRICES).usd


@settings(max_examples=50)
@given(workloads, st.floats(1, 100))
def test_more_players_cost_more(workload: Workload, times: float) -> None:
    game = workload.with_changes(change_share=0.001, improving_share=0.1, requests_quota=1e7)
    more = game.grown(int(game.players * times))
    assert bill(more, PRICES).usd >= bill(game, PRICES).usd * (1 - 1e-9)
