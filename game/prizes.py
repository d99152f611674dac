"""The prizes of a season: which ranks win what. Pure rules.

A board's prizes are tiers, and a player gets the FIRST one of the file that their rank fits: one prize per
player, board and season. A tier is a range of ranks, or the best part of all players in percent, which is
rounded up and at least one player.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from game.economy import QUANTITY_LIMIT, Amount, Economy, ItemId
from game.model import Model

TIERS_LIMIT = 50
"""Tiers of a board."""
RANK_LIMIT = 10**9
"""The last rank that a tier may name: beyond the players of any game."""
LOOKUPS = 10
"""Ranks that one request for a player's rewards looks up, at most, side by side."""
_WHOLE = 10_000
"""100 percent, in hundredths of a percent."""

_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%")


def _to_hundredths(value: object) -> object:
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a percentage with at most two decimals, as "10%" or "0.25%"')
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _to_text(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".") + "%" if rest else f"{whole}%"


def _in_order(ranks: tuple[int, int]) -> tuple[int, int]:
    first, last = ranks
    if first > last:
        raise ValueError(f"the first rank ({first}) must not be behind the last ({last})")
    return ranks


Percent = Annotated[
    int,
    BeforeValidator(_to_hundredths),
    Field(ge=1, le=_WHOLE),
    PlainSerializer(_to_text, return_type=str),
]
"""A part of a whole, in hundredths of a percent; "10%" in the file and in JSON."""
_Rank = Annotated[int, Field(ge=1, le=RANK_LIMIT, strict=True)]
Items = dict[ItemId, Annotated[int, Field(ge=1, le=QUANTITY_LIMIT, strict=True)]]
"""How many there are of each item of the shop."""


class Prize(Model):
    """What a player gets."""

    money: int = 0
    items: dict[str, int] = Field(default_factory=dict)


class Tier(Model):
    """A prize, and who gets it: `ranks`, from the first to the last, or the `top` percent of all players."""

    ranks: Annotated[tuple[_Rank, _Rank], AfterValidator(_in_order)] | None = None
    top: Percent | None = None
    money: Amount = 0
    items: Items = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.ranks is None) == (self.top is None):
            raise ValueError("must have either ranks or top")
        if not self.money and not self.items:
            raise ValueError("must give money or items")
        return self

    @property
    def prize(self) -> Prize:
        """What each of these players gets."""
        return Prize(money=self.money, items=dict(self.items))

    def fits(self, rank: int, of: int) -> bool:
        """Return whether a rank, from 1 on, among `of` players is in the tier."""
        if self.ranks is not None:
            first, last = self.ranks
            return first <= rank <= last
        return rank <= _winners(self.top or 0, of)


Tiers = Annotated[tuple[Tier, ...], Field(max_length=TIERS_LIMIT)]


def prize_of(tiers: Sequence[Tier], rank: int, of: int) -> Prize | None:
    """Return the prize of a rank, from 1 on, among `of` players: that of the first tier that it fits."""
    return next((tier.prize for tier in tiers if tier.fits(rank, of)), None)


def faults(economy: Economy, tiers: Sequence[Tier]) -> Iterator[str]:
    """Yield what is wrong with a board's prizes, each behind its key: `prizes.0.items.camel: …`."""
    for number, tier in enumerate(tiers):
        key = f"prizes.{number}"
        for name, count in tier.items.items():
            item = economy.shop.get(name)
            if item is None:
                yield f"{key}.items.{name}: the shop has no {name!r}"
            elif item.unique and count > 1:
                yield f"{key}.items.{name}: there is only one, so no player can get {count}"
        if _is_covered(tier, tiers[:number]):
            yield f"{key}: no player gets it, for every rank in it fits an earlier prize: put it before"


def _winners(hundredths: int, of: int) -> int:
    return max(1, -(-of * hundredths // _WHOLE))


def _is_covered(tier: Tier, earlier: Sequence[Tier]) -> bool:
    """Return whether no number of players leaves a rank of a tier to it."""
    shares = [one.top for one in earlier if one.top is not None]
    if tier.top is not None:
        return any(share >= tier.top for share in shares)
    first, rank = tier.ranks or (1, 1)
    # Of a greater rank, less is covered by a percentage; and it is the least among that many players.
    for low, high in sorted((one.ranks for one in earlier if one.ranks is not None), reverse=True):
        if low <= rank <= high:
            rank = low - 1
    return rank < first or any(_winners(share, rank) >= rank for share in shares)
