"""The rules of progress, money, tasks, unlocks and the shop: pure, on one value.

Each action takes the player as they are and answers with the player as they would be, or refuses. Nothing is
read and nothing is written here, so the store writes the answer on condition that the player is
still the one that was read.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pydantic import Field, JsonValue

from game.economy import AMOUNT_LIMIT, Economy, Requirements
from game.model import Model
from game.prizes import Prize
from game.scoring import Order, better

DAYS_KEPT = 4
"""Days of which it is known what they gave: those from yesterday on, for clocks differ around midnight.

A day that is ahead was given by a wrong clock: it does not lock the days until then.
"""


class Refusal(Enum):
    """Why an action is refused."""

    UNKNOWN = "unknown"
    NOT_ENOUGH_MONEY = "not_enough_money"
    CONFLICT = "conflict"
    """The player has it already, or does not meet what it requires."""
    OVER_LIMIT = "over_limit"


class ActionRefusedError(Exception):
    """The rules do not allow it; nothing has changed. `field` is the wrong one of the request.

    `rule` is the key of the catalogue that refuses, as `tasks.first-score.requires.score`.
    """

    def __init__(self, refusal: Refusal, field: str, message: str, rule: str | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.field = field
        self.rule = rule


class StaleVersionError(Exception):
    """The save was made from an older version than the stored one."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version: the stored progress is version {version}")
        self.version = version


class Earned(Model):
    """Money added for a reason: on the last day that there was any, and on others near it."""

    day: date
    amount: int
    others: dict[date, int] = Field(default_factory=dict)


class Player(Model):
    """A player's progress and belongings. A new player has the defaults."""

    level: int = 1
    xp: int = 0
    checkpoint: JsonValue = None
    version: int = 0
    """Counts the changes of level, xp and checkpoint, by saves and by rewards."""
    money: int = 0
    unlocked: tuple[str, ...] = ()
    tasks: dict[str, date] = Field(default_factory=dict)
    """The day (UTC) on which each task was last completed."""
    rewarded: dict[str, tuple[date, ...]] = Field(default_factory=dict)
    """Other days near that one on which each daily task was completed."""
    inventory: dict[str, int] = Field(default_factory=dict)
    earned: dict[str, Earned] = Field(default_factory=dict)


class Reached(NamedTuple):
    """A player's best on a board: its points, and which of the board's points are better."""

    points: int
    order: Order


P = TypeVar("P", bound=Player)


def save(economy: Economy, player: P, *, level: int, xp: int, checkpoint: JsonValue, version: int) -> P:
    """Return the player with a game's save. Raises StaleVersionError, or ActionRefusedError for a leap."""
    if version != player.version:
        raise StaleVersionError(player.version)
    levels = economy.levels
    if xp > player.xp + levels.xp_per_save:
        raise ActionRefusedError(
            Refusal.OVER_LIMIT, "xp", f"a save adds at most {levels.xp_per_save} xp to the {player.xp} stored"
        )
    # A level once reached stays with its xp, though the curve may have been raised since.
    kept = player.level if xp >= player.xp else 1
    if level > max(kept, levels.level(xp)):
        raise ActionRefusedError(
            Refusal.OVER_LIMIT, "level", f"{xp} xp reach level {levels.level(xp)} at most"
        )
    if not levels.backwards:
        if xp < player.xp:
            raise ActionRefusedError(Refusal.OVER_LIMIT, "xp", f"must not fall below the {player.xp} stored")
        if level < player.level:
            raise ActionRefusedError(
                Refusal.OVER_LIMIT, "level", f"must not fall below the {player.level} stored"
            )
    changes = {"level": level, "xp": xp, "checkpoint": checkpoint, "version": player.version + 1}
    return player.model_copy(update=changes)


def unlock(economy: Economy, player: P, name: str) -> P:
    """Return the player with something opened and paid. Raises ActionRefusedError."""
    offer = economy.unlocks.get(name)
    if offer is None:
        raise ActionRefusedError(Refusal.UNKNOWN, "id", f"there is no unlock {name!r:.100}")
    if name in player.unlocked:
        raise ActionRefusedError(Refusal.CONFLICT, "id", f"{name} is unlocked already")
    missing = [required for required in offer.requires if required not in player.unlocked]
    if missing:
        raise ActionRefusedError(
            Refusal.CONFLICT, "id", f"{name} requires {', '.join(missing)}", f"unlocks.{name}.requires"
        )
    if player.level < offer.level:
        raise ActionRefusedError(
            Refusal.CONFLICT, "id", f"{name} requires level {offer.level}", f"unlocks.{name}.level"
        )
    if player.money < offer.price:
        raise ActionRefusedError(
            Refusal.CONFLICT, "id", f"{name} requires {offer.price} money", f"unlocks.{name}.price"
        )
    changes = {"money": player.money - offer.price, "unlocked": (*player.unlocked, name)}
    return player.model_copy(update=changes)


def complete_task(
    economy: Economy,
    player: P,
    name: str,
    today: date,
    reached: Mapping[str, Reached] = MappingProxyType({}),
) -> P:
    """Return the player with a task's reward. Raises ActionRefusedError.

    `reached` are the player's bests by board, of the boards in the catalogue.
    """
    task = economy.tasks.get(name)
    if task is None:
        raise ActionRefusedError(Refusal.UNKNOWN, "taskId", f"there is no task {name!r:.100}")
    last = player.tasks.get(name)
    days = {*player.rewarded.get(name, ()), *([last] if last else [])}
    if last is not None and task.repeat == "once":
        raise ActionRefusedError(
            Refusal.CONFLICT, "taskId", f"{name} is completed for good", f"tasks.{name}.repeat"
        )
    if today in days:
        raise ActionRefusedError(
            Refusal.CONFLICT, "taskId", f"{name} is completed for {today.isoformat()}", f"tasks.{name}.repeat"
        )
    missing = dict(_missing(task.requires, player, reached)) if task.requires else {}
    if missing:
        rule = f"tasks.{name}.requires.{next(iter(missing))}"
        raise ActionRefusedError(
            Refusal.CONFLICT, "taskId", f"{name} requires {' and '.join(missing.values())}", rule
        )
    xp = min(player.xp + task.xp, AMOUNT_LIMIT)
    level = max(player.level, economy.levels.level(xp))
    # A save made before the reward must not take it away again.
    moved = (level, xp) != (player.level, player.xp)
    changes = {
        "money": _with_money(player, task.money, "taskId"),
        "level": level,
        "xp": xp,
        "version": player.version + moved,
        "tasks": player.tasks | {name: today},
    }
    others = _kept(days - {today}, today) if task.repeat == "daily" else ()
    if others or name in player.rewarded:
        changes["rewarded"] = player.rewarded | {name: others}
    return player.model_copy(update=changes)


def add_money(economy: Economy, player: P, *, amount: int, reason: str, today: date) -> P:
    """Return the player with money that the game gives for a reason. Raises ActionRefusedError."""
    caps = economy.money.get(reason)
    if caps is None:
        raise ActionRefusedError(Refusal.OVER_LIMIT, "reason", f"there is no reason {reason!r:.100}")
    if amount > caps.per_request:
        raise ActionRefusedError(
            Refusal.OVER_LIMIT,
            "amount",
            f"at most {caps.per_request} a request for {reason}",
            f"money.{reason}.perRequest",
        )
    earned = player.earned.get(reason)
    amounts = earned.others | {earned.day: earned.amount} if earned else {}
    so_far = amounts.get(today, 0)
    if so_far + amount > caps.per_day:
        left = max(0, caps.per_day - so_far)  # the cap may have been lowered since
        raise ActionRefusedError(
            Refusal.OVER_LIMIT, "amount", f"only {left} more today for {reason}", f"money.{reason}.perDay"
        )
    others = {day: amounts[day] for day in _kept(set(amounts) - {today}, today)}
    changes = {
        "money": _with_money(player, amount, "amount"),
        "earned": player.earned | {reason: Earned(day=today, amount=so_far + amount, others=others)},
    }
    return player.model_copy(update=changes)


def buy(economy: Economy, player: P, *, name: str, quantity: int) -> P:
    """Return the player with something bought. Raises ActionRefusedError."""
    item = economy.shop.get(name)
    if item is None:
        raise ActionRefusedError(Refusal.UNKNOWN, "itemId", f"the shop has no {name!r:.100}")
    if item.requires is not None and item.requires not in player.unlocked:
        raise ActionRefusedError(
            Refusal.CONFLICT, "itemId", f"{name} requires {item.requires}", f"shop.{name}.requires"
        )
    held = player.inventory.get(name, 0)
    if item.unique and held:
        raise ActionRefusedError(Refusal.CONFLICT, "itemId", f"{name} is yours already")
    if item.unique and quantity > 1:
        raise ActionRefusedError(Refusal.OVER_LIMIT, "quantity", f"there is only one {name}")
    price = item.price * quantity
    if player.money < price:
        raise ActionRefusedError(
            Refusal.NOT_ENOUGH_MONEY, "itemId", f"costs {price}, and there is only {player.money}"
        )
    changes = {
        "money": player.money - price,
        "inventory": player.inventory | {name: held + quantity},
    }
    return player.model_copy(update=changes)


def grant(economy: Economy, player: P, prize: Prize, rule: str) -> P:
    """Return the player with a prize; of a unique item there is one. Raises ActionRefusedError.

    `rule` is the key of the catalogue that gives it.
    """
    inventory = dict(player.inventory)
    for name, count in prize.items.items():
        is_unique = name in economy.shop and economy.shop[name].unique
        held = inventory.get(name, 0)
        inventory[name] = max(held, 1) if is_unique else held + count
    return player.model_copy(
        update={"money": _with_money(player, prize.money, "gameArea", rule), "inventory": inventory}
    )


def _missing(
    requires: Requirements, player: Player, reached: Mapping[str, Reached]
) -> Iterator[tuple[str, str]]:
    """Yield each requirement that the player does not meet: its key, and what it asks for."""
    if requires.score and not reached:
        yield "score", "a score"
    if requires.area is not None:
        best = reached.get(requires.area)
        if best is None:
            yield "area", f"a score on {requires.area}"
        elif requires.points is not None and better(best.order, requires.points, best.points):
            bound = "at least" if best.order == "desc" else "at most"
            yield "points", f"{bound} {requires.points} on {requires.area}"
    if requires.level is not None and player.level < requires.level:
        yield "level", f"level {requires.level}"
    if requires.unlock is not None and requires.unlock not in player.unlocked:
        yield "unlock", requires.unlock
    if requires.item is not None and not player.inventory.get(requires.item):
        yield "item", requires.item


def _kept(days: Iterable[date], today: date) -> tuple[date, ...]:
    """Return the days that are worth remembering, the nearest first."""
    yesterday = today - timedelta(days=1)
    return tuple(sorted(day for day in days if day >= yesterday)[:DAYS_KEPT])


def _with_money(player: Player, amount: int, field: str, rule: str | None = None) -> int:
    # A merge may have left more: what adds none is no reason to refuse.
    if amount and player.money + amount > AMOUNT_LIMIT:
        raise ActionRefusedError(Refusal.OVER_LIMIT, field, f"the balance cannot exceed {AMOUNT_LIMIT}", rule)
    return player.money + amount
