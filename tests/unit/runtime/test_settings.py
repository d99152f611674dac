"""Settings from the environment."""

import pytest
from pydantic import ValidationError

from runtime.settings import Settings


class ShopSettings(Settings):
    """Two settings."""

    stock: int
    title: str = "Shop"


def test_fields_are_variables_with_our_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_STOCK", "12")
    monkeypatch.setenv("PODIUM_OTHER", "x")
    monkeypatch.setenv("title", "Not ours")
    assert ShopSettings.read() == ShopSettings(stock=12, title="Shop")


@pytest.mark.parametrize("value", [None, "a dozen"])
def test_variable_that_is_missing_or_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("PODIUM_STOCK", value)
    with pytest.raises(ValidationError, match="PODIUM_STOCK"):
        ShopSettings.read()
