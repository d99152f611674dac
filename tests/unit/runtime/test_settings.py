"""A function's environment, as the CDK app writes it and the handler reads it."""

import pytest
from pydantic import ValidationError

from game.environment import (
    ApiEnvironment,
    AuthorizerEnvironment,
    BroadcasterEnvironment,
    Environment,
    PortraitsEnvironment,
    RoutesEnvironment,
)
from runtime.settings import read

LIVE = "https://live.example.com/dev"
POOL = "us-east-1_Podium123"
ISSUER = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"

ENVIRONMENTS: tuple[Environment, ...] = (
    ApiEnvironment(
        table_prefix="dev-",
        deployment='{"region":"x"}',
        portrait_function="p",
        run_secret="s",
        connections_url=LIVE,
        token_issuer=ISSUER,
        token_client_id="game",
        key_set_url=f"{ISSUER}/jwks.json",
    ),
    RoutesEnvironment(table_prefix="dev-", push_rate=2500, connections_url=LIVE, user_pool_id=POOL),
    RoutesEnvironment(push_rate=0.1 + 0.2, connections_url="${Token[TOKEN.12]}", user_pool_id=POOL),
    AuthorizerEnvironment(token_issuer=ISSUER, token_client_id="game", key_set_url=f"{ISSUER}/jwks.json"),
    AuthorizerEnvironment(
        token_issuer=ISSUER,
        token_client_id="game",
        key_set_url=f"{ISSUER}/jwks.json",
        spectator_origins="https://a.example *",
    ),
    RoutesEnvironment(connections_url=LIVE, user_pool_id=POOL, spectators=7, spectators_per_address=3),
    BroadcasterEnvironment(connections_url=LIVE, pusher_function="pusher", direct_limit=7, pushers=3),
    PortraitsEnvironment(avatar_bucket="pictures"),
)


class ShopEnvironment(Environment):
    """Two variables."""

    stock: int
    title: str = "Shop"


def test_fields_are_variables_with_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_STOCK", "12")
    monkeypatch.setenv("PODIUM_OTHER", "x")
    monkeypatch.setenv("title", "Not ours")
    assert read(ShopEnvironment) == ShopEnvironment(stock=12, title="Shop")


@pytest.mark.parametrize("value", [None, "a dozen"])
def test_variable_that_is_missing_or_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("PODIUM_STOCK", value)
    with pytest.raises(ValidationError, match="PODIUM_STOCK"):
        read(ShopEnvironment)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: type(environment).__name__)
def test_environment_that_is_written_is_read_the_same(
    monkeypatch: pytest.MonkeyPatch, environment: Environment
) -> None:
    for name, value in environment.variables().items():
        assert name.startswith("PODIUM_")
        monkeypatch.setenv(name, value)
    assert read(type(environment)) == environment


def test_misspelled_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="stokc"):
        ShopEnvironment.model_validate({"stock": 1, "stokc": 2})
