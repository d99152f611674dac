"""What a player may do with progress, money, tasks, unlocks and the shop: pure rules on one value.

Each action takes the player as they are and answers with the player as they would be, or refuses. Nothing is
read and nothing is written here, so whoever stores players writes the answer on condition that the player is
still the one that was read.
"""

from datetime import date
from enum import Enum
from typing import TypeVar

from pydantic import Field, JsonValue

from game.economy import AMOUNT_LIMIT, Economy
from game.model import Model


class Refusal(Enum):
    """Why an action is refused."""

    UNKNOWN = "unknown"
    NOT_ENOUGH_MONEY = "not_enough_money"
    CONFLICT = "conflict"
    """The player has it already, or does not meet what it requires."""
    OVER_LIMIT = "over_limit"


class RefusedError(Exception):
    """The rules do not allow it; nothing has changed. `field` is the wrong one of the request."""

    def __init__(self, refusal: Refusal, field: str, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.field = field


class StaleVersionError(Exception):
    """The save was made from an older version than the stored one."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version: the stored progress is version {version}")
        self.version = version


class Earned(Model):
    """How much money has been added for a reason on the last day that there was any."""

    day: date
    amount: int


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
    inventory: dict[str, int] = Field(default_factory=dict)
    earned: dict[str, Earned] = Field(default_factory=dict)


P = TypeVar("P", bound=Player)


def save(economy: Economy, player: P, *, level: int, xp: int, checkpoint: JsonValue, version: int) -> P:
    """The player with a game's save. Raises StaleVersionError, or RefusedError for a leap."""
    if version != player.version:
        raise StaleVersionError(player.version)
    levels = economy.levels
    if xp > player.xp + levels.xp_per_save:
        raise RefusedError(
            Refusal.OVER_LIMIT, "xp", f"a save adds at most {levels.xp_per_save} xp to the {player.xp} stored"
        )
    # A level once reached stays with its xp, though the curve may have been raised since.
    kept = player.level if xp >= player.xp else 1
    if level > max(kept, levels.level(xp)):
        raise RefusedError(Refusal.OVER_LIMIT, "level", f"{xp} xp reach level {levels.level(xp)} at most")
    if not levels.backwards:
        if xp < player.xp:
            raise RefusedError(Refusal.OVER_LIMIT, "xp", f"must not fall below the {player.xp} stored")
        if level < player.level:
            raise RefusedError(Refusal.OVER_LIMIT, "level", f"must not fall below the {player.level} stored")
    changes = {"level": level, "xp": xp, "checkpoint": checkpoint, "version": player.version + 1}
    return player.model_copy(update=changes)


def unlock(economy: Economy, player: P, name: str) -> P:
    """The player with something opened and paid. Raises RefusedError."""
    offer = economy.unlocks.get(name)
    if offer is None:
        raise RefusedError(Refusal.UNKNOWN, "id", f"there is no unlock {name!r:.100}")
    if name in player.unlocked:
        raise RefusedError(Refusal.CONFLICT, "id", f"{name} is unlocked already")
    missing = [required for required in offer.requires if required not in player.unlocked]
    if missing:
        raise RefusedError(Refusal.CONFLICT, "id", f"{name} requires {', '.join(missing)}")
    if player.level < offer.level:
        raise RefusedError(Refusal.CONFLICT, "id", f"{name} requires level {offer.level}")
    if player.money < offer.price:
        raise RefusedError(Refusal.CONFLICT, "id", f"{name} requires {offer.price} money")
    changes = {"money": player.money - offer.price, "unlocked": (*player.unlocked, name)}
    return player.model_copy(update=changes)


def complete_task(economy: Economy, player: P, name: str, today: date) -> P:
    """The player with a task's reward. Raises RefusedError."""
    task = economy.tasks.get(name)
    if task is None:
        raise RefusedError(Refusal.UNKNOWN, "taskId", f"there is no task {name!r:.100}")
    completed = player.tasks.get(name)
    if completed is not None and (task.repeat == "once" or completed >= today):
        again = "for good" if task.repeat == "once" else f"for {completed.isoformat()}"
        raise RefusedError(Refusal.CONFLICT, "taskId", f"{name} is completed {again}")
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
    return player.model_copy(update=changes)


def add_money(economy: Economy, player: P, *, amount: int, reason: str, today: date) -> P:
    """The player with money that the game gives for a reason. Raises RefusedError."""
    caps = economy.money.get(reason)
    if caps is None:
        raise RefusedError(Refusal.OVER_LIMIT, "reason", f"there is no reason {reason!r:.100}")
    if amount > caps.per_request:
        raise RefusedError(Refusal.OVER_LIMIT, "amount", f"at most {caps.per_request} a request for {reason}")
    earned = player.earned.get(reason)
    so_far = earned.amount if earned is not None and earned.day >= today else 0
    if so_far + amount > caps.per_day:
        left = max(0, caps.per_day - so_far)  # the cap may have been lowered since
        raise RefusedError(Refusal.OVER_LIMIT, "amount", f"only {left} more today for {reason}")
    day = max(today, earned.day) if earned else today
    changes = {
        "money": _with_money(player, amount, "amount"),
        "earned": player.earned | {reason: Earned(day=day, amount=so_far + amount)},
    }
    return player.model_copy(update=changes)


def buy(economy: Economy, player: P, *, name: str, quantity: int) -> P:
    """The player with something bought. Raises RefusedError."""
    item = economy.shop.get(name)
    if item is None:
        raise RefusedError(Refusal.UNKNOWN, "itemId", f"the shop has no {name!r:.100}")
    if item.requires is not None and item.requires not in player.unlocked:
        raise RefusedError(Refusal.CONFLICT, "itemId", f"{name} requires {item.requires}")
    held = player.inventory.get(name, 0)
    if item.unique and held:
        raise RefusedError(Refusal.CONFLICT, "itemId", f"{name} is yours already")
    if item.unique and quantity > 1:
        raise RefusedError(Refusal.OVER_LIMIT, "quantity", f"there is only one {name}")
    price = item.price * quantity
    if player.money < price:
        raise RefusedError(
            Refusal.NOT_ENOUGH_MONEY, "itemId", f"costs {price}, and there is only {player.money}"
        )
    changes = {
        "money": player.money - price,
        "inventory": player.inventory | {name: held + quantity},
    }
    return player.model_copy(update=changes)


def _with_money(player: Player, amount: int, field: str) -> int:
    if player.money + amount > AMOUNT_LIMIT:
        raise RefusedError(Refusal.OVER_LIMIT, field, f"nobody holds more than {AMOUNT_LIMIT} money")
    return player.money + amount
