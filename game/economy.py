"""The catalogue's parts besides areas: levels, unlocks, tasks, the shop, and the caps on earned money."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from game.model import Model

# Below 2^53, so that JavaScript holds every balance exactly.
AMOUNT_LIMIT = 10**12
QUANTITY_LIMIT = 1000
"""The most of one item that one purchase may take, or one prize give."""

ItemId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
TITLE_LIMIT = 60
"""Characters of a title."""
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_LIMIT)]
Amount = Annotated[int, Field(ge=0, le=AMOUNT_LIMIT, strict=True)]
PositiveAmount = Annotated[int, Field(ge=1, le=AMOUNT_LIMIT, strict=True)]


def _rises_from_zero(thresholds: tuple[int, ...]) -> tuple[int, ...]:
    if thresholds[0] != 0 or any(later <= earlier for earlier, later in pairwise(thresholds)):
        raise ValueError("must start at 0 and rise")
    return thresholds


class Levels(Model):
    """The xp curve, and how far one save may move a player along it."""

    xp: Annotated[tuple[Amount, ...], Field(min_length=1), AfterValidator(_rises_from_zero)]
    """The xp with which level 1, level 2, … begins."""
    xp_per_save: PositiveAmount
    backwards: bool
    """Whether a save may lower level and xp."""

    def level(self, xp: int) -> int:
        """Return the level of a player with this xp, counting from 1."""
        return sum(threshold <= xp for threshold in self.xp)


class Unlock(Model):
    """Something that a player may open, once."""

    title: Title
    level: Annotated[int, Field(ge=1, strict=True)] = 1
    price: Amount = 0
    requires: tuple[ItemId, ...] = ()
    """Other unlocks that must be open before."""


class Requirements(Model):
    """The conditions of a task: all that is named here must be reached or owned."""

    score: Literal[True] | None = None
    """A score in any area."""
    area: str | None = None
    """Where there must be a score: an area, or a board."""
    points: Annotated[int, Field(strict=True)] | None = None
    """The points on `area`: at least these, or at most where lower is better."""
    level: Annotated[int, Field(ge=1, strict=True)] | None = None
    unlock: ItemId | None = None
    item: ItemId | None = None

    @property
    def needs_bests(self) -> bool:
        """Return whether a player's scores matter."""
        return self.score is not None or self.area is not None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name at least one of score, area, points, level, unlock, item")
        if self.points is not None and self.area is None:
            raise ValueError("points needs area: the area or board where they are reached")
        return self


class Task(Model):
    """Something to do, for money and xp: once, or once a day (UTC)."""

    title: Title
    requires: Requirements | None = None
    money: Amount = 0
    xp: Amount = 0
    repeat: Literal["once", "daily"]


class ShopItem(Model):
    """Something to buy: one at most if `unique`, any number otherwise."""

    title: Title
    price: Amount
    unique: bool
    requires: ItemId | None = None
    """The unlock that must be open before."""


class EarningLimit(Model):
    """The money that a game may add for one reason: in a request, and in a day (UTC)."""

    per_request: PositiveAmount
    per_day: PositiveAmount


class Economy(Model):
    """The whole economy section of the catalogue; every part is optional."""

    levels: Levels = Levels(xp=(0,), xp_per_save=AMOUNT_LIMIT, backwards=False)
    unlocks: dict[ItemId, Unlock] = Field(default_factory=dict)
    tasks: dict[ItemId, Task] = Field(default_factory=dict)
    shop: dict[ItemId, ShopItem] = Field(default_factory=dict)
    money: dict[ItemId, EarningLimit] = Field(default_factory=dict)

    def broken_references(self) -> list[str]:
        """Return the references to missing things, each by its table and key."""
        problems = []
        for name, unlock in self.unlocks.items():
            problems += [
                f"unlocks.{name}.requires: there is no unlock {required!r}"
                for required in unlock.requires
                if required not in self.unlocks
            ]
            if unlock.level > len(self.levels.xp):
                problems.append(f"unlocks.{name}.level: there are only {len(self.levels.xp)} levels")
            if self._requires_itself(name):
                problems.append(
                    f"unlocks.{name}.requires: requires itself, directly or through another unlock"
                )
        for name, task in self.tasks.items():
            if task.requires is not None:
                problems += self._broken_requirements(f"tasks.{name}.requires", task.requires)
        for name, item in self.shop.items():
            if item.requires is not None and item.requires not in self.unlocks:
                problems.append(f"shop.{name}.requires: there is no unlock {item.requires!r}")
        for name, earning in self.money.items():
            if earning.per_request > earning.per_day:
                problems.append(
                    f"money.{name}.perRequest: must be at most perDay ({earning.per_day}), "
                    f"not {earning.per_request}"
                )
        return problems

    def _broken_requirements(self, key: str, requires: Requirements) -> list[str]:
        problems = []
        if requires.level is not None and requires.level > len(self.levels.xp):
            problems.append(f"{key}.level: there are only {len(self.levels.xp)} levels")
        if requires.unlock is not None and requires.unlock not in self.unlocks:
            problems.append(f"{key}.unlock: there is no unlock {requires.unlock!r}")
        if requires.item is not None and requires.item not in self.shop:
            problems.append(f"{key}.item: the shop has no {requires.item!r}")
        return problems

    def _requires_itself(self, name: str) -> bool:
        reached: set[str] = set()
        waiting = list(self.unlocks[name].requires)
        while waiting:
            required = waiting.pop()
            if required in self.unlocks and required not in reached:
                reached.add(required)
                waiting += self.unlocks[required].requires
        return name in reached
