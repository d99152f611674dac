"""List prices, read from a dated TOML file, and what a quantity costs at them."""

import math
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

DEFAULT_PATH = Path(__file__).with_name("prices.toml")


class PricesError(Exception):
    """The price file cannot be used; the message names the file and every key that is wrong."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tier(NamedTuple):
    """A price up to a number of units per month, counted from the first one; infinite for the last tier."""

    up_to: float
    usd: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(_Part):
    """The price of a unit. `usd` of the tiers is for `per` units.

    `page` is where AWS publishes the price, `entry` what was read of it, and `as_of` when.
    """

    unit: str
    per: Annotated[int, Field(ge=1)]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    page: Annotated[str, Field(pattern=r"^https://")]
    entry: str
    as_of: date

    @model_validator(mode="after")
    def _check(self) -> Self:
        bounds = [0.0, *(tier.up_to for tier in self.tiers)]
        if any(lower >= upper for lower, upper in pairwise(bounds)):
            raise ValueError("tiers: each must end above the one before")
        if not math.isinf(bounds[-1]):
            raise ValueError('tiers: the last must be open-ended ("inf")')
        return self

    def cost(self, quantity: float) -> float:
        """Price of these units in a month, USD."""
        usd, lower = 0.0, 0.0
        for tier in self.tiers:
            usd += max(0.0, min(quantity, tier.up_to) - lower) * tier.usd
            lower = tier.up_to
        return usd / self.per

    def without_allowance(self) -> "Price":
        """Return the same without the account's allowance: the free units cost as those after them."""
        paid = tuple(tier for tier in self.tiers if tier.usd > 0)
        return self.model_copy(update={"tiers": paid})


class Prices(_Part):
    """The prices of a Region. `named` has them by their paths in the file, such as `s3.storage`."""

    region: str
    named: dict[str, Price]

    @property
    def oldest(self) -> date:
        """The day of the price that was read longest ago."""
        return min(price.as_of for price in self.named.values())

    @property
    def newest(self) -> date:
        """The day of the price that was read last."""
        return max(price.as_of for price in self.named.values())


def load_prices(path: Path = DEFAULT_PATH) -> Prices:
    """Read and check a price file, which has the same prices as the default one.

    Raises PricesError, which names the file and each key that is wrong.
    """
    try:
        prices = Prices.model_validate(_read(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PricesError(f"{path}: {error}") from error
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, detail['loc'])).removeprefix('named.')}: {detail['msg']}"
            for detail in error.errors(include_url=False)
        ]
        raise PricesError(f"{path}: " + "; ".join(problems)) from error
    wrong = sorted(prices.named.keys() ^ _read(DEFAULT_PATH)["named"].keys())
    if wrong:
        raise PricesError(f"{path}: {', '.join(wrong)}: missing, or no price that the bill knows")
    return prices


def _read(path: Path) -> dict[str, Any]:
    """Return a price file with its tables of prices as one, by `service.name`."""
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    services = {name: values.pop(name) for name, value in tuple(values.items()) if isinstance(value, dict)}
    named = {
        f"{service}.{name}": price for service, prices in services.items() for name, price in prices.items()
    }
    return values | {"named": named}
