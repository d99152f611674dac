"""List prices: what a quantity costs, and that a bad file is reported by its keys."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost.prices import DEFAULT_PATH, Price, PricesError, load_prices

PRICES = load_prices()
NAMED = PRICES.named

quantities = st.floats(0, 1e13)


@pytest.mark.parametrize(
    ("path", "quantity", "usd"),
    [
        # As the examples of a public estimator, which reads AWS's price list, have them.
        ("api_gateway.websocket_messages", 1_500e6, 1_000 + 400),
        ("api_gateway.connection_minutes", 10e6, 2.5),
        ("api_gateway.rest_requests", 21e9, 1_165.50 + 1_867.60 + 45_220 + 1_510),
        ("dynamodb.write_units", 3e6, 1.875),
        ("dynamodb.read_units", 8e6, 1.0),
        ("s3.storage", 10_000, 230),
        # At the edges of the allowances.
        ("lambda.requests", 1e6, 0),
        ("lambda.requests", 1.1e6, 0.02),
        ("lambda.gb_seconds", 400_000, 0),
        ("dynamodb.storage", 27, 0.5),
        ("cognito.essentials_players", 10_000, 0),
        ("cognito.essentials_players", 100_000, 1_350),
        ("cognito.lite_players", 1e6, 495 + 4_140),
        ("transfer.out", 100, 0),
        ("cloudwatch.logs", 5, 0),
    ],
)
def test_price_of_a_quantity_follows_the_tiers(path: str, quantity: float, usd: float) -> None:
    assert NAMED[path].cost(quantity) == pytest.approx(usd)


@pytest.mark.parametrize("path", NAMED)
@given(quantities, quantities)
def test_more_costs_no_less_and_is_never_dearer_than_the_dearest_tier(
    path: str, one: float, other: float
) -> None:
    price = NAMED[path]
    less, more = sorted((one, other))
    assert 0 <= price.cost(less) <= price.cost(more)
    dearest = max(tier.usd for tier in price.tiers) / price.per
    assert price.cost(more) <= more * dearest * (1 + 1e-9)


@pytest.mark.parametrize("path", NAMED)
@given(quantities)
def test_allowance_is_the_first_units_at_no_cost(path: str, quantity: float) -> None:
    price = NAMED[path]
    free = price.tiers[0].up_to if price.tiers[0].usd == 0 else 0.0
    full = price.without_allowance()
    assert price.cost(quantity) == pytest.approx(
        full.cost(max(quantity, free)) - full.cost(free), rel=1e-9, abs=1e-6
    )


def test_every_price_says_where_and_when_it_was_read() -> None:
    assert len(NAMED) > 15
    for price in NAMED.values():
        assert price.page.startswith("https://aws.amazon.com/")
        assert price.entry
        assert PRICES.oldest <= price.as_of <= PRICES.newest


def test_tiers_must_rise_to_infinity() -> None:
    price = NAMED["lambda.requests"].model_dump()
    for tiers in ([[5, 1], [5, 2], ["inf", 3]], [[5, 1]], [], [[-1, 1], ["inf", 1]], [["inf", -1]]):
        with pytest.raises(ValueError, match="tiers"):
            Price.model_validate(price | {"tiers": tiers})


@pytest.mark.parametrize(
    ("replaced", "by", "named"),
    [
        ('region = "us-east-1"', "", "region: Field required"),
        ("[s3.storage]", "[s3.storrage]", "s3.storage, s3.storrage: missing, or no price"),
        ("0.625", '"dear"', "dynamodb.write_units.tiers.0.1"),
        ("per = 1_000\n", "per = 0\n", "ses.emails.per"),
        ("region", "region =", ""),
    ],
)
def test_bad_file_is_refused_by_its_keys(tmp_path: Path, replaced: str, by: str, named: str) -> None:
    path = tmp_path / "prices.toml"
    text = DEFAULT_PATH.read_text()
    assert replaced in text
    path.write_text(text.replace(replaced, by, 1))
    with pytest.raises(PricesError) as caught:
        load_prices(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)
